"""Arithmetic of two tensors: each has a scale of its own."""

import numpy as np

from pyexport.errors import QuantizationError
from pyexport.integer.elementwise import QuantizedAdd, QuantizedConstant, QuantizedMul
from pyexport.integer.table import TABLE_DTYPES
from pyexport.ir import Add, Constant, Mul, QuantParams, Sub
from pyexport.quantize.rules.base import (
    Outcome,
    Request,
    activation_name,
    common_shift,
    one,
    product_ratio,
    scaling,
)
from pyexport.quantize.schemes import range_params


def add(request: Request) -> Outcome:
    """Return the integer sum or difference: both operands are scaled, the sum is rounded once."""
    op = request.node.op
    assert isinstance(op, Add | Sub)  # the registry asks for no other
    negative = isinstance(op, Sub) or request.any_negative
    output = request.output_params(op.low, op.high, signed=negative and op.low < 0)
    ratios = np.array([source.scale / output.scale for source in request.sources])
    if not ratios.max() < 1 << 14:
        raise QuantizationError(
            f"{request.title}: an operand's step is {ratios.max():.3g} steps of the result, which "
            "needs more than 15 bits; leave out the clamp that makes the result so small"
        )
    shift = common_shift(ratios)
    a, b = (int(np.floor(ratio * 2.0**shift + 0.5)) for ratio in ratios)
    if isinstance(op, Sub):
        b = -b
    offset = -(request.sources[0].zero_point * a + request.sources[1].zero_point * b)
    integer = QuantizedAdd(a, b, offset, shift, op.kind, activation_name(op.low, op.high))
    return one(request, integer, output)


def mul(request: Request) -> Outcome:
    """Return the integer product."""
    op = request.node.op
    assert isinstance(op, Mul)  # the registry asks for no other
    output = request.output_params(op.low, op.high, signed=request.any_negative and op.low < 0)
    a, b = request.sources
    ratio = product_ratio(request, output)
    largest = np.array([_magnitude(a) * _magnitude(b)], dtype=np.int64)
    integer = QuantizedMul(*scaling(ratio, largest), activation_name(op.low, op.high))
    return one(request, integer, output)


def constant(request: Request) -> Outcome:
    """Return the stored bytes of a constant, at the scale of its own range."""
    op = request.node.op
    assert isinstance(op, Constant)  # the registry asks for no other
    params = range_params(float(op.value.min()), float(op.value.max()))
    value = params.quantize(op.value.reshape(-1)).astype(TABLE_DTYPES[params.dtype])
    return one(request, QuantizedConstant(value), params)


def _magnitude(source: QuantParams) -> int:
    return max(source.zero_point - source.low, source.high - source.zero_point, 1)
