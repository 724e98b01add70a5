"""Operators that move bytes: one scale for all that meet in a tensor."""

from dataclasses import replace

import numpy as np

from pyexport.errors import QuantizationError
from pyexport.integer.shape import QuantizedConcat, QuantizedGather, QuantizedPad
from pyexport.ir import (
    Concat,
    Node,
    Pad,
    Permute,
    QuantParams,
    Reshape,
    Slice,
    Tensor,
    Upsample2d,
)
from pyexport.quantize.rules.base import Outcome, Request, one
from pyexport.quantize.rules.tables import legal_reals, rescaled
from pyexport.quantize.schemes import range_params


def gather(request: Request) -> Outcome:
    """Return the strides of a permute, slice, enlarging or reshape that was not dropped."""
    op, shape = request.node.op, request.shape()
    steps = [int(np.prod(shape[axis + 1 :], dtype=np.int64)) for axis in range(len(shape))]
    offset = 0
    if isinstance(op, Permute):
        sizes = tuple(shape[axis] for axis in op.axes)
        strides = tuple(steps[axis] for axis in op.axes)
    elif isinstance(op, Slice):
        sizes = op.sizes
        strides = tuple(step * own for step, own in zip(op.steps, steps, strict=True))
        offset = sum(start * own for start, own in zip(op.starts, steps, strict=True))
    elif isinstance(op, Upsample2d):
        height, width, channels = shape
        sizes = (height, op.scale[0], width, op.scale[1], channels)
        strides = (steps[0], 0, steps[1], 0, 1)
    else:
        assert isinstance(op, Reshape)  # the registry asks for no other
        sizes, strides = (int(np.prod(shape, dtype=np.int64)),), (1,)
    integer = QuantizedGather(sizes, strides, offset, op.kind)
    return one(request, integer, request.sources[0])


def concat(request: Request) -> Outcome:
    """Return a plain concatenation, behind tables that bring its inputs to one scale."""
    op = request.node.op
    assert isinstance(op, Concat)  # the registry asks for no other
    output = common_params(request.sources)
    nodes: list[Node] = []
    between: list[Tensor] = []
    names: list[str] = []
    for index, source in enumerate(request.sources):
        name = request.node.inputs[index]
        if source != output:
            node, tensor = rescaled(request, index, source, output)
            nodes.append(node)
            between.append(tensor)
            name = tensor.name
        names.append(name)
    joined = replace(request.node, op=QuantizedConcat(op.axis), inputs=tuple(names))
    params = {tensor.name: output for tensor in between}
    return Outcome((*nodes, joined), {**params, joined.outputs[0]: output}, tuple(between))


def pad(request: Request) -> Outcome:
    """Return a padding, behind a table if its value is outside the input's range."""
    op = request.node.op
    assert isinstance(op, Pad)  # the registry asks for no other
    if not np.isfinite(op.value):
        raise QuantizationError(f"{request.title}: pads with {op.value}; pad with a finite number")
    (source,) = request.sources
    reals = legal_reals(source)
    inside = reals[0] - source.scale / 2 <= op.value <= reals[-1] + source.scale / 2
    output = source
    if not inside:
        output = range_params(min(float(reals[0]), op.value), max(float(reals[-1]), op.value))
    value = int(output.quantize(op.value))
    padded = replace(request.node, op=QuantizedPad(op.pads, value))
    if inside:
        return Outcome((padded,), {padded.outputs[0]: output})
    node, tensor = rescaled(request, 0, source, output)
    padded = replace(padded, inputs=(tensor.name,))
    return Outcome((node, padded), {tensor.name: output, padded.outputs[0]: output}, (tensor,))


def common_params(sources: tuple[QuantParams, ...]) -> QuantParams:
    """Return bytes that hold every source's range: those of one of them if it is wide enough."""
    low = min(float(legal_reals(source)[0]) for source in sources)
    high = max(float(legal_reals(source)[-1]) for source in sources)
    for source in sources:
        reals = legal_reals(source)
        if reals[0] - source.scale / 2 <= low and high <= reals[-1] + source.scale / 2:
            return source
    return range_params(low, high)
