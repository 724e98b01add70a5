"""Float32 softmax with its own exponential: no libm, the same bits everywhere."""

from pyexport.ir import Graph, Node, Softmax
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.reuse import element_for_element
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return isinstance(node.op, Softmax)


def _lower(node: Node, graph: Graph) -> Lowered:
    return Lowered(consts=(), params=(("n", graph.tensor(node.inputs[0]).size),), trace_size=1)


KERNEL = Kernel(
    name="softmax_f32",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=lambda node, graph: 8 * graph.tensor(node.inputs[0]).size,
    reuse=element_for_element,
    template="ops/softmax_f32.h.j2",
)
