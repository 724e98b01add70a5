"""Patches of an input: squares of a picture, stretches of a line of values."""

from __future__ import annotations

import numpy as np

from pyexport.ir import Array


def patch(size: int, shape: tuple[int, ...], share: float, generator: np.random.Generator) -> Array:
    """Return the places (n,) of a patch that covers about a share of an input of `size` values.

    shape: (height, width, channels) or (height, width) of a picture; a square of it, in one channel
    or in all, is taken. Anything else is a line.
    """
    if len(shape) not in (2, 3) or min(shape[:2]) == 1:
        length = min(size, max(1, round(share * size)))
        first = int(generator.integers(0, size - length + 1))
        return np.arange(first, first + length)
    height, width = shape[:2]
    channels = size // (height * width)
    side = max(1, round((share * height * width) ** 0.5))
    down, across = min(side, height), min(side, width)
    top = int(generator.integers(0, height - down + 1))
    left = int(generator.integers(0, width - across + 1))
    places = np.arange(size).reshape(height, width, channels)
    inside = places[top : top + down, left : left + across]
    if channels > 1 and generator.integers(2):
        inside = inside[:, :, int(generator.integers(channels))]
    return inside.reshape(-1)
