"""Between the order of a user's arrays and that of the device, where images are channels last."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pyexport.ir import CHANNELS_FIRST, Array, Dataset, Tensor


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


def device_rows(dataset: Dataset | None, tensor: Tensor) -> Dataset | None:
    """Return the rows of a data set with their inputs as the device has them."""
    if dataset is None or not len(dataset.inputs):
        return dataset
    return replace(dataset, inputs=to_device(dataset.inputs, tensor))


def to_user(rows: Array, tensor: Tensor) -> Array:
    """Return rows (n, *tensor shape), in any shape of that size, as (n, *user shape)."""
    values = rows.reshape(len(rows), *tensor.shape)
    if tensor.layout == CHANNELS_FIRST:
        values = np.ascontiguousarray(np.moveaxis(values, -1, 1))
    return values
