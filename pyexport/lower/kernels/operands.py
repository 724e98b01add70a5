"""What kernels of two tensors share: loops over the output, and strides of both operands."""

from pyexport.integer.elementwise import broadcast_strides
from pyexport.ir import Graph, Node
from pyexport.lower.kernels.nest import merged, text
from pyexport.lower.kernels.sums import Params, quant


def operand_params(node: Node, graph: Graph) -> Params:
    """Return sizes, types and the loops of an operator of two tensors."""
    a, b = (graph.tensor(name) for name in node.inputs)
    target = graph.tensor(node.outputs[0])
    strides = [broadcast_strides(tensor.shape, target.shape) for tensor in (a, b)]
    sizes, (of_a, of_b) = merged(target.shape, *strides)
    return (
        ("a_size", a.size),
        ("b_size", b.size),
        ("out_size", target.size),
        ("a_dtype", quant(graph, a.name).dtype),
        ("b_dtype", quant(graph, b.name).dtype),
        ("sizes", text(sizes)),
        ("a_strides", text(of_a)),
        ("b_strides", text(of_b)),
    )
