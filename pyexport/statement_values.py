"""What a value of the schema of statements may be, and what it becomes: no part looks elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pyexport.untrusted import MAX_ELEMENTS, MAX_RANK, MAX_TEXT, MAX_WIDTH

Read = Callable[[object], Any]  # the value, or WrongError


class WrongError(ValueError):
    """A value that is not what its key takes; the text says what it takes."""


@dataclass(frozen=True)
class Normalization:
    """The network was trained on (x - mean) / std; one number, or one a channel or column."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


def text_of(limit: int) -> Read:
    """Return what reads a text of at most `limit` characters."""

    def read(value: object) -> str:
        if not isinstance(value, str) or not 1 <= len(value) <= limit:
            raise WrongError(f"a text of 1 to {limit} characters")
        return value

    return read


def choice_of(names: Sequence[str]) -> Read:
    """Return what reads one of these names."""

    def read(value: object) -> str:
        if value not in names or not isinstance(value, str):
            raise WrongError(f"one of {', '.join(names)}")
        return value

    return read


def read_texts(value: object) -> tuple[str, ...]:
    """Return a list of short texts."""
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_WIDTH:
        raise WrongError("a list of texts")
    try:
        return tuple(text_of(MAX_TEXT)(item) for item in value)
    except WrongError as error:
        raise WrongError(f"a list whose items are each {error}") from None


def read_number(value: object) -> float:
    """Return a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1e300:
        raise WrongError("a finite number")
    return float(value)


def read_positive(value: object) -> float:
    """Return a number above 0."""
    try:
        number = read_number(value)
    except WrongError:
        number = 0.0
    if number <= 0.0:
        raise WrongError("a positive number such as 1 / 256")
    return number


def read_numbers(value: object) -> tuple[float, ...]:
    """Return one or more finite numbers."""
    values = value if isinstance(value, list) else [value]
    if not 1 <= len(values) <= MAX_WIDTH:
        raise WrongError("a number or a list of numbers")
    return tuple(read_number(item) for item in values)


def read_range(value: object) -> tuple[float, float]:
    """Return two numbers, the lower first."""
    wrong = WrongError("two finite numbers (low, high) with low < high, at most 1e30 each")
    if not isinstance(value, list) or len(value) != 2:
        raise wrong
    try:
        low, high = read_number(value[0]), read_number(value[1])
    except WrongError:
        raise wrong from None
    if not is_range(low, high):
        raise wrong
    return low, high


def is_range(low: float, high: float) -> bool:
    """Return whether low..high can be an input's range: finite, of some width in float32.

    The limits keep every scale and every real value of the header a normal float of C.
    """
    return max(abs(low), abs(high)) <= 1e30 and high - low >= 1e-30  # not of NaN either


def read_shape(value: object) -> tuple[int, ...]:
    """Return the sizes of an input."""
    sizes = value if isinstance(value, list) else []
    whole = all(type(size) is int and 1 <= size <= MAX_ELEMENTS for size in sizes)
    if not whole or not 1 <= len(sizes) <= MAX_RANK or math.prod(sizes) > MAX_ELEMENTS:
        raise WrongError("a list of sizes without the batch, such as [1, 28, 28]")
    return tuple(sizes)


def read_normalize(value: object) -> Normalization:
    """Return mean and std, each one number or one a channel or column."""
    wrong = WrongError(
        "mean and std (above 0), a finite number each, or lists with one a channel or column"
    )
    if not isinstance(value, dict) or set(value) != {"mean", "std"}:
        raise wrong
    try:
        mean, std = read_numbers(value["mean"]), read_numbers(value["std"])
    except WrongError:
        raise wrong from None
    if min(std) <= 0.0 or (len(mean) != len(std) and 1 not in (len(mean), len(std))):
        raise wrong
    return Normalization(mean, std)
