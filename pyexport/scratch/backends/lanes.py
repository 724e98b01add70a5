"""A vector inside one Python integer: lane k holds a signed number in its own bits.

Python adds integers, and multiplies them by small ones, in C. A sum or a scaled sum of such
integers is therefore the sum of the vectors, as long as no number outgrows its lane: whoever adds
and multiplies must prove that.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from sys import byteorder

from pyexport.errors import InvalidModelError

WORD = 8  # bytes of the words that numbers are moved through


class Lanes:
    """`count` signed lanes of `width` bytes, 1 to 8."""

    def __init__(self, count: int, width: int) -> None:
        self.count = count
        self.width = width
        self.bits = 8 * width
        self.ones = sum(1 << (self.bits * k) for k in range(count))  # the number 1 in each lane
        self.scale = 2.0 ** (self.bits - 8 * WORD)  # word * scale = number
        self._limit = 1 << (self.bits - 1)
        self._signs = self.ones * self._limit

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
        data = words.tobytes()
        if self.width < WORD:
            lanes = bytearray(self.count * self.width)
            for k in range(self.width):
                lanes[k :: self.width] = data[k::WORD]
            data = bytes(lanes)
        # Two's complement with the sign bit flipped is number + limit, which is not negative; a
        # negative number borrows from the lane above, and the subtraction makes it do so.
        return (int.from_bytes(data, "little") ^ self._signs) - self._signs

    def words(self, vector: int) -> array[int]:
        """Return each number shifted up to the top of 64 bits: word * scale is the number."""
        data = ((vector + self._signs) ^ self._signs).to_bytes(self.count * self.width, "little")
        if self.width < WORD:
            lanes = bytearray(self.count * WORD)
            for k in range(self.width):
                lanes[WORD - self.width + k :: WORD] = data[k :: self.width]
            data = bytes(lanes)
        words = array("q", data)
        if byteorder == "big":
            words.byteswap()
        return words

    def numbers(self, vector: int) -> list[int]:
        """Return the numbers exactly."""
        return [word >> (8 * WORD - self.bits) for word in self.words(vector)]
