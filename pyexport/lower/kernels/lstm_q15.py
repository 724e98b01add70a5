"""Integer LSTM over a sequence."""

from pyexport.integer.recurrent import QuantizedLstm
from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.recurrent import hidden_bytes, lower_recurrent, products
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return isinstance(node.op, QuantizedLstm)


def _lower(node: Node, graph: Graph) -> Lowered:
    op = node.op
    if not isinstance(op, QuantizedLstm):
        raise TypeError(f"{node.name} is {op.kind}")
    return lower_recurrent(node, graph, (("cell_bits", op.cell_bits),))


KERNEL = Kernel(
    name="lstm_q15",
    matches=_matches,
    lower=_lower,
    workspace=hidden_bytes,
    cost=products,
    template="ops/lstm_q15.h.j2",
)
