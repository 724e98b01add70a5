"""A linear layer on every step of a sequence, as the IR has it."""

from __future__ import annotations

from pyexport.frontends.graph_builder import GraphBuilder, Value
from pyexport.ir import Array, Conv2d, Reshape


def each_step(
    builder: GraphBuilder, value: Value, weight: Array, bias: Array, source: str
) -> Value:
    """Append a linear layer on every time step: a convolution with a 1x1 kernel."""
    steps, n_in = value.shape
    n_out = len(bias)
    image = builder.add(Reshape((1, steps, n_in)), value, (1, steps, n_in), source)
    conv = Conv2d(weight.reshape(n_out, 1, 1, n_in), bias)
    image = builder.add(conv, image, (1, steps, n_out), source)
    return builder.add(Reshape((steps, n_out)), image, (steps, n_out), source)
