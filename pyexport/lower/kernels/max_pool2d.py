"""The largest byte of each window."""

from pyexport.integer.pool import QuantizedMaxPool2d
from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.sums import quant
from pyexport.lower.kernels.windows import window_params, window_reads
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return isinstance(node.op, QuantizedMaxPool2d)


def _lower(node: Node, graph: Graph) -> Lowered:
    op = node.op
    if not isinstance(op, QuantizedMaxPool2d):
        raise TypeError(f"{node.name} is {op.kind}")
    return Lowered(
        consts=(),
        params=(
            *window_params(op, node, graph),
            ("dtype", quant(graph, node.inputs[0]).dtype),
        ),
    )


KERNEL = Kernel(
    name="max_pool2d",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=window_reads,
    template="ops/max_pool2d.h.j2",
)
