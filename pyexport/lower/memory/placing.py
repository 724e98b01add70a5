"""Gives blocks offsets: the lowest gap in several orders, then a bounded search among orders.

Deterministic everywhere: bounded by steps, not by time, with a generator of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyexport.lower.memory.blocks import Block
from pyexport.lower.memory.problem import align_up

TRIES = 600  # orders that the search looks at when no simple one reaches the bound

Offsets = tuple[int, ...]  # of each block


class Board:
    """Blocks and which offsets they forbid each other."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.blocks = tuple(blocks)
        self.forbidden: list[dict[int, tuple[tuple[int, int], ...]]] = [{} for _ in blocks]
        for i, block in enumerate(blocks):
            for j in range(i):
                intervals = block.forbidden(blocks[j])
                if intervals:
                    self.forbidden[i][j] = intervals
                    mirrored = sorted((-high, -low) for low, high in intervals)
                    self.forbidden[j][i] = tuple(mirrored)

    def lowest(self, index: int, placed: dict[int, int]) -> int:
        """Return the lowest offset of a block beside those that have one."""
        intervals = [
            (placed[j] + low, placed[j] + high)
            for j, pairs in self.forbidden[index].items()
            if j in placed
            for low, high in pairs
        ]
        intervals.sort()
        offset, alignment = 0, self.blocks[index].alignment
        for low, high in intervals:
            if low >= offset:
                break
            if high > offset:
                offset = align_up(high, alignment)
        return offset

    def place(self, order: Sequence[int]) -> Offsets:
        """Return the offsets when blocks take the lowest gap in this order."""
        placed: dict[int, int] = {}
        for index in order:
            placed[index] = self.lowest(index, placed)
        return tuple(placed[i] for i in range(len(self.blocks)))

    def size(self, offsets: Offsets) -> int:
        """Return the end of the highest block."""
        ends = (o + b.bytes for o, b in zip(offsets, self.blocks, strict=True))
        return max(ends, default=0)


def simple_orders(blocks: Sequence[Block]) -> list[list[int]]:
    """Return the orders that are tried first."""
    numbers = range(len(blocks))
    span = [b.last - b.first + 1 for b in blocks]
    keys = (
        lambda i: (-blocks[i].bytes, blocks[i].first, i),
        lambda i: (-blocks[i].bytes * span[i], i),
        lambda i: (-span[i], -blocks[i].bytes, i),
        lambda i: (blocks[i].first, -blocks[i].bytes, i),
        lambda i: (blocks[i].last, -blocks[i].bytes, i),
        lambda i: (-blocks[i].last, -blocks[i].bytes, i),
    )
    return [sorted(numbers, key=key) for key in keys] + _from_the_peak(blocks)


def _from_the_peak(blocks: Sequence[Block]) -> list[list[int]]:
    """Return orders that start where most bytes are alive and go outwards from there."""
    if not blocks:
        return []
    positions = sorted({b.first for b in blocks})
    peak = max(
        positions,
        key=lambda s: (sum(b.bytes for b in blocks if b.first <= s <= b.last), -s),
    )

    def away(index: int) -> int:
        block = blocks[index]
        return max(block.first - peak, peak - block.last, 0)

    numbers = range(len(blocks))
    return [
        sorted(numbers, key=lambda i: (away(i), -blocks[i].bytes, i)),
        sorted(numbers, key=lambda i: (away(i), blocks[i].first - blocks[i].last, i)),
    ]


def two_ends(board: Board, size: int) -> Offsets | None:
    """Return blocks at the bottom and the top of `size` bytes in turn; None if two overlap.

    It is for a chain of layers, where it always reaches the bound.
    """
    blocks = board.blocks
    placed: dict[int, int] = {}
    order = sorted(range(len(blocks)), key=lambda i: (blocks[i].first, i))
    for turn, index in enumerate(order):
        block = blocks[index]
        top = (size - block.bytes) // block.alignment * block.alignment
        offset = 0 if turn % 2 == 0 else top
        if offset < 0 or not all(
            offset - placed[j] <= low or offset - placed[j] >= high
            for j, pairs in board.forbidden[index].items()
            if j in placed
            for low, high in pairs
        ):
            return None
        placed[index] = offset
    return tuple(placed[i] for i in range(len(blocks)))


def find_offsets(board: Board, bound: int, tries: int = TRIES) -> Offsets:
    """Return good offsets: the best of the simple orders, improved until `bound` is reached."""
    candidates = [(board.place(order), order) for order in simple_orders(board.blocks)]
    ends = two_ends(board, bound)
    if ends is not None:
        candidates.insert(0, (ends, sorted(range(len(ends)), key=lambda i: ends[i])))
    if not candidates:
        return ()
    offsets, order = min(candidates, key=lambda pair: board.size(pair[0]))
    if board.size(offsets) <= bound:
        return offsets
    return _climb(board, offsets, order, bound, tries)


def _climb(board: Board, offsets: Offsets, order: Sequence[int], bound: int, tries: int) -> Offsets:
    """Move a block that ends highest, or one that it lies on, to the front; keep what helps."""
    random = Generator()
    best, best_size = offsets, board.size(offsets)
    current, current_size, current_order = offsets, best_size, list(order)
    for _ in range(tries):
        trial = _changed(board, current, current_order, current_size, random)
        placed = board.place(trial)
        size = board.size(placed)
        if size <= current_size or random.below(100) < 3:
            current, current_size, current_order = placed, size, trial
        if size < best_size:
            best, best_size = placed, size
            if best_size <= bound:
                break
    return best


def _changed(
    board: Board, offsets: Offsets, order: list[int], size: int, random: Generator
) -> list[int]:
    blocks = board.blocks
    tops = [i for i in order if offsets[i] + blocks[i].bytes == size]
    top = tops[random.below(len(tops))]
    near = [top, *board.forbidden[top]]
    moved = near[random.below(len(near))]
    trial = [i for i in order if i != moved]
    where = order.index(moved)
    trial.insert(random.below(max(where, 1)) if where else random.below(len(order)), moved)
    return trial


class Generator:
    """A small generator of numbers, the same on every machine and in every version of Python."""

    def __init__(self) -> None:
        self._state = 0x2545F491

    def below(self, limit: int) -> int:
        """Return the next number in 0..limit - 1."""
        self._state = (self._state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self._state >> 8) % limit
