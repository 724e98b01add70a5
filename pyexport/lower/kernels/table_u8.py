"""Functions of one byte by a table of 256 entries."""

from pyexport.integer.table import QuantizedTable
from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.sums import quant
from pyexport.lower.packing import plain_const
from pyexport.lower.reuse import element_for_element
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return isinstance(node.op, QuantizedTable)


def _lower(node: Node, graph: Graph) -> Lowered:
    op = node.op
    if not isinstance(op, QuantizedTable):
        raise TypeError(f"{node.name} is {op.kind}")
    source, target = quant(graph, node.inputs[0]), quant(graph, node.outputs[0])
    note = "entry k is the result of the byte with the bits of k"
    return Lowered(
        consts=(plain_const(f"{node.name}_table", op.table, target.dtype, note),),
        params=(
            ("label", op.label or "table"),
            ("size", graph.tensor(node.inputs[0]).size),
            ("in_dtype", source.dtype),
            ("out_dtype", target.dtype),
        ),
    )


KERNEL = Kernel(
    name="table_u8",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=lambda node, graph: graph.tensor(node.outputs[0]).size,
    reuse=element_for_element,
    template="ops/table_u8.h.j2",
    constant_time=True,
)
