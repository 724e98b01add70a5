"""Chooses the kernels of an export by measured costs and by how often its bytes are 0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pyexport.artifact import Artifact, quantize_inputs
from pyexport.choices import DEFAULT_GOAL
from pyexport.digits import Digits
from pyexport.ir import Array, Dataset, Graph, Metadata
from pyexport.lower.choosing import choose_kernels
from pyexport.lower.spike_work import Firing
from pyexport.simulator.fast import FastSimulator
from pyexport.targets import Target

MAX_ROWS = 500  # on which bytes of 0 are counted


@dataclass(frozen=True)
class Observed:
    """The share of the values that each node reads that are not 0, and in which rows."""

    shares: dict[str, float]
    rows: str
    digits: Mapping[str, tuple[Digits, Digits]] = field(
        default_factory=dict
    )  # of inputs and hidden values
    firing: Firing = field(default_factory=dict)  # how often each spike is there


def with_kernels(artifact: Artifact, metadata: Metadata, target: Target | None) -> Artifact:
    """Return an artifact that records which kernels its goals get on the target.

    Nothing is recorded for the goal size, and where the order of registration decides.
    """
    choices = artifact.choices
    goals = {choices.goal, *(goal for _, goal in choices.layers)}
    if target is None or goals == {DEFAULT_GOAL}:
        return artifact
    seen = _of_calibration(artifact, metadata)
    chosen = choose_kernels(artifact.graph, target, choices, seen.shares, seen.digits)
    return replace(artifact, choices=replace(choices, chosen=chosen))


def observed(artifact: Artifact) -> Observed:
    """Return what the rows that an artifact stores say."""
    if artifact.scheme != "int8" or artifact.graph.states:
        return Observed({}, "in no row (of streams and float32 none is counted)")
    if artifact.samples is not None and len(artifact.samples.inputs):
        inputs = artifact.samples.inputs
        rows = inputs[:: -(-len(inputs) // MAX_ROWS)]
        what = f"in {len(rows)} evaluation rows"
    else:
        rows, what = artifact.vectors.inputs, f"in {len(artifact.vectors.inputs)} stored vectors"
    return observed_in(artifact.graph, rows, what)


def observed_in(graph: Graph, rows: Array, what: str) -> Observed:
    """Return what input rows say, which `what` describes."""
    simulator = FastSimulator(graph)
    return Observed(simulator.densities(rows), what, simulator.digits(rows), simulator.firing(rows))


def _of_calibration(artifact: Artifact, metadata: Metadata) -> Observed:
    data = metadata.calibration
    if data is None or not len(data.inputs) or artifact.scheme != "int8" or artifact.graph.states:
        return observed(artifact)
    some = Dataset(data.inputs[:: -(-len(data.inputs) // MAX_ROWS)])
    rows = quantize_inputs(artifact, some)
    return observed_in(artifact.graph, rows, f"in {len(rows)} calibration rows")
