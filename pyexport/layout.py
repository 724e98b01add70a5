"""Between the order of a user's arrays and that of the device, where images are channels last."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pyexport.ir import CHANNELS_FIRST, Array, Dataset, Graph, Tensor
from pyexport.rows import input_tensors, join_rows, row_size, row_slices


def user_shape(tensor: Tensor) -> tuple[int, ...]:
    """Return the shape that the user's arrays have, without the batch dimension."""
    if tensor.layout == CHANNELS_FIRST:
        return (tensor.shape[-1], *tensor.shape[:-1])
    return tensor.shape


def to_device(rows: Array, tensor: Tensor) -> Array:
    """Return rows (n, *user shape), in any shape of that size, as (n, *tensor shape)."""
    values = rows.reshape(len(rows), *user_shape(tensor))
    if tensor.layout == CHANNELS_FIRST:
        values = np.ascontiguousarray(np.moveaxis(values, 1, -1))
    return values


def inputs_to_device(rows: Array, graph: Graph) -> Array:
    """Return rows of all inputs in the user's order as the device has them.

    Of one input (n, *tensor shape); of several (n, row size), in as well as out.
    """
    tensors = input_tensors(graph)
    if len(tensors) == 1:
        return to_device(rows, tensors[0])
    flat = rows.reshape(len(rows), row_size(tensors))
    parts = zip(tensors, row_slices(tensors), strict=True)
    return join_rows([to_device(flat[:, part], tensor) for tensor, part in parts])


def inputs_shape(graph: Graph) -> tuple[int, ...]:
    """Return the shape that a row of the user's inputs has; of several inputs it is flat."""
    tensors = input_tensors(graph)
    return user_shape(tensors[0]) if len(tensors) == 1 else (row_size(tensors),)


def device_rows(dataset: Dataset | None, graph: Graph) -> Dataset | None:
    """Return the rows of a data set with their inputs as the device has them."""
    if dataset is None or not len(dataset.inputs):
        return dataset
    return replace(dataset, inputs=inputs_to_device(dataset.inputs, graph))


def to_user(rows: Array, tensor: Tensor) -> Array:
    """Return rows (n, *tensor shape), in any shape of that size, as (n, *user shape)."""
    values = rows.reshape(len(rows), *tensor.shape)
    if tensor.layout == CHANNELS_FIRST:
        values = np.ascontiguousarray(np.moveaxis(values, -1, 1))
    return values
