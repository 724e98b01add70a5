"""Normalizes rows: integer mean, sum of squares, square root and reciprocal, bit by bit."""

from pyexport.integer.normalize import QuantizedNormalize, half_up, largest_sum
from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.sums import quant
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return isinstance(node.op, QuantizedNormalize)


def _lower(node: Node, graph: Graph) -> Lowered:
    op = node.op
    if not isinstance(op, QuantizedNormalize):
        raise TypeError(f"{node.name} is {op.kind}")
    tensor = graph.tensor(node.inputs[0])
    n = tensor.shape[-1]
    return Lowered(
        consts=(),
        params=(
            ("rows", tensor.size // n),
            ("n", n),
            ("in_dtype", quant(graph, tensor.name).dtype),
            ("down", op.down),
            ("square", op.square),
            ("epsilon", op.epsilon),
            ("shift", 17 + half_up(op.square)),
            ("limit", quant(graph, node.outputs[0]).high),
        ),
        acc_low=op.epsilon,
        acc_high=largest_sum(n, op.down, op.square, op.epsilon),
        trace_size=tensor.size // n,
    )


KERNEL = Kernel(
    name="normalize_q14",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=lambda node, graph: 3 * graph.tensor(node.inputs[0]).size,
    template="ops/normalize_q14.h.j2",
)
