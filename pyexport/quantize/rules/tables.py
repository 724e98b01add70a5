"""Functions of one byte: a table of 256 entries, exact at any scale."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pyexport.integer.table import TABLE_DTYPES, QuantizedPRelu, QuantizedTable
from pyexport.ir import Activation, Array, Clamp, FloatArray, Node, PRelu, QuantParams, Tensor
from pyexport.quantize.rules.base import Outcome, Request, activation_name, common_shift, one
from pyexport.quantize.schemes import clamped_params, range_params
from pyexport.reference.activation import apply


def clamp(request: Request) -> Outcome:
    """Return a clamp that nothing could take in: the bytes keep their scale."""
    op = request.node.op
    assert isinstance(op, Clamp)  # the registry asks for no other
    (source,) = request.sources
    output = clamped_params(source, op.low, op.high)
    label = activation_name(op.low, op.high) or "copy"
    return one(request, QuantizedTable(make_table(source, output, _same), label), output)


def activation(request: Request) -> Outcome:
    """Return the table of a curve; its output's range is that of all legal bytes."""
    op = request.node.op
    assert isinstance(op, Activation)  # the registry asks for no other
    (source,) = request.sources

    def function(x: FloatArray) -> FloatArray:
        return apply(op, x)

    reached = function(legal_reals(source))
    output = range_params(float(reached.min()), float(reached.max()))
    table = QuantizedTable(make_table(source, output, function), op.function)
    return one(request, table, output)


def prelu(request: Request) -> Outcome:
    """Return the integer PReLU: a multiplier for values above zero, one a channel below."""
    op = request.node.op
    assert isinstance(op, PRelu)  # the registry asks for no other
    (source,) = request.sources
    slope = op.slope.astype(np.float64)
    ends = legal_reals(source)[[0, -1]]
    below = slope * min(ends[0], 0.0)
    output = range_params(
        float(min(below.min(), ends[0] if ends[0] > 0 else 0.0)), float(max(below.max(), ends[1]))
    )
    ratios = np.append(slope, 1.0) * (source.scale / output.scale)
    shift = common_shift(ratios)
    numbers = np.floor(ratios * 2.0**shift + 0.5)
    integer = QuantizedPRelu(numbers[:-1].astype(np.int16), int(numbers[-1]), shift)
    return one(request, integer, output)


def legal_reals(source: QuantParams) -> FloatArray:
    """Return the real number of every legal byte, rising."""
    return source.dequantize(np.arange(source.low, source.high + 1))


def make_table(
    source: QuantParams, output: QuantParams, function: Callable[[FloatArray], FloatArray]
) -> Array:
    """Return table[q mod 256] for every byte; one outside the limits reads the nearest legal."""
    least = 0 if source.dtype == "u8" else -128
    q = np.arange(least, least + 256)
    legal = np.clip(q, source.low, source.high)
    table = np.empty(256, dtype=TABLE_DTYPES[output.dtype])
    table[q % 256] = output.quantize(function(source.dequantize(legal)))
    return table


def rescaled(
    request: Request, index: int, source: QuantParams, output: QuantParams
) -> tuple[Node, Tensor]:
    """Return a node that brings an input to another scale, and the tensor that it writes."""
    node = request.node
    tensor = request.graph.tensor(node.inputs[index])
    name = f"{node.name}_rescale{index}"
    table = QuantizedTable(make_table(source, output, _same), "rescale")
    between = Tensor(f"{name}_out", tensor.shape)
    return replace(
        node, name=name, op=table, inputs=(tensor.name,), outputs=(between.name,)
    ), between


def _same(x: FloatArray) -> FloatArray:
    return x
