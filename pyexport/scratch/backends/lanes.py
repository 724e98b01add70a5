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
    """`count` signed lanes of `width` bytes."""

    def __init__(self, count: int, width: int) -> None:
        self.count = count
        self.width = width
        self.bits = 8 * width
        self.ones = sum(1 << (self.bits * k) for k in range(count))  # the number 1 in each lane
        self.left = max(WORD - width, 0)  # bytes below a narrow lane in its word
        self.scale = 2.0 ** (8 * (width - WORD))  # word * scale = number
        self._carried = min(width, WORD)  # bytes of a lane that a word holds
        self._limit = 1 << (8 * self._carried - 1)
        self._pack_bias = self.ones * self._limit
        self._sign_bias = self.ones << (self.bits - 1)

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
        if self.width != WORD:
            lanes = bytearray(self.count * self.width)
            for k in range(self._carried):
                lanes[k :: self.width] = data[k::WORD]
            data = bytes(lanes)
        # Two's complement, sign bit flipped, is number + limit: no lane borrows from the next.
        return (int.from_bytes(data, "little") ^ self._pack_bias) - self._pack_bias

    def words(self, vector: int) -> array[int]:
        """Return the highest 64 bits of each lane; a narrow lane is shifted up to 64 bits.

        word * scale is the number: exactly if width <= 8, otherwise rounded down to the scale.
        """
        data = ((vector + self._sign_bias) ^ self._sign_bias).to_bytes(
            self.count * self.width, "little"
        )
        if self.width != WORD:
            lanes = bytearray(self.count * WORD)
            for k in range(self._carried):
                lanes[self.left + k :: WORD] = data[self.width - self._carried + k :: self.width]
            data = bytes(lanes)
        words = array("q", data)
        if byteorder == "big":
            words.byteswap()
        return words

    def numbers(self, vector: int) -> list[int]:
        """Return the numbers exactly; in lanes wider than 64 bits they must be below 2**63."""
        above = 8 * max(self.width - WORD, 0)
        return [word >> (8 * self.left) for word in self.words(vector << above)]
