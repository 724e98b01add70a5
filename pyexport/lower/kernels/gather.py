"""Copies bytes in another order: permute, slice, nearest enlarging."""

from pyexport.integer.shape import QuantizedGather
from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.nest import merged, text
from pyexport.lower.kernels.sums import quant
from pyexport.lower.memory import View
from pyexport.lower.reuse import Reuse
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return isinstance(node.op, QuantizedGather)


def _lower(node: Node, graph: Graph) -> Lowered:
    op = node.op
    if not isinstance(op, QuantizedGather):
        raise TypeError(f"{node.name} is {op.kind}")
    sizes, (strides,) = merged(op.sizes, op.strides)
    return Lowered(
        consts=(),
        params=(
            ("label", op.label or "gather"),
            ("in_size", graph.tensor(node.inputs[0]).size),
            ("out_size", graph.tensor(node.outputs[0]).size),
            ("dtype", quant(graph, node.inputs[0]).dtype),
            ("sizes", text(sizes)),
            ("strides", text(strides)),
            ("offset", op.offset),
        ),
    )


def _reuse(node: Node, graph: Graph) -> Reuse:
    """Return the output as a view where its bytes lie behind each other in the input."""
    op = node.op
    if not isinstance(op, QuantizedGather):
        return Reuse()
    sizes, (strides,) = merged(op.sizes, op.strides)
    one_run = len(sizes) == 1 and (strides == (1,) or sizes == (1,))
    return Reuse(views=(View(node.outputs[0], node.inputs[0], op.offset),) if one_run else ())


KERNEL = Kernel(
    name="gather",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=lambda node, graph: graph.tensor(node.outputs[0]).size,
    reuse=_reuse,
    template="ops/gather.h.j2",
    constant_time=True,
)
