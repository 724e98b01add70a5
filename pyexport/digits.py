"""Binary digits of numbers: the steps of a product on a core that does not multiply."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

WORD = 32  # bits of the numbers that a product takes: a negative one has a digit in each


class Digits(NamedTuple):
    """Means over some numbers, or the most that a number has."""

    length: float  # digits up to the greatest that is 1; of 0 one, because a loop looks at it
    ones: float  # digits that are 1
    signed: float  # digits of -1 or 1, where neighbors of 1 become a difference: 7 is 8 - 1


def digits_of(value: int) -> Digits:
    """Return the digits of an int32, a negative one in two's complement."""
    bits = value % (1 << WORD)
    size = abs(value)
    return Digits(max(bits.bit_length(), 1), bits.bit_count(), (3 * size ^ size).bit_count())


def mean_digits(values: Iterable[int]) -> Digits:
    """Return the means over numbers; of none those of 0."""
    found = [digits_of(value) for value in values] or [digits_of(0)]
    return Digits(*(sum(column) / len(found) for column in zip(*found, strict=True)))


def most_digits(low: int, high: int) -> Digits:
    """Return the most of each that a number of low..high has."""
    found = [digits_of(value) for value in range(low, high + 1)]
    return Digits(*(max(column) for column in zip(*found, strict=True)))
