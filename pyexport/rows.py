"""Rows: the values of all inputs, or of all outputs, side by side in declared order, each flat.

A model of one input has its rows as they are. Several inputs of different types share a row of the
smallest type that holds all of their values; what goes into a device is made of it by the runners.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from pyexport.ir import DEFAULT_FLOAT_RANGE, Array, FloatArray, Graph, Tensor

NUMPY_DTYPES: dict[str, type[np.generic]] = {
    "u8": np.uint8,
    "s8": np.int8,
    "u16": np.uint16,
    "s16": np.int16,
    "f32": np.float32,
}


def input_tensors(graph: Graph) -> tuple[Tensor, ...]:
    """Return the inputs in declared order."""
    return tuple(graph.tensor(name) for name in graph.inputs)


def output_tensors(graph: Graph) -> tuple[Tensor, ...]:
    """Return the outputs in declared order."""
    return tuple(graph.tensor(name) for name in graph.outputs)


def is_single(graph: Graph) -> bool:
    """Return whether the graph has one input and one output."""
    return len(graph.inputs) == len(graph.outputs) == 1


def has_class(output: Tensor) -> bool:
    """Return whether the header has an argmax of an output."""
    return 2 <= output.size <= 0xFFFF


def row_size(tensors: Sequence[Tensor]) -> int:
    """Return the number of values of a row."""
    return sum(tensor.size for tensor in tensors)


def row_dtype(tensors: Sequence[Tensor]) -> np.dtype[np.generic]:
    """Return the type of a row: that of its tensors, or the smallest integer that holds all."""
    return np.result_type(*(NUMPY_DTYPES[tensor.dtype] for tensor in tensors))


def row_slices(tensors: Sequence[Tensor]) -> tuple[slice, ...]:
    """Return where each tensor lies in a row."""
    ends = list(accumulate(tensor.size for tensor in tensors))
    return tuple(slice(end - t.size, end) for t, end in zip(tensors, ends, strict=True))


def split_rows(rows: Array, tensors: Sequence[Tensor]) -> dict[str, Array]:
    """Return the values of each tensor by name, (n, *shape), of rows (n, row size)."""
    flat = rows.reshape(len(rows), row_size(tensors))
    return {
        tensor.name: flat[:, part].reshape(len(rows), *tensor.shape)
        for tensor, part in zip(tensors, row_slices(tensors), strict=True)
    }


def join_rows(parts: Sequence[Array]) -> Array:
    """Return rows (n, row size) of the values of each tensor, (n, ...)."""
    sizes = [int(np.prod(part.shape[1:], dtype=np.int64)) for part in parts]
    flat = [part.reshape(len(part), size) for part, size in zip(parts, sizes, strict=True)]
    return flat[0] if len(flat) == 1 else np.concatenate(flat, axis=1)


def tensor_limits(tensor: Tensor) -> tuple[float, float]:
    """Return the least and greatest legal value of an input, in bytes or, without scales, reals."""
    if tensor.quant is not None:
        return tensor.quant.low, tensor.quant.high
    return tensor.declared_range or DEFAULT_FLOAT_RANGE


def row_limits(graph: Graph) -> tuple[FloatArray, FloatArray]:
    """Return the least and greatest legal value of each element of an input row, (row size,)."""
    pairs = [(tensor_limits(tensor), tensor.size) for tensor in input_tensors(graph)]
    low, high = (
        np.concatenate([np.full(size, float(limits[end])) for limits, size in pairs])
        for end in (0, 1)
    )
    return low, high


def illegal_value(rows: Array, tensors: Sequence[Tensor]) -> str:
    """Return "an input is outside 0..16" if a row holds such a value, "" if none does."""
    for tensor, part in zip(tensors, row_slices(tensors), strict=True):
        quant, values = tensor.quant, rows[:, part]
        if quant is None or not len(rows):
            continue
        if values.min() < quant.low or values.max() > quant.high:
            what = "an input" if len(tensors) == 1 else f"a value of {tensor.name}"
            return f"{what} is outside {quant.low}..{quant.high}"
    return ""
