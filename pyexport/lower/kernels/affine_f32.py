"""Float32 affine maps of columns: the product is rounded, then the sum."""

from pyexport.ir import Affine, Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.packing import plain_const
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return isinstance(node.op, Affine) and graph.tensor(node.inputs[0]).quant is None


def _lower(node: Node, graph: Graph) -> Lowered:
    op = node.op
    if not isinstance(op, Affine):
        raise TypeError(f"{node.name} is {op.kind}")
    size = graph.tensor(node.inputs[0]).size
    return Lowered(
        consts=(
            plain_const(f"{node.name}_scale", op.scale, "f32", "one a column"),
            plain_const(f"{node.name}_offset", op.shift, "f32", "one a column"),
        ),
        params=(
            ("n", size),
            ("columns", len(op.scale)),
            ("low", repr(float(op.low))),
            ("high", repr(float(op.high))),
        ),
        trace_size=size,
    )


KERNEL = Kernel(
    name="affine_f32",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=lambda node, graph: graph.tensor(node.inputs[0]).size,
    template="ops/affine_f32.h.j2",
)
