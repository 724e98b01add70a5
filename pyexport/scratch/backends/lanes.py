"""A vector inside one Python integer: lane k holds a signed number in its own bits.

Python adds integers, and multiplies them by small ones, in C. A sum or a scaled sum of such
integers is therefore the sum of the vectors, as long as no number outgrows its lane: whoever adds
and multiplies must prove that.

Numbers enter and leave through the bits of floats. A float between 2**52 and 2**53 is a whole
number whose low 52 bits are the low 52 bits of the float: adding an anchor in there rounds a
smaller number and puts it into these bits, all lanes without a Python integer each.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import floor
from struct import Struct, unpack
from sys import byteorder

from pyexport.errors import InvalidModelError

WORD = 8  # bytes of a float
MANTISSA = 52  # bits
ANCHOR = 1.5 * 2.0**MANTISSA
EXACT = 1 << (MANTISSA - 1)  # numbers below this one are rounded to integers beside the anchor
WIDTHS = (5, 6, 8)  # bytes a lane


class Lanes:
    """`count` signed lanes of `width` bytes, one of WIDTHS."""

    def __init__(self, count: int, width: int) -> None:
        assert width in WIDTHS
        self.count = count
        self.width = width
        self.bits = 8 * width
        one = b"\1" + bytes(width - 1)
        self.ones = int.from_bytes(one * count, "little")  # the number 1 in each lane
        self._limit = 1 << (self.bits - 1)
        self._signs = self.ones * self._limit
        self._floats = Struct(f"<{count}d")
        # A narrow lane holds the low bytes of a float beside the anchor, number 0 in the middle.
        self._anchor = ANCHOR if width == WORD else ANCHOR + self._limit
        high_bytes = bits_of(self._anchor) >> self.bits << self.bits
        self._template = high_bytes.to_bytes(WORD, "little") * count
        self._origin = self.ones * (bits_of(self._anchor) - high_bytes)
        # A wide one has more bits than a float keeps: the lowest are dropped on the way out.
        self._dropped = max(0, self.bits - MANTISSA)
        self._mantissas = self.ones * ((1 << MANTISSA) - 1)
        self._exponents = self.ones * bits_of(2.0**MANTISSA)

    def __reduce__(self) -> tuple[type[Lanes], tuple[int, int]]:
        return Lanes, (self.count, self.width)  # copies and pickles are made anew

    def pack(self, numbers: Sequence[int]) -> int:
        """Return the numbers as one integer; refuses one that has no room in its lane."""
        if len(numbers) != self.count or not (
            -self._limit <= min(numbers) and max(numbers) < self._limit
        ):
            raise InvalidModelError(
                f"a vector does not fit {self.count} lanes of {self.bits} bits;"
                " lower the learning rate or use the lists engine"
            )
        words = array("q", numbers)
        if byteorder == "big":
            words.byteswap()
        # Two's complement with the sign bit flipped is number + limit, which is not negative; a
        # negative number borrows from the lane above, and the subtraction makes it do so.
        return (int.from_bytes(self._narrow(words.tobytes()), "little") ^ self._signs) - self._signs

    def pack_rounded(self, values: Sequence[float], scale: float) -> int:
        """Return pack of value * scale, rounded as by `rounded`; the caller has proved room.

        In wide lanes there is room below EXACT.
        """
        anchor = self._anchor
        data = self._floats.pack(*[value * scale + anchor for value in values])
        return int.from_bytes(self._narrow(data), "little") - self._origin

    def numbers(self, vector: int) -> list[int]:
        """Return the numbers exactly."""
        data = ((vector + self._signs) ^ self._signs).to_bytes(self.count * self.width, "little")
        step = self.width
        return [
            int.from_bytes(data[k : k + step], "little", signed=True)
            for k in range(0, len(data), step)
        ]

    def floats(self, vector: int, unit: float) -> list[float]:
        """Return number * unit of each lane; a wide one is rounded down to MANTISSA bits."""
        if self.width == WORD:
            shifted = (vector + self._signs) >> self._dropped
            beside = (shifted & self._mantissas) + self._exponents
            data: bytes | bytearray = beside.to_bytes(self.count * WORD, "little")
            unit *= 2.0**self._dropped
        else:
            low = (vector + self._origin).to_bytes(self.count * self.width, "little")
            data = bytearray(self._template)
            for k in range(self.width):
                data[k::WORD] = low[k :: self.width]
        anchor = self._anchor
        return [(value - anchor) * unit for value in self._floats.unpack(data)]

    def _narrow(self, words: bytes) -> bytes | bytearray:
        """Return the low bytes of each word."""
        if self.width == WORD:
            return words
        lanes = bytearray(self.count * self.width)
        for k in range(self.width):
            lanes[k :: self.width] = words[k::WORD]
        return lanes


def rounded(values: Sequence[float], scale: float) -> list[int]:
    """Return value * scale rounded to integers, halves to even; refuses NaN and infinity.

    Values that reach EXACT may become less exact, but stay as large.
    """
    try:
        return list(map(floor, [value * scale + ANCHOR - ANCHOR for value in values]))
    except (ValueError, OverflowError):
        raise InvalidModelError(
            "a number in the network became NaN or infinite; lower the learning rate"
        ) from None


def bits_of(number: float) -> int:
    """Return the 64 bits of a float as an integer."""
    (bits,) = unpack("<Q", Struct("<d").pack(number))
    return int(bits)
