"""The memory plan of a Program as rows: which bytes each buffer takes, and while which steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyexport.program import Buffer, Program, RowLoop, Step


@dataclass(frozen=True)
class Row:
    """One buffer. Steps are counted from 0 in the order in which they run."""

    name: str
    kind: str  # "input", "output", "arena", "workspace", "line" or "state"
    bytes: int
    offset: int  # in the arena, or in `inside`
    inside: str  # of a view: the input or output that holds it
    first: int  # the step that writes it; 0 for what the caller gives
    last: int  # the last step that reads it; the last step of all for what he wants

    @property
    def in_arena(self) -> bool:
        """Tell whether the bytes are those of the scratch."""
        return self.kind in ("arena", "workspace", "line")


@dataclass(frozen=True)
class MemoryPicture:
    """All rows, and the step while which most bytes of the arena are alive."""

    steps: tuple[str, ...]  # node names in the order in which they run
    rows: tuple[Row, ...]  # the caller's first, then as they are written
    arena_bytes: int
    lower_bound: int
    alive: tuple[int, ...]  # bytes of the arena alive while each step runs

    @property
    def peak(self) -> int:
        """Return the step while which most bytes are alive, the first of equal ones."""
        return max(range(len(self.alive)), key=lambda s: (self.alive[s], -s))

    @property
    def peak_rows(self) -> tuple[Row, ...]:
        """Return the rows of the arena alive at the peak, the largest first."""
        alive = [r for r in self.rows if r.in_arena and r.first <= self.peak <= r.last]
        return tuple(sorted(alive, key=lambda r: (-r.bytes, r.name)))


def memory_picture(program: Program) -> MemoryPicture:
    """Return the plan of a program."""
    steps = program.steps
    spans = _spans(steps)
    rows = [_row(buffer, program, spans, len(steps)) for buffer in program.buffers]
    rows.sort(key=lambda r: (r.in_arena, r.first, r.offset, r.name))
    alive = tuple(_alive(rows, step) for step in range(len(steps)))
    return MemoryPicture(
        steps=tuple(entry.node for entry in steps),
        rows=tuple(rows),
        arena_bytes=program.arena_bytes,
        lower_bound=program.arena_lower_bound,
        alive=alive,
    )


def _spans(steps: Sequence[Step | RowLoop]) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for number, entry in enumerate(steps):
        for name in entry.buffers:
            first, last = found.get(name, (number, number))
            found[name] = (min(first, number), max(last, number))
    return found


def _row(buffer: Buffer, program: Program, spans: dict[str, tuple[int, int]], steps: int) -> Row:
    first, last = spans.get(buffer.name, (0, 0))
    kind = buffer.kind
    if buffer.name in program.inputs:
        first = 0
    elif buffer.name in program.outputs:
        last = steps - 1
    if kind == "arena" and any(buffer.name in entry.workspaces for entry in program.steps):
        kind = "workspace"
    return Row(buffer.name, kind, buffer.bytes, buffer.offset, buffer.inside, first, last)


def _alive(rows: Sequence[Row], step: int) -> int:
    """Return the bytes that rows of the arena take while a step runs, shared ones once."""
    spans = sorted(
        (r.offset, r.offset + r.bytes) for r in rows if r.in_arena and r.first <= step <= r.last
    )
    total, end = 0, 0
    for low, high in spans:
        total += max(high - max(low, end), 0)
        end = max(end, high)
    return total
