"""Softmax, log-softmax and argmax; what is not along the last axis is permuted there and back."""

import math
from dataclasses import replace

import numpy as np

from pyexport.errors import UnsupportedOperatorError
from pyexport.integer.shape import QuantizedGather
from pyexport.integer.softmax import (
    MAX_INDEX,
    MAX_ROW,
    QuantizedArgmax,
    QuantizedLogSoftmax,
    index_params,
)
from pyexport.ir import (
    Argmax,
    Array,
    LogSoftmax,
    Node,
    Op,
    QuantizedSoftmax,
    QuantParams,
    Softmax,
    Tensor,
)
from pyexport.quantize.rules.base import Outcome, Request, common_shift, one
from pyexport.quantize.schemes import range_params

SOFTMAX_OUTPUT = QuantParams("u8", 1 / 256, 0, 0, 255)


def softmax(request: Request) -> Outcome:
    """Return the integer softmax."""
    _row(request)
    table = exponentials(request.sources[0].scale)
    return _along(request, QuantizedSoftmax(table), SOFTMAX_OUTPUT)


def log_softmax(request: Request) -> Outcome:
    """Return the integer log-softmax; its range is what the legal bytes can give."""
    (source,) = request.sources
    n = _row(request)
    output = range_params(-(source.high - source.low) * source.scale - math.log(n), 0.0)
    units = np.array([source.scale, math.log(2.0) / 2**11]) / output.scale
    shift = common_shift(units)  # 12 octaves and more stay within 2**31
    logs = np.log1p((np.arange(256) + 0.5) / 256) / output.scale
    op = QuantizedLogSoftmax(
        table=exponentials(source.scale),
        logs=np.floor(logs * 2.0**shift + 0.5).astype(np.int32),
        multiplier=int(np.floor(units[0] * 2.0**shift + 0.5)),
        octave=int(np.floor(math.log(2.0) / output.scale * 2.0**shift + 0.5)),
        shift=shift,
    )
    return _along(request, op, output)


def argmax(request: Request) -> Outcome:
    """Return the integer argmax: an index in a byte, or in 16 bits as an output of the model."""
    op, shape = request.node.op, request.shape()
    assert isinstance(op, Argmax)  # the registry asks for no other
    count = shape[op.axis]
    index = index_params(count) if count <= MAX_INDEX else None
    if index is None or (index.dtype != "u8" and request.graph.users(request.node.outputs[0])):
        raise UnsupportedOperatorError(
            f"{request.title}: argmax over {count} values, read by another layer; the int8 kernels "
            "read indices of bytes; make the index an output of the model"
        )
    outer, inner = math.prod(shape[: op.axis]), math.prod(shape[op.axis + 1 :])
    return one(request, QuantizedArgmax(outer, count, inner), index)


def exponentials(scale: float) -> Array:
    """Return the table of exp(-d * scale) in 1/32768, for d = 0..255 steps below the maximum."""
    table = np.floor(32768.0 * np.exp(-np.arange(256) * scale) + 0.5)
    table[0] = 32767
    return np.asarray(np.minimum(table, 32767), dtype=np.uint16)


def _row(request: Request) -> int:
    """Return the number of values summed over; raises if they are too many."""
    op, shape = request.node.op, request.shape()
    assert isinstance(op, Softmax | LogSoftmax)  # the callers' type
    n = shape[op.axis]
    if n > MAX_ROW:
        raise UnsupportedOperatorError(
            f"{request.title}: softmax over {n} values; the int8 kernel takes at most "
            f"{MAX_ROW}; end the model at its logits"
        )
    return n


def _along(request: Request, op: Op, output: QuantParams) -> Outcome:
    """Return a node for the last axis, between two permutes where another axis is meant."""
    node, shape = request.node, request.shape()
    assert isinstance(node.op, Softmax | LogSoftmax)  # the callers' type
    axis = node.op.axis % len(shape)
    if axis == len(shape) - 1:
        return one(request, op, output)
    outer, n, inner = math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])
    there = QuantizedGather((outer, inner, n), (n * inner, 1, inner), 0, "permute")
    back = QuantizedGather((outer, n, inner), (n * inner, 1, n), 0, "permute")
    moved, result = (
        Tensor(f"{node.name}_moved", (outer, inner, n)),
        Tensor(f"{node.name}_result", (outer, inner, n)),
    )
    nodes: tuple[Node, ...] = (
        replace(node, name=moved.name, op=there, outputs=(moved.name,)),
        replace(node, op=op, inputs=(moved.name,), outputs=(result.name,)),
        replace(node, name=result.name, op=back, inputs=(result.name,)),
    )
    params = {
        moved.name: request.sources[0], result.name: output, node.outputs[0]: output
    }  # fmt: skip
    return Outcome(nodes, params, (moved, result))
