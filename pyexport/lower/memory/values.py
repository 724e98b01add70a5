"""Which bytes of different items hold the same values, and how few bytes can be alive at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pyexport.lower.memory.problem import ARENA, MemoryProblem, View

Segment = tuple[str, int, int]  # root item, offset in it, bytes


def origins(problem: MemoryProblem) -> dict[str, tuple[Segment, ...]]:
    """Return where the bytes of each item come from, as segments of items that views start at.

    A concatenation is the segments of its parts, a slice those of a part of what it was cut from;
    an item that no view speaks of is one segment of itself.
    """
    found: dict[str, tuple[Segment, ...]] = {}
    views = [view for task in problem.tasks for view in task.views]
    cut = {view.inner: view for view in views if _is_cut(problem, view)}
    joined: dict[str, list[View]] = {}
    for view in views:
        if not _is_cut(problem, view):
            joined.setdefault(view.outer, []).append(view)
    order = [item.name for item in problem.items if item.name not in problem.writers]
    order += [name for task in problem.tasks for name in task.writes]
    for name in order:
        size = problem.by_name[name].bytes
        if name in cut:
            view = cut[name]
            found[name] = _part(found[view.outer], view.offset, size)
            continue
        segments: list[Segment] = []
        at = 0
        for view in sorted(joined.get(name, ()), key=lambda v: v.offset):
            if view.offset > at:
                segments.append((name, at, view.offset - at))
            segments += found[view.inner]
            at = view.offset + problem.by_name[view.inner].bytes
        if at < size:
            segments.append((name, at, size - at))
        found[name] = tuple(segments)
    return found


def same_values(
    left: Sequence[Segment], left_at: int, right: Sequence[Segment], right_at: int
) -> bool:
    """Return whether two items hold the same bytes wherever they overlap at these offsets."""
    start = max(left_at, right_at)
    end = min(left_at + _length(left), right_at + _length(right))
    if end <= start:
        return True
    return _merged(_part(left, start - left_at, end - start)) == _merged(
        _part(right, start - right_at, end - start)
    )


@dataclass(frozen=True)
class Atoms:
    """Bytes in the largest runs that no view cuts: each item is a set of them, as bits."""

    masks: dict[str, int]  # bits of each item; 0 where it can lie in the caller's memory
    weights: tuple[int, ...]  # bytes of each atom

    def bytes(self, mask: int) -> int:
        """Return the bytes of all atoms in a set."""
        total = 0
        while mask:
            low = mask & -mask
            total += self.weights[low.bit_length() - 1]
            mask ^= low
        return total


def make_atoms(problem: MemoryProblem) -> Atoms:
    """Return the atoms of a problem; equal values count once, those the caller holds not at all."""
    segments = origins(problem)
    cuts: dict[str, set[int]] = {}
    for parts in segments.values():
        for root, start, size in parts:
            cuts.setdefault(root, set()).update((start, start + size))
    numbers: dict[tuple[str, int], int] = {}
    weights: list[int] = []
    for root in sorted(cuts):
        edges = sorted(cuts[root])
        for start, end in pairwise(edges):
            numbers[root, start] = len(weights)
            weights.append(end - start)
    masks: dict[str, int] = {}
    for name, parts in segments.items():
        mask = 0
        for root, start, size in parts:
            for edge in sorted(cuts[root]):
                if start <= edge < start + size:
                    mask |= 1 << numbers[root, edge]
        masks[name] = mask
    held = _caller_mask(problem, masks)
    return Atoms({name: mask & ~held for name, mask in masks.items()}, tuple(weights))


def _caller_mask(problem: MemoryProblem, masks: dict[str, int]) -> int:
    """Return the atoms that can lie in memory of the caller's: an input's, or an output's to be."""
    held = 0
    for item in problem.items:
        if item.home != ARENA:
            held |= masks[item.name]
    for task in reversed(problem.tasks):  # a chain of tasks in place can end in an output
        if task.in_place and masks[task.writes[0]] & held:
            for name in task.in_place:
                held |= masks[name]
    return held


def _is_cut(problem: MemoryProblem, view: View) -> bool:
    """Return whether the inner item is made of the outer one, and not the other way round."""
    inner, outer = problem.writers.get(view.inner, -1), problem.writers.get(view.outer, -1)
    return inner > outer or (inner == outer and view.inner in problem.tasks[inner].writes)


def _part(segments: Sequence[Segment], start: int, size: int) -> tuple[Segment, ...]:
    found = []
    at = 0
    for root, offset, length in segments:
        low, high = max(start, at), min(start + size, at + length)
        if low < high:
            found.append((root, offset + low - at, high - low))
        at += length
    return tuple(found)


def _merged(segments: Sequence[Segment]) -> list[Segment]:
    found: list[Segment] = []
    for root, offset, length in segments:
        if found and found[-1][0] == root and found[-1][1] + found[-1][2] == offset:
            found[-1] = (root, found[-1][1], found[-1][2] + length)
        else:
            found.append((root, offset, length))
    return found


def _length(segments: Sequence[Segment]) -> int:
    return sum(size for _, _, size in segments)
