"""Nested loops over tensors: axes that lie behind each other in memory become one loop."""

from collections.abc import Sequence

Strides = tuple[int, ...]


def merged(sizes: Sequence[int], *strides: Sequence[int]) -> tuple[Strides, tuple[Strides, ...]]:
    """Return sizes and strides of the fewest loops that visit the same elements in the same order.

    strides: for each tensor, what one step along an axis adds to its index. Axes of size 1 vanish;
    two neighbors are one if in every tensor the outer step is the inner axis's whole length.
    """
    kept_sizes: list[int] = []
    kept: list[list[int]] = [[] for _ in strides]
    for axis, size in enumerate(sizes):
        if size == 1:
            continue
        if kept_sizes and all(k[-1] == s[axis] * size for k, s in zip(kept, strides, strict=True)):
            kept_sizes[-1] *= size
        else:
            kept_sizes.append(size)
            for k in kept:
                k.append(0)
        for k, s in zip(kept, strides, strict=True):
            k[-1] = s[axis]
    if not kept_sizes:  # one element: one loop that runs once
        kept_sizes = [1]
        kept = [[1] for _ in strides]
    return tuple(kept_sizes), tuple(tuple(k) for k in kept)


def row_strides(shape: Sequence[int]) -> Strides:
    """Return what one step along each axis adds to the index in a tensor of this shape."""
    found = []
    step = 1
    for n in reversed(shape):
        found.append(step)
        step *= n
    return tuple(reversed(found))


def text(numbers: Sequence[int]) -> str:
    """Return numbers as a step's params hold them."""
    return " ".join(str(n) for n in numbers)
