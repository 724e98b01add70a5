"""Words that hold two weights or four: what a processor adds up is what the layer needs."""

from __future__ import annotations

import numpy as np
import pytest

from pyexport.lower import swar

WORD = 1 << 32


def unpack(word: int) -> tuple[int, int]:
    """Return the two final sums of a word, as the generated C does."""
    low = (word & 0xFFFF ^ 0x8000) - 0x8000
    high = (word - low) % WORD >> 16
    return low, (high ^ 0x8000) - 0x8000


def added(words: list[int], x: list[int], start: int) -> int:
    total = start
    for a, w in zip(x, words, strict=True):
        total += a * w
    return total % WORD


def blocks(flat: np.ndarray, n_in: int, sizes: list[int], words_of: int) -> list[np.ndarray]:
    """Return (inputs, words) of each block."""
    parts, at = [], 0
    for size in sizes:
        count = n_in * -(-size // words_of)
        parts.append(flat[at : at + count].reshape(n_in, -1))
        at += count
    assert at == len(flat)
    return parts


def case(n_out: int, n_in: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return weights, biases and an input whose sums fit 16 bits, though not on the way."""
    random = np.random.default_rng([seed, n_out, n_in])
    weight = random.integers(-127, 128, (n_out, n_in))
    x = random.integers(-128, 256, n_in)
    bias = random.integers(-32768, 32768, n_out) - weight @ x
    return weight, bias, x


@pytest.mark.parametrize(
    ("n_out", "n_in", "most"), [(2, 1, 16), (7, 5, 4), (20, 9, 16), (33, 3, 8)]
)
@pytest.mark.parametrize("lanes", [2, 4])
def test_final_sums_of_16_bits_come_out_of_both_halves(
    n_out: int, n_in: int, most: int, lanes: int
) -> None:
    weight, bias, x = case(n_out, n_in)
    taken = swar.blocks_of(n_out, most)
    starts = swar.start_words(bias, taken)
    pack = swar.weight_words16 if lanes == 2 else swar.weight_words8
    parts = blocks(pack(weight, taken).astype(np.int64) % WORD, n_in, taken.sizes, lanes)
    sums: list[int] = []
    for size, part in zip(taken.sizes, parts, strict=True):
        pairs = -(-size // 2)
        found: list[int] = []
        for k in range(pairs):
            start = int(starts[len(sums) // 2 + k])
            if lanes == 2:
                words = part[:, k].tolist()
            else:
                words = ((part[:, k // 2] >> 8 * (k % 2)) & 0x00FF00FF).tolist()
                start -= 128 * 0x10001 * int(x.sum())
            found += unpack(added(words, x.tolist(), start))
        sums += found[:size] if size % 2 == 0 else found[: size + 1]
    expected = bias + weight @ x
    assert sums[:n_out] == expected.tolist()


@pytest.mark.parametrize("n_out", [2, 3, 6, 8, 9, 33])
@pytest.mark.parametrize(("most", "nested"), [(8, False), (16, True)])
def test_eight_weights_a_word_give_the_sums_of_all_pairs(
    n_out: int, most: int, nested: bool
) -> None:
    wide, bias, x = case(n_out, 7)
    weight = np.random.default_rng(n_out).integers(-7, 8, (n_out, 7))
    bias += (wide - weight) @ x  # so that the sums stay the same
    taken = swar.blocks_of(n_out, most)
    starts = swar.start_words4(bias, taken, nested=nested)
    parts = blocks(swar.weight_words4(weight, taken).astype(np.int64) % WORD, 7, taken.sizes, 8)
    sums: list[int] = []
    for size, part in zip(taken.sizes, parts, strict=True):
        start = starts[-(-len(sums) // 2) :]
        found: list[int] = []
        for first in range(0, -(-size // 2), 4):
            pairs = min(4, -(-size // 2) - first)
            found += of_a_word(part[:, first // 4], x, start[first : first + pairs], nested)
        sums += found[:size] if size % 2 == 0 else found[: size + 1]
    assert sums[:n_out] == (bias + weight @ x).tolist()


def of_a_word(words: np.ndarray, x: np.ndarray, start: np.ndarray, nested: bool) -> list[int]:
    """Return the sums of a word's pairs, as the kernel takes them."""
    masks = (0xFFFFFFFF, 0x0F0F0F0F, 0x00FF00FF, 0x000F000F) if nested else (0xFFFFFFFF,)
    s = []
    for k in range(len(start)):
        taken = words >> 4 * k & (masks[k] if k < len(masks) else 0x000F000F)
        s.append(added(taken.tolist(), x.tolist(), int(start[k])))
    if nested and len(s) == 4:
        s[2] -= s[3] << 4
        s[1] -= s[3] << 8
    s[0] -= sum(value << 4 * k for k, value in enumerate(s) if k)
    total = 8 * 0x10001 * int(x.sum())
    return [value for word in s for value in unpack((word - total) % WORD)]


def test_a_lane_without_an_output_stays_zero() -> None:
    weight, bias, x = case(3, 4)
    taken = swar.blocks_of(3, 16)
    words = swar.weight_words16(weight, taken).reshape(4, 2)
    total = added((words[:, 1].astype(np.int64) % WORD).tolist(), x.tolist(), 0)
    assert unpack(total + int(swar.start_words(bias, taken)[1]))[1] == 0


@pytest.mark.parametrize(("shift", "pre", "works"), [(1, 0, True), (15, 0, True), (16, 0, False)])
def test_one_shift_replaces_both_where_the_product_fits(shift: int, pre: int, works: bool) -> None:
    combined = swar.combined_shifts(np.array([shift]), pre)
    assert (combined is not None) == works
    if combined is not None:
        assert combined.tolist() == [16 + shift - pre]


def test_one_shift_rounds_as_q15x_does() -> None:
    from pyexport.fixedpoint import requantize_q15x

    random = np.random.default_rng(0)
    for pre, shift in [(0, 1), (0, 9), (0, 15), (3, 1), (8, 12), (14, 2)]:
        t = 16 + shift - pre
        for acc in [-32768, 32767, *random.integers(-32768, 32768, 300).tolist()]:
            m = int(random.integers(0, 1 << 15))
            assert -(2**31) <= acc * m + (1 << (t - 1)) < 2**31
            assert (acc * m + (1 << (t - 1))) >> t == requantize_q15x(acc, m, shift, pre)
