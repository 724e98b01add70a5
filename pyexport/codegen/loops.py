"""Nested loops as C text: their heads, and indices as sums of counters."""

from collections.abc import Sequence
from typing import Any

from pyexport.codegen.requantize import plus

COUNTERS = ("i", "j", "k", "l", "m", "n")


def numbers(text: str) -> tuple[int, ...]:
    """Return the numbers that lowering put into one text."""
    return tuple(int(word) for word in text.split())


def loops(sizes: Sequence[int]) -> list[dict[str, Any]]:
    """Return counter, size and indentation of each loop, outermost first."""
    return [
        {"counter": COUNTERS[depth], "size": size, "indent": "    " * (depth + 1)}
        for depth, size in enumerate(sizes)
    ]


def inside(sizes: Sequence[int]) -> str:
    """Return the indentation of the innermost body."""
    return "    " * (len(sizes) + 1)


def index(strides: Sequence[int], offset: int = 0) -> str:
    """Return the C index: offset + i * stride + j * stride + ..., all of it in order."""
    text = ""
    for name, stride in zip(COUNTERS, strides, strict=False):
        if stride:
            sign = "-" if stride < 0 else "+"
            factor = name if abs(stride) == 1 else f"{name} * {abs(stride)}"
            text += f" {sign} {factor}"
    if text.startswith(" + ") and offset >= 0:
        return text[3:] + plus(offset)
    return f"{offset}{text}"
