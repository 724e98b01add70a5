"""Integer linear layers with one shift for all outputs: the shift is a constant in the code."""

from pyexport.ir import Graph, Node, QuantizedLinear, QuantParams
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.sums import range_params
from pyexport.lower.packing import plain_const
from pyexport.program import Const
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return isinstance(node.op, QuantizedLinear) and len(set(node.op.shift.tolist())) == 1


def _lower(node: Node, graph: Graph) -> Lowered:
    op = quantized_linear(node)
    return Lowered(
        consts=parameter_tables(node),
        params=(*common_params(node, graph), ("shift", int(op.shift[0]))),
        acc_low=int(op.acc_low.min()),
        acc_high=int(op.acc_high.max()),
        trace_size=len(op.bias),
    )


def quantized_linear(node: Node) -> QuantizedLinear:
    """Return the node's operator; raises TypeError for any other kind."""
    if not isinstance(node.op, QuantizedLinear):
        raise TypeError(f"{node.name} is {node.op.kind}")
    return node.op


def parameter_tables(node: Node) -> tuple[Const, ...]:
    """Return the tables that every integer linear kernel has: weights, biases, multipliers."""
    op = quantized_linear(node)
    n_out, n_in = op.weight.shape
    return (
        plain_const(f"{node.name}_weight", op.weight, "s8", f"[{n_out} outputs][{n_in} inputs]"),
        plain_const(f"{node.name}_bias", op.bias, "s32", "-zero_point * sum(weights) included"),
        plain_const(f"{node.name}_multiplier", op.multiplier, "u16", "q15x, one an output"),
    )


def common_params(node: Node, graph: Graph) -> tuple[tuple[str, int | str], ...]:
    """Return shapes, types, limits and zero point: what every integer linear kernel prints."""
    op = quantized_linear(node)
    source, target = quant(graph, node.inputs[0]), quant(graph, node.outputs[0])
    n_out, n_in = op.weight.shape
    return (
        ("n_in", n_in),
        ("n_out", n_out),
        ("in_dtype", source.dtype),
        *range_params(target),
        ("pre_shift", op.pre_shift),
    )


def quant(graph: Graph, tensor: str) -> QuantParams:
    """Return a tensor's quantization; raises TypeError for a float tensor."""
    params = graph.tensor(tensor).quant
    if params is None:
        raise TypeError(f"{tensor} is not quantized")
    return params


def cost(node: Node, graph: Graph) -> int:
    """Return products of one inference."""
    return int(quantized_linear(node).weight.size)


KERNEL = Kernel(
    name="linear_q15x",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=cost,
    template="ops/linear_q15x.h.j2",
)
