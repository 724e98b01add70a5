"""The index of the largest byte along an axis."""

from pyexport.integer.softmax import QuantizedArgmax
from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.sums import quant
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return isinstance(node.op, QuantizedArgmax)


def _lower(node: Node, graph: Graph) -> Lowered:
    op = node.op
    if not isinstance(op, QuantizedArgmax):
        raise TypeError(f"{node.name} is {op.kind}")
    return Lowered(
        consts=(),
        params=(
            ("outer", op.outer),
            ("count", op.count),
            ("inner", op.inner),
            ("dtype", quant(graph, node.inputs[0]).dtype),
            ("index_dtype", quant(graph, node.outputs[0]).dtype),
        ),
    )


KERNEL = Kernel(
    name="argmax_u8",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=lambda node, graph: graph.tensor(node.inputs[0]).size,
    template="ops/argmax_u8.h.j2",
)
