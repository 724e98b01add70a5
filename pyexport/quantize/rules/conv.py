"""Convolutions become integers as linear layers do: a window is the input of one."""

from pyexport.integer.conv import QuantizedConv2d, QuantizedConvTranspose2d, window_params
from pyexport.ir import Conv2d, ConvTranspose2d, Linear
from pyexport.quantize.linear import quantize_linear
from pyexport.quantize.rules.base import Outcome, Request, activation_name, one


def convolution(request: Request) -> Outcome:
    """Return the integer convolution, transposed or not."""
    op = request.node.op
    assert isinstance(op, Conv2d | ConvTranspose2d)  # the registry asks for no other
    output = request.output_params(op.low, op.high, signed=op.low < 0)
    transposed = isinstance(op, ConvTranspose2d)
    source = window_params(request.sources[0], padded=transposed or any(op.pad))
    window = Linear(op.weight.reshape(len(op.bias), -1), op.bias, op.low, op.high)
    layer = quantize_linear(
        request.title,
        window,
        source,
        output,
        per_channel=request.per_channel,
        narrow=request.is_narrow,
    )
    made = QuantizedConvTranspose2d if transposed else QuantizedConv2d
    integer = made(
        weight=layer.op.weight.reshape(op.weight.shape),
        bias=layer.op.bias,
        multiplier=layer.op.multiplier,
        shift=layer.op.shift,
        pre_shift=layer.op.pre_shift,
        weight_scale=layer.op.weight_scale,
        acc_low=layer.op.acc_low,
        acc_high=layer.op.acc_high,
        stride=op.stride,
        pad=op.pad,
        dilation=op.dilation,
        groups=op.groups,
        activation=activation_name(op.low, op.high),
    )
    return one(request, integer, output, layer.warnings)
