"""Matrix products of two tensors: each sum is rounded once."""

from pyexport.integer.elementwise import broadcast_strides, mul_bounds
from pyexport.integer.matmul import QuantizedMatMul, matmul_bounds
from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.nest import merged, text
from pyexport.lower.kernels.sums import output_params, quant
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return isinstance(node.op, QuantizedMatMul)


def _lower(node: Node, graph: Graph) -> Lowered:
    op = node.op
    if not isinstance(op, QuantizedMatMul):
        raise TypeError(f"{node.name} is {op.kind}")
    a, b = (graph.tensor(name) for name in node.inputs)
    target = graph.tensor(node.outputs[0])
    rows, count, columns = a.shape[-2], a.shape[-1], b.shape[-1]
    leading = target.shape[:-2]
    over_a = (*(s * rows * count for s in broadcast_strides(a.shape[:-2], leading)), count, 0)
    over_b = (*(s * count * columns for s in broadcast_strides(b.shape[:-2], leading)), 0, 1)
    sizes, (of_a, of_b) = merged(target.shape, over_a, over_b)
    low, high = matmul_bounds((a, b))
    products = mul_bounds((a, b))
    return Lowered(
        consts=(),
        params=(
            ("a_size", a.size),
            ("b_size", b.size),
            ("out_size", target.size),
            ("a_dtype", quant(graph, a.name).dtype),
            ("b_dtype", quant(graph, b.name).dtype),
            ("rows", rows),
            ("count", count),
            ("columns", columns),
            ("sizes", text(sizes)),
            ("a_strides", text(of_a)),
            ("b_strides", text(of_b)),
            ("zero_a", quant(graph, a.name).zero_point),
            ("zero_b", quant(graph, b.name).zero_point),
            ("product_low", products[0]),
            ("product_high", products[1]),
            ("multiplier", int(op.multiplier[0])),
            *output_params(graph, target.name, op.shift, op.pre_shift),
        ),
        acc_low=low,
        acc_high=high,
        trace_size=target.size,
    )


KERNEL = Kernel(
    name="matmul_q15x",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=lambda node, graph: (
        graph.tensor(node.outputs[0]).size * graph.tensor(node.inputs[0]).shape[-1]
    ),
    template="ops/matmul_q15x.h.j2",
)
