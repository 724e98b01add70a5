"""Float32 linear layers: each sum starts at the bias and takes the inputs in order."""

from pyexport.ir import Graph, Linear, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.packing import plain_const
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return isinstance(node.op, Linear) and graph.tensor(node.inputs[0]).quant is None


def _lower(node: Node, graph: Graph) -> Lowered:
    op = _linear(node)
    n_out, n_in = op.weight.shape
    return Lowered(
        consts=(
            plain_const(
                f"{node.name}_weight", op.weight, "f32", f"[{n_out} outputs][{n_in} inputs]"
            ),
            plain_const(f"{node.name}_bias", op.bias, "f32", "the sum starts here"),
        ),
        params=(
            ("n_in", n_in),
            ("n_out", n_out),
            ("low", repr(float(op.low))),
            ("high", repr(float(op.high))),
        ),
        trace_size=n_out,
    )


def _linear(node: Node) -> Linear:
    if not isinstance(node.op, Linear):
        raise TypeError(f"{node.name} is {node.op.kind}")
    return node.op


KERNEL = Kernel(
    name="linear_f32",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=lambda node, graph: int(_linear(node).weight.size),
    template="ops/linear_f32.h.j2",
)
