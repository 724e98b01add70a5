"""The order of the user's arrays and that of the device."""

from __future__ import annotations

import numpy as np

from pyexport.ir import CHANNELS_FIRST, Tensor
from pyexport.layout import to_device, to_user, user_shape

IMAGE = Tensor("x", (4, 5, 3), layout=CHANNELS_FIRST)


def test_an_image_of_the_user_is_turned_channels_last() -> None:
    rows = np.arange(2 * 60.0).reshape(2, 3, 4, 5)
    assert user_shape(IMAGE) == (3, 4, 5)
    assert np.array_equal(to_device(rows, IMAGE), rows.transpose(0, 2, 3, 1))
    assert np.array_equal(to_device(rows.reshape(2, 60), IMAGE), rows.transpose(0, 2, 3, 1))


def test_to_user_undoes_to_device() -> None:
    rows = np.arange(2 * 60.0).reshape(2, 3, 4, 5)
    assert np.array_equal(to_user(to_device(rows, IMAGE), IMAGE), rows)


def test_a_tensor_without_layout_keeps_its_order() -> None:
    tensor = Tensor("x", (2, 3))
    rows = np.arange(12.0).reshape(2, 6)
    assert user_shape(tensor) == (2, 3)
    assert np.array_equal(to_device(rows, tensor), rows.reshape(2, 2, 3))
    assert np.array_equal(to_user(rows, tensor), rows.reshape(2, 2, 3))
