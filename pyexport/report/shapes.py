"""How a flat row of inputs is shown: as a picture, or as a curve where it is none."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from pyexport.artifact import Artifact
from pyexport.errors import UsageError
from pyexport.ir import Array


@dataclass(frozen=True)
class Shape:
    """Height, width and channels of a picture, or steps and channels of a curve (height 0)."""

    height: int
    width: int
    channels: int = 1

    @property
    def is_picture(self) -> bool:
        """Whether rows are drawn as pixels."""
        return self.height > 0

    @property
    def sizes(self) -> tuple[int, ...]:
        """Height, width and channels of a picture; () of a curve."""
        return (self.height, self.width, self.channels) if self.is_picture else ()

    def arrange(self, row: Array) -> Array:
        """Return one row as (height, width), (height, width, 3), or a curve (steps, channels).

        Pictures of other numbers of channels have them side by side.
        """
        if not self.is_picture:
            return row.reshape(self.width, self.channels)
        image = row.reshape(self.height, self.width, self.channels)
        if self.channels == 3:
            return image
        return np.concatenate([image[:, :, c] for c in range(self.channels)], axis=1)


def shape_of(artifact: Artifact, stated: str | None = None) -> Shape:
    """Return how the model's inputs are shown; stated ("8x8", "28x28x1", "64") decides.

    Without it: an input of three axes is a picture, and a flat one of n * n values whose unit
    speaks of pixels; any other is a curve. Raises UsageError for a shape of another size.
    """
    tensor = artifact.graph.input
    if stated is not None:
        if not re.fullmatch(r"\d{1,6}(x\d{1,6}){0,2}", stated, re.ASCII):
            raise UsageError(f"--shape {stated!r} is not HxW, HxWxCHANNELS or a number of steps")
        sizes = [int(part) for part in stated.split("x")]
        if math.prod(sizes) != tensor.size or not tensor.size:
            raise UsageError(f"--shape {stated} is not the size of the input, {tensor.size}")
        return Shape(0, sizes[0]) if len(sizes) == 1 else Shape(*sizes)
    axes = tensor.shape
    if len(axes) == 3:
        return Shape(*axes)
    side = math.isqrt(tensor.size)
    if side * side == tensor.size and "pixel" in (artifact.input_unit or "").lower():
        return Shape(side, side)
    if len(axes) == 2:
        return Shape(0, axes[0], axes[1])
    return Shape(0, tensor.size)
