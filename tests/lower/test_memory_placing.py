"""Offsets of blocks: never two alive at one place, and the least arena where that is proved."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from pyexport.lower.memory.blocks import Block, Piece, alive_bytes, least_extent
from pyexport.lower.memory.exact import best_offsets
from pyexport.lower.memory.placing import Board, Offsets, find_offsets, two_ends

ALIGNMENTS = (1, 1, 2, 4)


@st.composite
def blocks(draw: st.DrawFn, most: int, largest: int = 200, pieces: int = 1) -> list[Block]:
    found = []
    for i in range(draw(st.integers(0, most))):
        alignment = draw(st.sampled_from(ALIGNMENTS))
        parts = []
        for _ in range(draw(st.integers(1, pieces))):
            first = draw(st.integers(0, 8))
            offset = alignment * draw(st.integers(0, 6)) if parts else 0
            size = draw(st.integers(1, largest))
            parts.append(Piece(offset, size, first, first + draw(st.integers(0, 4))))
        found.append(Block(f"b{i}", tuple(parts), alignment))
    return found


def assert_apart(items: list[Block], offsets: Offsets) -> None:
    for block, offset in zip(items, offsets, strict=True):
        assert offset >= 0
        assert offset % block.alignment == 0
    for i, j in itertools.combinations(range(len(items)), 2):
        for p in items[i].pieces:
            for q in items[j].pieces:
                if p.first <= q.last and q.first <= p.last:
                    a, b = offsets[i] + p.offset, offsets[j] + q.offset
                    assert a + p.bytes <= b or b + q.bytes <= a


def least_arena(items: list[Block], limit: int) -> int:
    """Return the least size by trying every offset of every block below `limit`."""
    best = limit

    def place(index: int, offsets: tuple[int, ...], size: int) -> None:
        nonlocal best
        if size >= best:
            return
        if index == len(items):
            best = size
            return
        block = items[index]
        for offset in range(0, best - block.bytes + 1, block.alignment):
            placed = (*offsets, offset)
            try:
                assert_apart(items[: index + 1], placed)
            except AssertionError:
                continue
            place(index + 1, placed, max(size, offset + block.bytes))

    place(0, (), 0)
    return best


@given(blocks(12, pieces=3))
@settings(max_examples=150)
def test_living_blocks_never_overlap(items: list[Block]) -> None:
    board = Board(items)
    bound = least_extent(items)
    offsets = find_offsets(board, bound)
    assert_apart(items, offsets)
    assert board.size(offsets) >= bound


@given(blocks(4, largest=6, pieces=2))
@settings(max_examples=80, deadline=None)
def test_a_proved_size_is_that_of_brute_force_and_no_bound_is_above_it(items: list[Block]) -> None:
    board = Board(items)
    bound = least_extent(items)
    start = find_offsets(board, bound)
    offsets, proved = best_offsets(board, start, bound)
    assert_apart(items, offsets)
    best = least_arena(items, board.size(start) + 1) if items else 0
    best = min(best, board.size(start))
    assert bound <= best <= board.size(offsets) <= board.size(start)
    assert not proved or board.size(offsets) == best
    assert proved, "a few blocks need few steps"


@given(st.lists(st.integers(1, 100), min_size=1, max_size=10))
def test_a_chain_of_layers_needs_no_more_than_its_largest_pair(sizes: list[int]) -> None:
    items = [Block(f"b{i}", (Piece(0, n, i, i + 1),)) for i, n in enumerate(sizes)]
    board = Board(items)
    bound = max(a + b for a, b in zip(sizes, [*sizes[1:], 0], strict=True))
    assert least_extent(items) == bound
    assert two_ends(board, bound) is not None
    assert board.size(find_offsets(board, bound)) == bound


def test_three_aligned_bytes_and_a_word_need_two_words() -> None:
    items = [Block("word", (Piece(0, 4, 0, 0),), 4), Block("rest", (Piece(0, 3, 0, 0),), 4)]
    assert alive_bytes(items, 0) == least_extent(items) == 7
    items.append(Block("more", (Piece(0, 3, 0, 0),), 4))
    assert alive_bytes(items, 0) == 10
    assert least_extent(items) == 11  # 4 + 4 + 3: only the last may end short of a word


def test_the_parts_of_a_block_keep_their_distance() -> None:
    tall = Block("tall", (Piece(0, 10, 0, 1), Piece(20, 10, 1, 2)))
    flat = Block("flat", (Piece(0, 15, 2, 3),))
    board = Board([tall, flat])
    assert board.size(find_offsets(board, 0)) == 30  # the flat one lies below the upper part


def test_nothing_needs_nothing() -> None:
    board = Board([])
    assert find_offsets(board, 0) == ()
    assert best_offsets(board, (), 0) == ((), True)
    assert least_extent([]) == 0
