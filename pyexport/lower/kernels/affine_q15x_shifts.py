"""Integer affine maps of columns that differ too much in scale to share one shift."""

from pyexport.ir import Graph, Node, QuantizedAffine
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.affine_q15x import cost, lowered, quantized_affine
from pyexport.lower.packing import plain_const
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return isinstance(node.op, QuantizedAffine)


def _lower(node: Node, graph: Graph) -> Lowered:
    shift = quantized_affine(node).shift
    table = plain_const(f"{node.name}_shift", shift, "u8", "1..30, one a column")
    return lowered(node, graph, (table,), ())


KERNEL = Kernel(
    name="affine_q15x_shifts",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=cost,
    template="ops/affine_q15x_shifts.h.j2",
)
