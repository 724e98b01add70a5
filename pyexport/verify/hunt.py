"""Hunts for legal inputs to which the float model and its export give different classes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyexport.errors import UsageError
from pyexport.gradients import ValueAndGradient
from pyexport.ir import Array, FloatArray
from pyexport.sensor import sensor_limits
from pyexport.verify.descent import noise
from pyexport.verify.moves import Base, MarginWindow, moved_rows
from pyexport.verify.pair import Pair

BISECTIONS = 12
LINES = 400  # pairs of rows whose boundary is sought at once
RANDOM_BATCH = 2_000
PATIENCE = 20  # batches in a row without a find that end the hunt
SCOUTS = 16  # rows about a point that say whether more are worth it
EVALUATED = 2_000  # rows whose layers stay in the processor's cache

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Disagreements:
    """Legal inputs, each once, that float and integer model give different classes."""

    rows: Array  # of the device's integers
    float_classes: Array
    integer_classes: Array
    lines: int  # between two rows, whose boundary was looked at; 0: none was
    tried: int  # inputs that both models were asked about
    seconds: float  # of the processor

    @property
    def rate(self) -> float:
        """Distinct disagreements a second."""
        return len(self.rows) / self.seconds if self.seconds else 0.0


def hunt_classes(
    pair: Pair,
    model: ValueAndGradient,
    rows: Array,
    wanted: int = 1_000,
    seed: int = 0,
    each: int = 2_048,
    progress: Progress = lambda what, done, of: None,
) -> Disagreements:
    """Return disagreements found on the boundary between classes, on the grid of legal inputs.

    Pairs of rows of different float class are drawn, data and noise alike; the line between them,
    rounded to legal inputs, is halved until the float class turns between neighbors. Around that
    point one or two values move by one unit, such that the gradient predicts a margin in which
    rounding decides; which margins those are is learned from the first finds. At most `each` rows
    are tried about a point. Raises UsageError if all rows have one class.
    """
    if pair.artifact.graph.input.quant is None:
        raise UsageError(
            f"{pair.artifact.name}: a float32 export rounds no input to a grid; hunt the int8 one"
        )
    ends = np.unique(pair.legal(rows).astype(np.int64), axis=0)
    added = pair.integers(noise(len(ends), pair.limits, seed)).astype(np.int64)
    ends = np.concatenate([ends, added])
    classes = pair.float_classes(pair.real(ends))
    if len(set(classes.tolist())) < 2:
        raise UsageError(
            f"{pair.artifact.name}: the float model gives all {len(rows)} rows one class; give "
            "rows of at least two classes with --rows"
        )
    generator = np.random.Generator(np.random.PCG64([seed, 7]))
    collected, window, lines = _Collected(pair, wanted), MarginWindow(), 0
    while not collected.is_over:
        first, last = generator.integers(0, len(ends), size=(2, LINES))
        different = classes[first] != classes[last]
        first, last = first[different], last[different]
        lines += len(first)
        if not len(first):
            collected.idle += 1
            continue
        near, _ = bisect(pair, ends[first], ends[last], classes[first])
        near = np.unique(near, axis=0)
        base = Base.at(pair, model, near)
        scouted = _try_moves(collected, base, window, SCOUTS, generator)
        best = scouted >= np.median(scouted[scouted > 0.0]) if scouted.any() else scouted > 0.0
        if not collected.is_over and window.is_known:
            _try_moves(collected, base.part(best), window, each, generator)
        progress("disagreements", min(len(collected), wanted), wanted)
    return collected.result(lines)


def search_randomly(
    pair: Pair, wanted: int = 1_000, most: int = 200_000, seed: int = 0
) -> Disagreements:
    """Return disagreements among uniform random legal inputs: what the hunt is measured against."""
    generator = np.random.Generator(np.random.PCG64([seed, 9]))
    low, high = (limit.astype(np.int64) for limit in sensor_limits(pair.artifact.graph))
    same = len(set(low.tolist())) == len(set(high.tolist())) == 1  # one range is drawn faster
    limits: Any = (int(low[0]), int(high[0])) if same else (low, high)
    dtype = pair.simulator.input_dtype
    kind: Any = dtype if same else np.int64
    draw: Any = generator.integers  # its stub knows no type that is chosen when it runs
    collected = _Collected(pair, wanted)
    while collected.tried < most and len(collected) < wanted:
        size = (min(RANDOM_BATCH, most - collected.tried), len(low))
        drawn = draw(*limits, size=size, dtype=kind, endpoint=True)
        collected.try_rows(drawn.astype(dtype, copy=False))
    return collected.result(0)


def _try_moves(
    collected: _Collected,
    base: Base,
    window: MarginWindow,
    each: int,
    generator: np.random.Generator,
) -> FloatArray:
    """Try moves about each base, and return the share of them that disagree (bases,)."""
    rows, predicted, owners = moved_rows(collected.pair, base, window, each, generator)
    differs = collected.try_rows(rows)
    window.learn(predicted, differs)
    count = len(base.rows)
    found = np.bincount(owners[differs], minlength=count)
    share: FloatArray = found / np.maximum(np.bincount(owners, minlength=count), 1)
    return share


class _Collected:
    """Distinct disagreements so far."""

    def __init__(self, pair: Pair, wanted: int) -> None:
        self.pair, self.wanted = pair, wanted
        self.seen: set[bytes] = set()
        self.parts: list[tuple[Array, Array, Array]] = []
        self.tried = self.idle = 0
        self.started = time.process_time()

    def __len__(self) -> int:
        return len(self.seen)

    @property
    def is_over(self) -> bool:
        """Whether there are enough, or there seem to be no more."""
        return len(self) >= self.wanted or self.idle >= PATIENCE

    def try_rows(self, rows: Array) -> Array:
        """Ask both models, keep what is new, and return where they differ."""
        found = [
            self._try_block(rows[start : start + EVALUATED])
            for start in range(0, len(rows), EVALUATED)
        ]
        self.tried += len(rows)
        return np.concatenate(found) if found else np.zeros(0, dtype=bool)

    def _try_block(self, rows: Array) -> Array:
        by_float = self.pair.float_classes(self.pair.real(rows))
        by_integer = self.pair.integer_classes(rows)
        differs: Array = by_float != by_integer
        where = np.flatnonzero(differs)
        kept = np.ascontiguousarray(rows[where])
        item = np.dtype((np.void, kept.dtype.itemsize * kept.shape[1]))
        keys: list[Any] = kept.view(item).ravel().tolist()
        fresh = set(keys)
        new: Array = np.arange(len(keys))
        if len(fresh) < len(keys) or not self.seen.isdisjoint(fresh):
            fresh -= self.seen
            first = {key: place for place, key in reversed(list(enumerate(keys)))}
            new = np.array(sorted(first[key] for key in fresh), dtype=np.int64)
        self.seen |= fresh
        self.idle = 0 if len(new) else self.idle + 1
        if len(new):
            self.parts.append((kept[new], by_float[where[new]], by_integer[where[new]]))
        return differs

    def result(self, lines: int) -> Disagreements:
        """Return everything that was found."""
        seconds = time.process_time() - self.started
        size = self.pair.artifact.graph.input.size
        if not self.parts:
            none = np.empty(0, np.int64)
            rows = np.empty((0, size), self.pair.simulator.input_dtype)
            return Disagreements(rows, none, none, lines, self.tried, seconds)
        rows, by_float, by_integer = (
            np.concatenate(part) for part in zip(*self.parts, strict=True)
        )
        return Disagreements(rows, by_float, by_integer, lines, self.tried, seconds)


def bisect(pair: Pair, first: Array, last: Array, classes: Array) -> tuple[Array, Array]:
    """Return the last legal row on each line that has the float class of its first, and the next.

    The next one has another class; both are the same row where their rounding does not differ.
    """
    near, far = np.zeros(len(first)), np.ones(len(first))
    reach: FloatArray = (last - first).astype(np.float64)
    for _ in range(BISECTIONS):
        middle = (near + far) / 2.0
        proposal = np.rint(first + reach * middle[:, None])
        same = pair.float_classes(pair.real(proposal)) == classes
        near, far = np.where(same, middle, near), np.where(same, far, middle)
    ends = (np.rint(first + reach * end[:, None]).astype(np.int64) for end in (near, far))
    return next(ends), next(ends)
