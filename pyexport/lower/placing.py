"""Gives the buffers of a program their places: what lies between steps and memory planner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pyexport.lower.memory import ARENA, Item, MemoryPlan, MemoryProblem, Task, plan_memory
from pyexport.lower.reuse import Reuse
from pyexport.program import Buffer, RowLoop, Step, element_kind

_HOMES = {"line": ARENA}  # lines of a row loop lie in the arena while it runs


@dataclass(frozen=True)
class PlacedProgram:
    """Buffers with their offsets, and steps in the order in which they run."""

    buffers: tuple[Buffer, ...]
    steps: tuple[Step | RowLoop, ...]
    arena_bytes: int
    lower_bound: int


def place_buffers(
    buffers: Sequence[Buffer],
    steps: Sequence[Step | RowLoop],
    reuse: Mapping[str, Reuse],
) -> PlacedProgram:
    """Return the plan of a program. reuse: by node name, what its kernel lets tensors share.

    A tensor is as aligned as its elements, and wider ones of different types never share bytes. A
    row loop counts as one step: whatever any of its steps uses is alive while it runs, its lines
    and workspaces at no other time.
    """
    items = [
        Item(b.name, b.bytes, b.item_bytes, _HOMES.get(b.kind, b.kind), element_kind(b.dtype))
        for b in buffers
    ]
    plan = plan_memory(MemoryProblem(tuple(items), tuple(_task(s, reuse) for s in steps)))
    kinds = {buffer.name: buffer.kind for buffer in buffers}
    return PlacedProgram(
        buffers=tuple(_placed(buffer, plan, kinds) for buffer in buffers),
        steps=tuple(_settled(steps[index], plan, reuse) for index in plan.order),
        arena_bytes=plan.size,
        lower_bound=plan.lower_bound,
    )


def _task(entry: Step | RowLoop, reuse: Mapping[str, Reuse]) -> Task:
    if isinstance(entry, Step):
        may = reuse.get(entry.node, Reuse())
        return Task(
            entry.node, entry.reads, entry.writes, entry.workspaces, may.in_place, may.views
        )
    own = set(entry.workspaces)
    writes = [n for row in entry.steps for n in row.step.writes if n not in own]
    reads = [n for row in entry.steps for n in row.step.reads if n not in {*own, *writes}]
    return Task(
        entry.node, tuple(dict.fromkeys(reads)), tuple(dict.fromkeys(writes)), entry.workspaces
    )


def _settled(entry: Step | RowLoop, plan: MemoryPlan, reuse: Mapping[str, Reuse]) -> Step | RowLoop:
    """Return a step that knows which of its parts lie in place already."""
    if isinstance(entry, RowLoop):
        return entry
    views = reuse.get(entry.node, Reuse()).views
    held = [view for view in views if view in plan.held]
    return replace(
        entry,
        placed=tuple(view.inner for view in held),
        is_free=bool(views) and len(held) == len(views),
    )


def _placed(buffer: Buffer, plan: MemoryPlan, kinds: dict[str, str]) -> Buffer:
    """Return a buffer where the plan wants it; a view of an input or output is of its kind."""
    place = plan.places[buffer.name]
    if place.home in (ARENA, buffer.name):
        return replace(buffer, offset=place.offset)
    return replace(buffer, kind=kinds[place.home], offset=place.offset, inside=place.home)
