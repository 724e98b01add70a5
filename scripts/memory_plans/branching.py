"""Random branching networks as memory problems: diamonds, residual chains, concatenations, slices.

Everything follows from the seed, on every machine.
"""

from __future__ import annotations

import random

from pyexport.lower.memory import Item, MemoryProblem, Task, View

SHAPES = ("diamond", "residual", "inception", "unet", "mixed")
_ITEM_BYTES = (1, 1, 1, 2, 4)


class _Builder:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.items: list[Item] = []
        self.tasks: list[Task] = []
        self.item_bytes = _ITEM_BYTES[seed % len(_ITEM_BYTES)]

    def below(self, low: int, high: int) -> int:
        return low + int(self.random.random() * (high - low + 1))

    def item(self, size: int, alignment: int, home: str = "arena") -> str:
        name = f"t{len(self.items)}"
        self.items.append(Item(name, size * alignment, alignment, home))
        return name

    def bytes(self, name: str) -> int:
        return next(i.bytes for i in self.items if i.name == name)

    def width(self, name: str) -> int:
        return next(i.alignment for i in self.items if i.name == name)

    def task(self, reads: list[str], writes: list[str], **more: tuple[object, ...]) -> None:
        self.tasks.append(Task(f"n{len(self.tasks)}", tuple(reads), tuple(writes), **more))  # type: ignore[arg-type]

    def conv(self, source: str, size: int | None = None) -> str:
        width = self.item_bytes if self.random.random() < 0.9 else _ITEM_BYTES[self.below(0, 4)]
        out = self.item(size or self.below(1, 400), width)
        space: tuple[str, ...] = ()
        if self.random.random() < 0.2:
            space = (self.item(self.below(1, 200), 1),)
        self.task([source], [out], workspace=space)
        return out

    def relu(self, source: str) -> str:
        out = self.item(self.bytes(source) // self.width(source), self.width(source))
        self.task([source], [out], in_place=(source,))
        return out

    def add(self, left: str, right: str) -> str:
        out = self.item(self.bytes(left) // self.width(left), self.width(left))
        self.task([left, right], [out], in_place=(left, right))
        return out

    def alike(self, source: str, like: str) -> str:
        out = self.item(self.bytes(like) // self.width(like), self.width(like))
        self.task([source], [out])
        return out

    def concat(self, parts: list[str]) -> str:
        width = max(self.width(p) for p in parts)
        total = sum(self.bytes(p) for p in parts)
        out = self.item(-(-total // width), width)
        views, at = [], 0
        if all(self.width(p) == width for p in parts) and self.random.random() < 0.7:
            for part in parts:
                views.append(View(part, out, at))
                at += self.bytes(part)
        self.task(parts, [out], views=tuple(views))
        return out

    def slice(self, source: str) -> str:
        width = self.width(source)
        count = self.bytes(source) // width
        first = self.below(0, count - 1)
        out = self.item(self.below(1, count - first), width)
        self.task([source], [out], views=(View(out, source, first * width),))
        return out

    def reshape(self, source: str) -> str:
        out = self.item(self.bytes(source) // self.width(source), self.width(source))
        self.task([source], [out], views=(View(out, source, 0),))
        return out

    def finish(self, source: str) -> MemoryProblem:
        out = self.item(self.below(1, 20), self.item_bytes, "output")
        self.task([source], [out])
        return MemoryProblem(tuple(self.items), tuple(self.tasks))


def branching(seed: int) -> MemoryProblem:
    """Return the problem of a seed: 6 to about 60 tasks."""
    b = _Builder(seed)
    at = b.item(b.below(1, 200), b.item_bytes, "input")
    for _ in range(b.below(2, 7)):
        kind = SHAPES[b.below(0, len(SHAPES) - 1)] if seed % 6 == 5 else SHAPES[seed % 6 % 5]
        at = globals()[f"_{kind}"](b, at)
    return b.finish(at)


def _diamond(b: _Builder, source: str) -> str:
    top = b.conv(source)
    left, right = b.conv(top), b.conv(top)
    if b.random.random() < 0.5:
        left = b.conv(left)
    return b.add(left, b.alike(right, left))


def _residual(b: _Builder, source: str) -> str:
    start = b.relu(b.conv(source))
    body = b.conv(start)
    if b.random.random() < 0.5:
        body = b.relu(body)
    return b.relu(b.add(b.alike(body, start), start))


def _inception(b: _Builder, source: str) -> str:
    parts = []
    for _ in range(b.below(2, 4)):
        part = b.conv(source)
        if b.random.random() < 0.5:
            part = b.relu(b.conv(part))
        parts.append(part)
    return b.concat(parts)


def _unet(b: _Builder, source: str) -> str:
    levels, at = [], source
    for _ in range(b.below(1, 3)):
        at = b.relu(b.conv(at))
        levels.append(at)
        at = b.conv(at)
    for level in reversed(levels):
        at = b.concat([level, b.conv(at)])
        at = b.conv(at)
    return at


def _mixed(b: _Builder, source: str) -> str:
    at = b.conv(source)
    parts = [b.slice(at) for _ in range(b.below(1, 3))]
    parts = [b.relu(b.conv(p)) if b.random.random() < 0.7 else p for p in parts]
    return b.reshape(b.concat(parts) if len(parts) > 1 else parts[0])
