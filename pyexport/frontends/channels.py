"""Channels-first models on channels-last operators: where a frontend turns tensors around.

A frontend writes Permute before and after each operator on images; the passes then carry them to
where they cancel out. Sequences (channels, steps) become images of height 1.
"""

from __future__ import annotations

from pyexport.frontends.graph_builder import GraphBuilder, Value
from pyexport.ir import Op, Permute, Reshape


def channels_last(builder: GraphBuilder, x: Value, source: str) -> Value:
    """Return (channels, ...) as (..., channels)."""
    rank = len(x.shape)
    if rank < 2:
        return x
    return builder.apply(Permute((*range(1, rank), 0)), (x,), source)[0]


def channels_first(builder: GraphBuilder, x: Value, source: str) -> Value:
    """Return (..., channels) as (channels, ...)."""
    rank = len(x.shape)
    if rank < 2:
        return x
    return builder.apply(Permute((rank - 1, *range(rank - 1))), (x,), source)[0]


def on_channels_last(builder: GraphBuilder, op: Op, x: Value, source: str) -> Value:
    """Return an operator on (..., channels) applied to a (channels, ...)."""
    y = builder.apply(op, (channels_last(builder, x, source),), source)[0]
    return channels_first(builder, y, source)


def on_image(builder: GraphBuilder, op: Op, x: Value, source: str) -> Value:
    """Return an operator on (height, width, channels) applied to a (channels, [height,] width)."""
    if len(x.shape) != 2:
        return on_channels_last(builder, op, x, source)
    last = channels_last(builder, x, source)
    image = builder.apply(Reshape((1, *last.shape)), (last,), source)[0]
    y = builder.apply(op, (image,), source)[0]
    flat = builder.apply(Reshape(y.shape[1:]), (y,), source)[0]
    return channels_first(builder, flat, source)
