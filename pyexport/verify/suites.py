"""Inputs to compare on: named suites of legal rows, reproducible from a seed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pyexport.artifact import Artifact
from pyexport.errors import UnsupportedOperatorError, UsageError
from pyexport.ir import Array, FloatArray, Graph, QuantizedSoftmax
from pyexport.rows import input_tensors, row_dtype, row_limits, row_size, tensor_limits
from pyexport.sensor import front_end, sensor_limits
from pyexport.simulator.fast import trace_sizes
from pyexport.verify.boundary import Boundary, search_boundary
from pyexport.verify.extremes import extreme_rows
from pyexport.verify.made import adversarial_rows, generated_rows, hunted_rows
from pyexport.verify.softmax import CANDIDATES, softmax_rows
from pyexport.verify.subject import Subject
from pyexport.verify.thresholds import (
    has_neurons,
    membrane_extremes,
    threshold_rows,
    threshold_sequences,
)
from pyexport.verify.units import unit_rows

MAX_COMPARED = 1 << 26  # sums of a suite: more would fill the memory of this computer
MAX_ALONE = 1024  # values that the corners suite puts alone at a limit
DEFAULT_SUITES = ("dataset", "random", "corners", "extremes")
ALL_SUITES = (*DEFAULT_SUITES, "boundary", "unit", "generated", "adversarial", "hunt")


@dataclass(frozen=True, eq=False)
class Suite:
    """A name and its rows (n, row size) as rows.py has them, every value legal."""

    name: str
    rows: Array
    unit: Subject | None = None  # the layer alone that the rows are for; None: the whole model


@dataclass(frozen=True)
class SuiteOptions:
    """How many rows a suite has; `seed` makes the random ones reproducible."""

    random: int = 10_000
    corners: int = 1_000
    dataset: int = 10_000
    boundary: int = 2_000  # of the whole model; those of single layers are in the suite unit
    made: int = 200  # of generated, of adversarial and of hunt each
    seed: int = 0
    model: Graph | None = None  # the float model, for generated, adversarial and hunt

    def __post_init__(self) -> None:
        for what, value in (
            ("random rows", self.random),
            ("corners", self.corners),
            ("dataset rows", self.dataset),
            ("boundary rows", self.boundary),
            ("generated, adversarial or hunted rows", self.made),
        ):
            if value < 0:
                raise UsageError(f"{value} {what} were asked for; ask for 0 or more")
        if self.seed < 0:
            raise UsageError(f"the seed {self.seed} is negative; take 0 or more")


def build_suites(
    artifact: Artifact,
    names: tuple[str, ...] = DEFAULT_SUITES,
    options: SuiteOptions | None = None,
    units: Sequence[Subject] = (),
    left_out: dict[str, str] | None = None,
) -> tuple[Suite, ...]:
    """Return the named suites of an artifact; one that has no rows for this model is left out.

    A suite ends early where more of its rows would have over MAX_COMPARED sums to compare. units:
    the layers alone that the suite unit is for (units.py). left_out: takes the names of suites that
    cannot be made for this model, and why, where otherwise an error is raised.

    Raises UsageError for an unknown name, or if no rows are left.
    """
    unknown = [name for name in names if name not in ALL_SUITES]
    if unknown:
        raise UsageError(f"suite {unknown[0]!r} is unknown; use some of {', '.join(ALL_SUITES)}")
    chosen = options or SuiteOptions()
    limit = MAX_COMPARED // max(1, sum(trace_sizes(artifact.graph)))
    suites: list[Suite] = []
    for name in names:
        if name == "unit":
            suites += [Suite(name, unit_rows(u.artifact.graph, chosen.seed), u) for u in units]
            continue
        try:
            suites.append(Suite(name, _BUILDERS[name](artifact, chosen)[:limit]))
        except (UsageError, UnsupportedOperatorError) as error:
            if left_out is None:
                raise
            left_out[name] = str(error)
    filled = tuple(suite for suite in suites if len(suite.rows))
    if not filled:
        raise UsageError(
            f"{artifact.name}.px: the chosen suites hold no rows; it stores no evaluation data, "
            "so add random, corners or extremes"
        )
    return filled


def _dataset(artifact: Artifact, options: SuiteOptions) -> Array:
    inputs = input_tensors(artifact.graph)
    if artifact.samples is None:
        return np.empty((0, row_size(inputs)), dtype=row_dtype(inputs))
    return artifact.samples.inputs[: options.dataset]


def _random(artifact: Artifact, options: SuiteOptions) -> Array:
    """Return rows drawn uniformly from the legal values.

    Behind a front end that is every fourth row; the others take the values that it tells apart.
    """
    generator = np.random.Generator(np.random.PCG64([options.seed, 1]))
    low, high, dtype = input_limits(artifact.graph)
    inputs = input_tensors(artifact.graph)
    shape = (options.random, row_size(inputs))
    if inputs[0].quant is None:
        return (low + generator.random(shape) * (high - low)).astype(dtype)
    least, most = np.asarray(low, np.int64), np.asarray(high, np.int64)
    rows = generator.integers(least, most, size=shape, endpoint=True)
    if any(front_end(artifact.graph, source) is not None for source in inputs):
        lows, highs = (limits.astype(np.int64) for limits in sensor_limits(artifact.graph))
        inside = generator.integers(lows, highs, size=shape, endpoint=True)
        rows = np.where(np.arange(options.random)[:, None] % 4 == 3, rows, inside)
    return rows.astype(dtype)


def _corners(artifact: Artifact, options: SuiteOptions) -> Array:
    """Return rows of limits only: all low, all high, each value alone at the other limit, random.

    A value alone at its limit makes a wrong weight visible that data never multiply by anything;
    of more than MAX_ALONE values that many are drawn.
    """
    generator = np.random.Generator(np.random.PCG64([options.seed, 2]))
    low, high, dtype = input_limits(artifact.graph)
    size = row_size(input_tensors(artifact.graph))
    alone = np.eye(size, dtype=bool)
    if size > MAX_ALONE:
        alone = alone[np.sort(generator.choice(size, MAX_ALONE, replace=False))]
    fixed = np.concatenate([np.zeros((1, size), bool), np.ones((1, size), bool), alone, ~alone])
    count = max(0, options.corners - len(fixed))
    masks = np.concatenate([fixed, generator.random((count, size)) < 0.5])
    if artifact.steps is not None:  # what is held for a whole sequence drives a state to its ends
        held = np.repeat(masks, artifact.steps, axis=0)[: options.corners]
        masks = np.concatenate([held, masks])
    return np.where(masks, high, low).astype(dtype)


def _extremes(artifact: Artifact, options: SuiteOptions) -> Array:
    low, high, dtype = input_limits(artifact.graph)
    starts = np.concatenate(
        [
            _dataset(artifact, options)[:200],
            _corners(artifact, SuiteOptions(corners=400, seed=options.seed)),
            _random(artifact, SuiteOptions(random=200, seed=options.seed)),
        ]
    )
    extremes = extreme_rows(artifact.graph, starts, low, high).astype(dtype)
    membranes = np.repeat(membrane_extremes(artifact.graph), artifact.steps or 1, axis=0)
    extremes = np.concatenate([extremes, membranes.astype(dtype)])
    ends = [n.op for n in artifact.graph.nodes if set(n.outputs) & set(artifact.graph.outputs)]
    if not any(isinstance(op, QuantizedSoftmax) for op in ends):
        return extremes
    many = _random(artifact, SuiteOptions(random=CANDIDATES, seed=options.seed))
    return np.concatenate([extremes, softmax_rows(artifact.graph, np.concatenate([starts, many]))])


def _boundary(artifact: Artifact, options: SuiteOptions) -> Array:
    graph, none = artifact.graph, _dataset(artifact, options)[:0]
    if artifact.scheme != "int8" or not options.boundary:
        return none  # floats have no ties that matter
    if graph.states:  # no one row has any either, but the first step of a sequence may fire
        sequences = threshold_sequences(graph, artifact.steps or 1, options.seed)
        return sequences[: options.boundary].astype(none.dtype)
    rows = known_boundary(artifact, options.seed).rows
    if has_neurons(graph):
        few = SuiteOptions(random=500, corners=200, dataset=300, seed=options.seed)
        starts = np.concatenate([_BUILDERS[name](artifact, few) for name in DEFAULT_SUITES])
        rows = np.concatenate([rows, threshold_rows(graph, starts, options.seed)])
    rows = np.unique(rows, axis=0).astype(row_dtype(input_tensors(artifact.graph)))
    places = np.linspace(0, len(rows) - 1, min(len(rows), options.boundary)).astype(np.int64)
    return rows[places]


def known_boundary(artifact: Artifact, seed: int = 0) -> Boundary:
    """Return the search for the obligations of a whole model, from rows of the other suites."""
    few = SuiteOptions(random=2_000, corners=400, dataset=500, seed=seed)
    parts = [_BUILDERS[name](artifact, few) for name in DEFAULT_SUITES]
    return search_boundary(artifact.graph, np.concatenate(parts), seed)


def _generated(artifact: Artifact, options: SuiteOptions) -> Array:
    return generated_rows(artifact, options.model, options.made, options.seed)


def _adversarial(artifact: Artifact, options: SuiteOptions) -> Array:
    known = _starts(artifact, options)
    return adversarial_rows(artifact, options.model, known, options.made, options.seed)


def _hunt(artifact: Artifact, options: SuiteOptions) -> Array:
    known = _starts(artifact, options)
    return hunted_rows(artifact, options.model, known, options.made, options.seed)


def _starts(artifact: Artifact, options: SuiteOptions) -> Array:
    """Return stored rows, or random ones where none are stored."""
    stored = _dataset(artifact, replace(options, dataset=1_000))
    return stored if len(stored) else _random(artifact, replace(options, random=1_000))


def input_limits(
    graph: Graph,
) -> tuple[float | FloatArray, float | FloatArray, np.dtype[np.generic]]:
    """Return the legal values of a row and its NumPy type: of several inputs (row size,) each.

    A float32 input is limited by its declared range, or by -1..1 where none is declared.
    """
    inputs = input_tensors(graph)
    limits = tensor_limits(inputs[0]) if len(inputs) == 1 else row_limits(graph)
    return *limits, row_dtype(inputs)


_BUILDERS: dict[str, Callable[[Artifact, SuiteOptions], Array]] = {
    "dataset": _dataset,
    "random": _random,
    "corners": _corners,
    "extremes": _extremes,
    "boundary": _boundary,
    "generated": _generated,
    "adversarial": _adversarial,
    "hunt": _hunt,
}
