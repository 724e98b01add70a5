"""Rows that are made of a model's gradients and class boundary: generated, adversarial, hunted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyexport.artifact import Artifact
from pyexport.errors import UsageError
from pyexport.gradients import ValueAndGradient, of_graph
from pyexport.ir import Array, FloatArray, Graph
from pyexport.verify.descent import Descent, descend, noise
from pyexport.verify.hunt import LINES, bisect, hunt_classes
from pyexport.verify.near import NearOptions, near_starts
from pyexport.verify.pair import Pair
from pyexport.verify.straight_through import of_integer_graph

STEPS = 60  # of a descent: a suite wants many inputs, not the best ones


@dataclass(frozen=True, eq=False)
class Alone(Pair):
    """An artifact without the float model that it was made of: the integer model stands for it."""

    def float_outputs(self, rows: FloatArray) -> FloatArray:
        """Return the integer model's outputs."""
        return self.integer_outputs(self.integers(rows))

    def float_classes(self, rows: FloatArray) -> Array:
        """Return the integer model's classes."""
        return self.integer_classes(self.integers(rows))


def make_pair(artifact: Artifact, model: Graph | None) -> tuple[Pair, ValueAndGradient]:
    """Return what rows are made with; model: the float graph, None where only the export is known.

    Raises UsageError or UnsupportedOperatorError for a model that has no classes of one input, or
    whose integer layers have no gradient.
    """
    if model is not None:
        return Pair(model, artifact), of_graph(model)
    pair = Alone(artifact.graph, artifact)
    if artifact.graph.input.quant is None:
        return Pair(artifact.graph, artifact), of_graph(artifact.graph)
    return pair, of_integer_graph(artifact.graph)


def generated_rows(artifact: Artifact, model: Graph | None, count: int, seed: int) -> Array:
    """Return inputs of each class in turn, grown from the least values and from noise."""
    pair, climbed = make_pair(artifact, model)
    low, _ = pair.limits
    starts = np.concatenate([np.tile(low, (pair.classes, 1)), noise(count, pair.limits, seed)])[
        :count
    ]
    targets = np.arange(len(starts)) % pair.classes
    return pair.integers(descend(climbed, starts, targets, pair.limits, Descent(STEPS)))


def adversarial_rows(
    artifact: Artifact, model: Graph | None, known: Array, count: int, seed: int
) -> Array:
    """Return inputs near known rows that the models give another class, or the last ones tried."""
    pair, climbed = make_pair(artifact, model)
    generator = np.random.Generator(np.random.PCG64([seed, 14]))
    starts = known[generator.permutation(len(known))[:count]]
    classes = pair.integer_classes(starts)
    targets = (classes + 1 + np.arange(len(starts)) % (pair.classes - 1)) % pair.classes
    options = NearOptions(rounds=2, steps=STEPS, shrink=False)
    return near_starts(pair, climbed, starts, targets, options).rows


def hunted_rows(
    artifact: Artifact, model: Graph | None, known: Array, count: int, seed: int
) -> Array:
    """Return disagreements of float and integer model, and neighbors of different class.

    Without a float model there are only neighbors: the last two legal inputs of a line between two
    classes, one on each side.
    """
    pair, climbed = make_pair(artifact, model)
    ends = np.concatenate([known, pair.integers(noise(len(known), pair.limits, seed))])
    ends = ends.astype(np.int64)
    generator = np.random.Generator(np.random.PCG64([seed, 15]))
    first, last = generator.integers(0, len(ends), size=(2, min(LINES, 2 * count)))
    classes = pair.float_classes(pair.real(ends))
    different = classes[first] != classes[last]
    first, last = first[different], last[different]
    if not len(first):
        raise UsageError(
            f"{artifact.name}: all rows that were tried have one class; give rows of two with "
            "--dataset"
        )
    near, far = bisect(pair, ends[first], ends[last], classes[first])
    sides = np.stack([near, far], axis=1).reshape(-1, near.shape[1])[:count]
    rows = sides.astype(known.dtype)
    if model is not None and artifact.graph.input.quant is not None:
        found = hunt_classes(pair, climbed, known, count, seed).rows[: count - count // 2]
        rows = np.concatenate([found, rows])[:count]
    return np.ascontiguousarray(rows)
