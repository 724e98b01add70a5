"""Integer convolutions of any kernel, stride, padding, dilation and groups."""

from pyexport.integer.conv import Convolution, QuantizedConv2d, reads_padding
from pyexport.ir import Array, Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.sums import (
    Params,
    output_params,
    quant,
    scale_tables,
    weighted_start,
)
from pyexport.lower.packing import plain_const
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return isinstance(node.op, QuantizedConv2d)


def quantized_conv(node: Node) -> QuantizedConv2d:
    """Return the operator; raises TypeError for any other."""
    if not isinstance(node.op, QuantizedConv2d):
        raise TypeError(f"{node.name} is {node.op.kind}")
    return node.op


def _lower(node: Node, graph: Graph) -> Lowered:
    op, zero = quantized_conv(node), loop_zero(node, graph)
    out_height, out_width, n_out = graph.tensor(node.outputs[0]).shape
    _, kernel_height, kernel_width, per_group = op.weight.shape
    shape = f"[{n_out} outputs][{kernel_height} rows][{kernel_width} columns][{per_group} channels]"
    return Lowered(
        consts=(
            plain_const(f"{node.name}_weight", op.weight, "s8", shape),
            weighted_start(node.name, op.bias, op.weight, zero),
            *scale_tables(node.name, op.multiplier, op.shift),
        ),
        params=(
            *geometry(node, graph),
            ("in_zero", zero),
            *output_params(graph, node.outputs[0], op.shift, op.pre_shift),
        ),
        acc_low=int(op.acc_low.min()),
        acc_high=int(op.acc_high.max()),
        trace_size=out_height * out_width * n_out,
    )


def loop_zero(node: Node, graph: Graph) -> int:
    """Return what the loop takes off each byte: without padding the bias holds it already."""
    return quant(graph, node.inputs[0]).zero_point if reads_padding(quantized_conv(node)) else 0


def geometry(node: Node, graph: Graph) -> Params:
    """Return the sizes of a convolution, how its windows lie, and the type that it reads."""
    op = quantized_conv(node)
    height, width, _ = graph.tensor(node.inputs[0]).shape
    return (
        *sizes(op, node, graph),
        ("dilation_height", op.dilation[0]),
        ("dilation_width", op.dilation[1]),
        ("far", height + op.pad[0] + op.pad[2] + width + op.pad[1] + op.pad[3]),
    )


def sizes(op: Convolution, node: Node, graph: Graph) -> Params:
    """Return the sizes of a convolution, transposed or not, its strides and padding."""
    height, width, channels = graph.tensor(node.inputs[0]).shape
    out_height, out_width, n_out = graph.tensor(node.outputs[0]).shape
    _, kernel_height, kernel_width, per_group = op.weight.shape
    return (
        ("height", height),
        ("width", width),
        ("channels", channels),
        ("out_height", out_height),
        ("out_width", out_width),
        ("n_out", n_out),
        ("kernel_height", kernel_height),
        ("kernel_width", kernel_width),
        ("per_group", per_group),
        ("groups", op.groups),
        ("stride_height", op.stride[0]),
        ("stride_width", op.stride[1]),
        ("pad_height", op.pad[0]),
        ("pad_width", op.pad[1]),
        ("in_dtype", quant(graph, node.inputs[0]).dtype),
    )


def window_products(weight: Array, graph: Graph, node: Node) -> int:
    """Return the products of one inference: every weight once for each place of its output."""
    return int(weight.size) * graph.tensor(node.outputs[0]).size // len(weight)


KERNEL = Kernel(
    name="conv2d_q15x",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=lambda node, graph: window_products(quantized_conv(node).weight, graph, node),
    template="ops/conv2d_q15x.h.j2",
)
