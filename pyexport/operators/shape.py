"""Operators that move elements, or only rename their places; none changes a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pyexport.operators.base import Op, require


@dataclass(frozen=True)
class Reshape(Op):
    """The same elements in the same order under another shape (flatten, view)."""

    kind: ClassVar[str] = "reshape"
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Identity(Op):
    """Nothing at inference (dropout); `reason` says what it was in the user's model."""

    kind: ClassVar[str] = "identity"
    reason: str


@dataclass(frozen=True)
class Permute(Op):
    """Axis i of y is axis axes[i] of x, as in numpy.transpose."""

    kind: ClassVar[str] = "permute"
    axes: tuple[int, ...]

    def __post_init__(self) -> None:
        require(
            sorted(self.axes) == list(range(len(self.axes))), f"permute: {self.axes} is no order"
        )

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of y for an x of this shape."""
        return tuple(shape[axis] for axis in self.axes)


@dataclass(frozen=True)
class Concat(Op):
    """The inputs one after the other along an axis; the other axes are equal."""

    kind: ClassVar[str] = "concat"
    axis: int  # 0 or more

    def __post_init__(self) -> None:
        require(self.axis >= 0, f"concat: axis {self.axis}")


@dataclass(frozen=True)
class Pad(Op):
    """x with elements of one value around it."""

    kind: ClassVar[str] = "pad"
    pads: tuple[tuple[int, int], ...]  # before and after, for every axis
    value: float = 0.0

    def __post_init__(self) -> None:
        require(all(min(pair) >= 0 for pair in self.pads), "pad: a negative padding; use a slice")

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of y for an x of this shape."""
        return tuple(
            before + n + after for n, (before, after) in zip(shape, self.pads, strict=True)
        )


@dataclass(frozen=True)
class Slice(Op):
    """Of every axis the elements start, start + step, ...: sizes[axis] of them."""

    kind: ClassVar[str] = "slice"
    starts: tuple[int, ...]  # one an axis, 0 or more
    sizes: tuple[int, ...]  # the shape of y
    steps: tuple[int, ...]  # not 0; -1 goes backwards

    def __post_init__(self) -> None:
        require(
            len(self.starts) == len(self.sizes) == len(self.steps)
            and all(n >= 0 for n in self.starts)
            and all(n >= 1 for n in self.sizes)
            and all(self.steps),
            f"slice: starts {self.starts}, sizes {self.sizes}, steps {self.steps}",
        )

    def slices(self) -> tuple[slice, ...]:
        """Return the slice of each axis as Python writes it."""
        found = []
        for start, size, step in zip(self.starts, self.sizes, self.steps, strict=True):
            end = start + (size - 1) * step + (1 if step > 0 else -1)
            found.append(slice(start, None if end < 0 else end, step))
        return tuple(found)

    def ranges(self) -> tuple[range, ...]:
        """Return the elements of each axis."""
        return tuple(
            range(start, start + size * step, step)
            for start, size, step in zip(self.starts, self.sizes, self.steps, strict=True)
        )
