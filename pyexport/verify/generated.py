"""What a model takes for each of its classes: the optimal input from black, and composites."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from pyexport.errors import UsageError
from pyexport.gradients import ValueAndGradient
from pyexport.ir import Array, FloatArray
from pyexport.runners import Runner
from pyexport.verify.descent import Descent, descend, noise
from pyexport.verify.pair import Pair, Verdicts, judge

Progress = Callable[[str, int, int], None]  # what, done, of how many

GROWTH = Descent(rule="momentum", enough=0.99, least=12)
MOST_AT_ONCE = 1_000  # inputs that grow together,
VALUES_AT_ONCE = 1 << 19  # fewer where the model has large tensors: they stay near the processor


@dataclass(frozen=True)
class GenerateOptions:
    """What is generated."""

    classes: tuple[int, ...] | None = None  # None: all
    composite: int = 1_000  # inputs grown from noise for each class; 0: none
    descent: Descent = field(default_factory=Descent)  # from the least legal values
    growth: Descent = field(default_factory=lambda: GROWTH)  # from noise
    batch: int | None = None  # inputs that grow at once; None: as many as stay in a cache
    seed: int = 0
    frames: int = 30  # of the growth

    def __post_init__(self) -> None:
        batch = 1 if self.batch is None else self.batch
        if self.composite < 0 or min(batch, self.frames) < 1 or self.seed < 0:
            raise UsageError(
                "a composite takes 0 inputs or more, a batch and an animation at least 1, "
                "and the seed is not negative"
            )


@dataclass(frozen=True, eq=False)
class Generated:
    """Generated inputs and what float model, simulator and firmware say about each."""

    classes: tuple[int, ...]
    optimal: Verdicts  # one row a class, from the least legal values
    grown: Verdicts  # all rows that composites are the means of, class by class
    grown_targets: Array
    composites: FloatArray  # (classes, size), real
    means: Verdicts  # on the composites themselves
    frames: tuple[FloatArray, ...]  # (classes, size): the composites while they grew

    @property
    def wrong_rows(self) -> int:
        """Rows on which simulator and firmware differ."""
        return sum(v.wrong_rows for v in (self.optimal, self.grown, self.means))

    @property
    def rows(self) -> int:
        """Rows that were judged."""
        return sum(len(v.rows) for v in (self.optimal, self.grown, self.means))

    def share(self, number: int, by: str) -> float:
        """Return the share of a class's grown rows that "float", ... gives this class."""
        chosen = self.grown_targets == number
        classes = getattr(self.grown, f"{by}_classes")
        return float("nan") if classes is None else float((classes[chosen] == number).mean())


def generate(
    pair: Pair,
    model: ValueAndGradient,
    runner: Runner | None,
    options: GenerateOptions | None = None,
    progress: Progress = lambda what, done, of: None,
) -> Generated:
    """Return the optimal input of each class, and composites of inputs grown from noise.

    All are made on the float model, rounded to legal inputs and then judged. The same seed gives
    the same rows.
    """
    chosen = options or GenerateOptions()
    classes = tuple(range(pair.classes)) if chosen.classes is None else chosen.classes
    if not classes or min(classes) < 0 or max(classes) >= pair.classes:
        raise UsageError(f"the classes are numbers of 0..{pair.classes - 1}")
    low, _ = pair.limits
    targets = np.array(classes, dtype=np.int64)
    of = 1 + len(classes) * bool(chosen.composite)
    optimal = descend(model, np.tile(low, (len(classes), 1)), targets, pair.limits, chosen.descent)
    progress("optimal inputs", 1, of)
    grown, growth = [], []
    for done, number in enumerate(classes if chosen.composite else ()):
        rows, frames = _grow(pair, model, number, chosen)
        grown.append(rows)
        growth.append(frames)
        progress(f"class {pair.labels[number]}", 2 + done, of)
    every = np.concatenate(grown) if grown else np.empty((0, len(low)))
    composites = np.array([frames[-1] for frames in growth]).reshape(len(growth), len(low))
    return Generated(
        classes=classes,
        optimal=judge(pair, pair.integers(optimal), runner),
        grown=judge(pair, pair.integers(every), runner),
        grown_targets=np.repeat(targets, chosen.composite),
        composites=composites,
        means=judge(pair, pair.integers(composites), runner),
        frames=tuple(np.array(frame) for frame in zip(*growth, strict=True)),
    )


def _grow(
    pair: Pair, model: ValueAndGradient, number: int, options: GenerateOptions
) -> tuple[FloatArray, list[FloatArray]]:
    """Return the rows that grew into a class, and their mean at every frame."""
    count, steps = options.composite, options.growth.steps
    batch = options.batch or _at_once(pair)
    moments = sorted({round(i * steps / options.frames) for i in range(options.frames + 1)})
    sums = {moment: np.zeros(len(pair.span)) for moment in moments}
    starts = noise(count, pair.limits, options.seed * 1_000_003 + number)

    def watch(step: int, rows: FloatArray) -> None:
        if step in sums:
            sums[step] += rows.sum(axis=0)

    grown = []
    for start in range(0, count, batch):
        block = starts[start : start + batch]
        targets = np.full(len(block), number)
        grown.append(descend(model, block, targets, pair.limits, options.growth, watch))
    return np.concatenate(grown), [sums[moment] / count for moment in moments]


def _at_once(pair: Pair) -> int:
    values = sum(tensor.size for tensor in pair.graph.tensors)
    return max(1, min(MOST_AT_ONCE, VALUES_AT_ONCE // values))
