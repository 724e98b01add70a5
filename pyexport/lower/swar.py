"""Two sums in one word: layers whose final sums are proved to fit 16 bits (SWAR).

The product of an input and the word w1 * 2**16 + w0 adds to two sums at once, modulo 2**32. A sum
may wrap on the way; at the end both halves are right, because both final sums fit 16 bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyexport.fixedpoint import RANGES
from pyexport.ir import Array
from pyexport.lower.packing import plain_const
from pyexport.program import Const
from pyexport.targets import Target

Params = tuple[tuple[str, int | str], ...]

WEIGHT_OFFSET = 128  # of 8-bit weights: w + 128 has no sign to borrow from the upper half
NIBBLE_OFFSET = 8  # of 4-bit weights, likewise
PER_WORD = 2  # sums of a word
PAIRS_A_WORD = 4  # of outputs whose 4-bit weights share a word
HALF = 1 << 15  # added to sums, which then have no sign: words compare as their upper sums do
MAX_SHIFT = 31  # acc * multiplier + 2**(shift - 1) stays inside int32: 30 bits each


@dataclass(frozen=True)
class Blocks:
    """How outputs are taken together: `full` blocks of `size`, then `rest` outputs."""

    size: int
    full: int
    rest: int

    @property
    def sizes(self) -> list[int]:
        """Outputs of every block, in order."""
        return [self.size] * self.full + [self.rest] * bool(self.rest)


def blocks_of(n_out: int, most: int) -> Blocks:
    """Return blocks of at most `most` outputs, an even number."""
    size = min(most, n_out + n_out % 2)
    return Blocks(size, n_out // size, n_out % size)


def has_word(target: Target | None) -> bool:
    """Return whether the target multiplies words of 32 bits; portable C is written for those."""
    return target is None or (target.word_bits >= 32 and target.multiplies)


def multiplies(target: Target | None) -> bool:
    """Return whether a product takes an instruction; portable C is written for such cores."""
    return target is None or target.multiplies


BLOCK_SIZES = (8, 16, 32)


def block_size(target: Target | None) -> int:
    """Return how many outputs are summed at once, so that their words stay in registers.

    Armv6-M adds in eight registers, the other cores in about twelve, RV32I in almost thirty.
    """
    if target is None:
        return 16
    return 8 if target.name == "cortex-m0" else 32 if target.family == "riscv" else 16


def sums_fit(acc_low: Array, acc_high: Array) -> bool:
    """Return whether every final sum is proved to fit 16 bits."""
    low, high = RANGES["s16"]
    return int(acc_low.min()) >= low and int(acc_high.max()) <= high


def combined_shifts(shift: Array, pre_shift: int) -> Array | None:
    """Return t for which q15x of a 16-bit sum is (acc * multiplier + 2**(t - 1)) >> t, if it is.

    Both roundings of q15x are floors, so that one shift by 16 + shift - pre_shift does the same.
    """
    combined: Array = 16 + shift.astype(np.int64) - pre_shift
    fits = combined.min() >= 1 and combined.max() <= MAX_SHIFT
    return combined if fits else None


def rounding_tables(name: str, multiplier: Array, shifts: Array) -> tuple[Const, ...]:
    """Return the multipliers, and the combined shifts where outputs differ in them."""
    multipliers = plain_const(f"{name}_multiplier", multiplier, "u16", "q15x, one an output")
    if len(set(shifts.tolist())) == 1:
        return (multipliers,)
    note = "of acc * multiplier, one an output"
    return multipliers, plain_const(f"{name}_shift", shifts, "u8", note)


def rounding_params(shifts: Array) -> Params:
    """Return the combined shift; 0 stands for one an output."""
    shared = len(set(shifts.tolist())) == 1
    return (("shift", int(shifts[0]) if shared else 0),)


def start_words(bias: Array, blocks: Blocks) -> Array:
    """Return the biases, two a word, block by block; a lane without an output starts at 0."""
    values, parts, at = np.zeros(max(sum(blocks.sizes), len(bias)), np.int64), [], 0
    values[: len(bias)] = bias
    for size in blocks.sizes:
        parts.append(_paired(values[at : at + size][:, None])[0])
        at += size
    return _signed(np.concatenate(parts))


def same_in_both(values: Array) -> Array:
    """Return words that hold each value in both halves."""
    return _signed(values.astype(np.int64) * 0x10001)


def weight_words16(weight: Array, blocks: Blocks) -> Array:
    """Return weights (n_out, n_in), two a word: [block][input][pair of outputs]."""
    values, parts, at = weight.astype(np.int64), [], 0
    for size in blocks.sizes:
        parts.append(_paired(values[at : at + size]).ravel())
        at += size
    return _signed(np.concatenate(parts))


def weight_words8(weight: Array, blocks: Blocks) -> Array:
    """Return weights + 128, four a word: [block][input][four outputs].

    Bytes 0 and 2 are outputs 0 and 1 of the four, bytes 1 and 3 outputs 2 and 3, so that masks
    make two words of two lanes. A lane without an output holds 128, for a weight of 0.
    """
    values, parts, at = weight.astype(np.int64) + WEIGHT_OFFSET, [], 0
    for size in blocks.sizes:
        rows = np.full((-(-size // 4) * 4, values.shape[1]), WEIGHT_OFFSET, dtype=np.int64)
        rows[:size] = values[at : at + size]
        words = rows[0::4] + (rows[1::4] << 16) + (rows[2::4] << 8) + (rows[3::4] << 24)
        parts.append(words.T.ravel())
        at += size
    return _signed(np.concatenate(parts))


def weight_words4(weight: Array, blocks: Blocks) -> Array:
    """Return weights + 8, eight a word: [block][input][eight outputs].

    Bits 4k..4k+3 hold output 2k of the eight, those 16 higher output 2k + 1. A lane without an
    output holds 0.
    """
    values, parts, at = weight.astype(np.int64) + NIBBLE_OFFSET, [], 0
    for size in blocks.sizes:
        rows = np.zeros((-(-size // 8) * 8, values.shape[1]), dtype=np.int64)
        rows[:size] = values[at : at + size]
        words = sum(
            (rows[2 * k :: 8] + (rows[2 * k + 1 :: 8] << 16)) << 4 * k for k in range(PAIRS_A_WORD)
        )
        parts.append(np.asarray(words).T.ravel())
        at += size
    return _signed(np.concatenate(parts))


def start_words4(bias: Array, blocks: Blocks, *, nested: bool) -> Array:
    """Return the biases as start_words does, but each with what its sum takes of other pairs.

    The first sum of a word of weights takes the word as it is, s0 + 16 s1 + 256 s2 + 4096 s3; where
    masks are nested, the second takes s1 + 256 s3 and the third s2 + 16 s3. The kernel subtracts
    the others at the end, so that they start in it too.
    """
    starts, parts, at = start_words(bias, blocks).astype(np.int64), [], 0
    for size in blocks.sizes:
        own = starts[at : at + (size + 1) // 2].copy()
        for first in range(0, len(own), PAIRS_A_WORD):
            group = own[first : first + PAIRS_A_WORD].copy()
            own[first] = (group << 4 * np.arange(len(group))).sum()
            if nested and len(group) == PAIRS_A_WORD:
                own[first + 1] += group[3] << 8
                own[first + 2] += group[3] << 4
        parts.append(own)
        at += len(own)
    return _signed(np.concatenate(parts))


def _paired(rows: Array) -> Array:
    """Return rows (outputs, n) as words (n, pairs): an even row in the low half."""
    even, odd = rows[0::2], np.zeros_like(rows[0::2])
    odd[: len(rows) // 2] = rows[1::2]
    return np.asarray((even + (odd << 16)).T)


def _signed(words: Array) -> Array:
    """Return words modulo 2**32 as int32 values."""
    wrapped = (words & 0xFFFFFFFF).astype(np.uint32)
    return wrapped.view(np.int32)
