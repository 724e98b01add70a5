"""Blocks of the arena: rectangles in time and bytes that move together, and when they are alive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pyexport.lower.memory.problem import ARENA, MemoryProblem, align_up
from pyexport.lower.memory.sharing import Group


@dataclass(frozen=True)
class Piece:
    """Bytes that are alive from position `first` to `last`, both included."""

    offset: int  # in its block
    bytes: int
    first: int
    last: int


@dataclass(frozen=True)
class Block:
    """The pieces of a group; the whole has one offset in the arena, a multiple of alignment."""

    name: str
    pieces: tuple[Piece, ...]
    alignment: int = 1
    kinds: frozenset[str] = frozenset()  # of its items; bytes of two kinds are never shared

    @cached_property
    def bytes(self) -> int:
        """Return the bytes from the block's start to the end of its last piece."""
        return max(piece.offset + piece.bytes for piece in self.pieces)

    @cached_property
    def first(self) -> int:
        """Return the first position at which any piece is alive."""
        return min(piece.first for piece in self.pieces)

    @cached_property
    def last(self) -> int:
        """Return the last position at which any piece is alive."""
        return max(piece.last for piece in self.pieces)

    @property
    def is_rigid(self) -> bool:
        """Tell whether pieces of different places or times have to stay together."""
        return len(self.pieces) > 1

    def forbidden(self, other: Block) -> tuple[tuple[int, int], ...]:
        """Return open intervals in which this block's offset minus the other's must not lie."""
        always = any(own != theirs for own in self.kinds for theirs in other.kinds)
        if not always and (self.first > other.last or other.first > self.last):
            return ()
        found = [
            (q.offset - p.offset - p.bytes, q.offset + q.bytes - p.offset)
            for p in self.pieces
            for q in other.pieces
            if always or (p.first <= q.last and q.first <= p.last)
        ]
        return tuple(sorted(found))


def make_blocks(
    problem: MemoryProblem, order: Sequence[int], groups: Sequence[Group]
) -> tuple[Block, ...]:
    """Return the block of each group that lies in the arena, called by its first member."""
    spans = problem.lifetimes(order)
    found = []
    for group in groups:
        if group.home != ARENA:
            continue
        pieces = [
            Piece(offset, problem.by_name[name].bytes, *spans[name])
            for name, offset in group.members
        ]
        alignment = max(problem.by_name[name].alignment for name, _ in group.members)
        kinds = frozenset(problem.by_name[name].kind for name, _ in group.members) - {""}
        found.append(Block(group.members[0][0], _joined(pieces), alignment, kinds))
    return tuple(found)


def _joined(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Return the same area in fewer pieces: equal places that follow each other become one."""
    rest = sorted(set(pieces), key=lambda p: (p.offset, p.bytes, p.first, p.last))
    joined: list[Piece] = []
    for piece in rest:
        before = joined[-1] if joined else None
        if (
            before is not None
            and (before.offset, before.bytes) == (piece.offset, piece.bytes)
            and piece.first <= before.last + 1
        ):
            last = max(before.last, piece.last)
            joined[-1] = Piece(before.offset, before.bytes, before.first, last)
        else:
            joined.append(piece)
    return tuple(p for p in joined if not any(_covers(other, p) for other in joined if other != p))


def _covers(whole: Piece, part: Piece) -> bool:
    return (
        whole.offset <= part.offset
        and part.offset + part.bytes <= whole.offset + whole.bytes
        and whole.first <= part.first
        and part.last <= whole.last
    )


def alive_bytes(blocks: Sequence[Block], position: int) -> int:
    """Return the bytes that are alive at a position, those of a block counted once."""
    total = 0
    for block in blocks:
        spans = sorted(
            (p.offset, p.offset + p.bytes) for p in block.pieces if p.first <= position <= p.last
        )
        end = 0
        for low, high in spans:
            total += max(high - max(low, end), 0)
            end = max(end, high)
    return total


def least_extent(blocks: Sequence[Block]) -> int:
    """Return the bytes that no placing of these blocks can do without.

    At each position these are the bytes alive, or, of those on one alignment and coarser, the
    bytes with the gaps behind all but one.
    """
    positions = sorted({p.first for b in blocks for p in b.pieces})
    best = 0
    for position in positions:
        best = max(best, alive_bytes(blocks, position))
        for alignment in {b.alignment for b in blocks if b.alignment > 1}:
            coarse = [
                alive_bytes((b,), position)
                for b in blocks
                if b.alignment >= alignment and not b.is_rigid and b.first <= position <= b.last
            ]
            padded = [align_up(size, alignment) for size in coarse]
            gaps = [whole - size for whole, size in zip(padded, coarse, strict=True)]
            if gaps:
                best = max(best, sum(padded) - max(gaps))
    return best
