"""Integer affine maps of columns with one shift for all of them: it is a constant in the code."""

from pyexport.ir import Graph, Node, QuantizedAffine
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.linear_q15x import quant
from pyexport.lower.kernels.sums import range_params
from pyexport.lower.packing import plain_const
from pyexport.program import Const
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return isinstance(node.op, QuantizedAffine) and len(set(node.op.shift.tolist())) == 1


def _lower(node: Node, graph: Graph) -> Lowered:
    op = quantized_affine(node)
    return lowered(node, graph, (), (("shift", int(op.shift[0])),))


def quantized_affine(node: Node) -> QuantizedAffine:
    """Return the node's operator; raises TypeError for any other kind."""
    if not isinstance(node.op, QuantizedAffine):
        raise TypeError(f"{node.name} is {node.op.kind}")
    return node.op


def lowered(
    node: Node, graph: Graph, tables: tuple[Const, ...], params: tuple[tuple[str, int | str], ...]
) -> Lowered:
    """Return what every integer affine kernel has, and a variant's own tables and numbers."""
    op = quantized_affine(node)
    source, target = quant(graph, node.inputs[0]), quant(graph, node.outputs[0])
    size = graph.tensor(node.inputs[0]).size
    return Lowered(
        consts=(
            plain_const(f"{node.name}_weight", op.weight, "s8", "one a column"),
            plain_const(f"{node.name}_bias", op.bias, "s32", "-zero_point * weight included"),
            plain_const(f"{node.name}_multiplier", op.multiplier, "u16", "q15x, one a column"),
            *tables,
        ),
        params=(
            ("n", size),
            ("columns", len(op.weight)),
            ("in_dtype", source.dtype),
            *range_params(target),
            ("pre_shift", op.pre_shift),
            *params,
        ),
        acc_low=int(op.acc_low.min()),
        acc_high=int(op.acc_high.max()),
        trace_size=size,
    )


def cost(node: Node, graph: Graph) -> int:
    """Return products of one inference."""
    return graph.tensor(node.inputs[0]).size


KERNEL = Kernel(
    name="affine_q15x",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=cost,
    template="ops/affine_q15x.h.j2",
)
