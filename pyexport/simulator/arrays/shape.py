"""Operators that only move bytes: one index array says where each comes from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyexport.integer.shape import QuantizedConcat, QuantizedGather, QuantizedPad
from pyexport.ir import Array, Tensor
from pyexport.simulator.arrays.base import Evaluate, flat, image


def gather(op: QuantizedGather, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Evaluate:
    """Return the evaluation of a gather."""
    index = np.array(op.offset)
    for size, stride in zip(op.sizes, op.strides, strict=True):
        index = index[..., None] + np.arange(size) * stride
    index = index.reshape(-1)

    def run(x: Array) -> tuple[None, tuple[Array, ...]]:
        return None, (x[:, index],)

    return run


def concat(op: QuantizedConcat, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Evaluate:
    """Return the evaluation of a concatenation."""

    def run(*parts: Array) -> tuple[None, tuple[Array, ...]]:
        images = [image(x, tensor) for x, tensor in zip(parts, inputs, strict=True)]
        return None, (flat(np.concatenate(images, axis=op.axis + 1)),)

    return run


def pad(op: QuantizedPad, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Evaluate:
    """Return the evaluation of a padding."""
    pads = [(0, 0), *op.pads]

    def run(x: Array) -> tuple[None, tuple[Array, ...]]:
        return None, (flat(np.pad(image(x, inputs[0]), pads, constant_values=op.value)),)

    return run
