"""Samples in memory: the two moons, seeded splits by class, and seeded batches."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pyexport.errors import UsageError

Row = Sequence[float]  # one input; an image is `bytes`, one byte a pixel


@dataclass(frozen=True)
class Samples:
    """Inputs and the class of each; rows are shared between splits, never copied."""

    inputs: Sequence[Row]
    targets: Sequence[int]  # class numbers 0, 1, 2, ...

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.targets):
            raise UsageError(
                f"{len(self.inputs)} inputs and {len(self.targets)} targets; give a target for each"
            )

    def __len__(self) -> int:
        return len(self.targets)

    def __iter__(self) -> Iterator[tuple[Row, int]]:
        return zip(self.inputs, self.targets, strict=True)

    def take(self, indices: Iterable[int]) -> Samples:
        """Return the samples at these places, in this order."""
        chosen = list(indices)
        return Samples([self.inputs[i] for i in chosen], [self.targets[i] for i in chosen])

    def part(self, start: int, stop: int) -> Samples:
        """Return the samples start..stop-1."""
        return Samples(self.inputs[start:stop], self.targets[start:stop])


def moons(count: int, noise: float = 0.1, seed: int = 0) -> Samples:
    """Return `count` points (x, y) of two interleaved half circles, in random order.

    noise: standard deviation of what is added to each coordinate. Class 0 is the upper moon.
    """
    if count < 2 or noise < 0.0:
        raise UsageError(
            f"moons needs at least 2 points and no negative noise, not {count} and {noise}"
        )
    generator = random.Random(seed)
    upper = count - count // 2
    points: list[tuple[Row, int]] = []
    for index in range(count):
        kind = int(index >= upper)
        place = index - kind * upper
        last = (count - upper if kind else upper) - 1
        angle = math.pi * place / max(last, 1)
        x, y = math.cos(angle), math.sin(angle)
        if kind:
            x, y = 1.0 - x, 0.5 - y
        points.append(([x + generator.gauss(0.0, noise), y + generator.gauss(0.0, noise)], kind))
    generator.shuffle(points)
    return Samples([row for row, _ in points], [kind for _, kind in points])


def split(samples: Samples, shares: Sequence[float], seed: int = 0) -> tuple[Samples, ...]:
    """Return one part for each share, e.g. (0.6, 0.2, 0.2): every class in that proportion.

    The parts have no sample in common. The same seed gives the same parts in the same order.
    """
    if not shares or min(shares) < 0.0 or sum(shares) > 1.0 + 1e-9:
        raise UsageError(
            f"shares {tuple(shares)} must not be negative, nor sum to more than 1;"
            " give e.g. (0.8, 0.2)"
        )
    generator = random.Random(seed)
    by_class: dict[int, list[int]] = {}
    for index, target in enumerate(samples.targets):
        by_class.setdefault(target, []).append(index)
    parts: list[list[int]] = [[] for _ in shares]
    for target in sorted(by_class):
        members = by_class[target]
        generator.shuffle(members)
        ends = [0]
        for number in range(len(shares)):
            ends.append(min(round(len(members) * sum(shares[: number + 1])), len(members)))
        for part, start, end in zip(parts, ends, ends[1:], strict=False):
            part += members[start:end]
    for part in parts:
        generator.shuffle(part)
    return tuple(samples.take(part) for part in parts)


def batches(samples: Samples, size: int, seed: int = 0) -> Iterator[Samples]:
    """Yield every sample once, `size` at a time, in an order that the seed decides."""
    if size < 1:
        raise UsageError(f"a batch has at least 1 sample, not {size}; give a size from 1")
    if not len(samples):
        raise UsageError("there are no samples to make batches of; read some first")
    order = list(range(len(samples)))
    random.Random(seed).shuffle(order)
    for start in range(0, len(order), size):
        yield samples.take(order[start : start + size])


def check_targets(samples: Samples, classes: int, where: str) -> None:
    """Raise UsageError if a target is not one of the classes 0..classes-1."""
    for number, target in enumerate(samples.targets):
        if not 0 <= target < classes:
            raise UsageError(
                f"{where}: sample {number} has class {target}; the network tells {classes} classes"
                f" apart, 0 to {classes - 1}; correct the data, or give it an output for each class"
            )


def as_row(x: Row) -> Row:
    """Return what holds bytes as `bytes`, other arrays as a list; anything else as it is."""
    try:
        view = memoryview(x)  # type: ignore[arg-type]
    except (TypeError, ValueError, BufferError):  # no array, or one of no plain numbers
        return x
    if view.ndim != 1:
        raise UsageError(f"an input has {view.ndim} dimensions; flatten it to one first")
    if view.format == "B":
        return view.tobytes()
    try:
        return view.tolist()
    except NotImplementedError:  # numbers in a byte order or a size that Python does not know
        return x
