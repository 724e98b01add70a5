"""Chooses the kernels of an export by measured costs and by how often its bytes are 0."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pyexport.artifact import Artifact, quantize_inputs
from pyexport.choices import DEFAULT_GOAL
from pyexport.ir import Dataset, Metadata
from pyexport.lower.choosing import choose_kernels
from pyexport.simulator.fast import FastSimulator
from pyexport.targets import Target

MAX_ROWS = 500  # on which bytes of 0 are counted


@dataclass(frozen=True)
class Observed:
    """The share of the values that each node reads that are not 0, and in which rows."""

    shares: dict[str, float]
    rows: str


def with_kernels(artifact: Artifact, metadata: Metadata, target: Target | None) -> Artifact:
    """Return an artifact that records which kernels its goals get on the target.

    Nothing is recorded for the goal size, and where the order of registration decides.
    """
    choices = artifact.choices
    goals = {choices.goal, *(goal for _, goal in choices.layers)}
    if target is None or goals == {DEFAULT_GOAL}:
        return artifact
    shares = _of_calibration(artifact, metadata).shares
    chosen = choose_kernels(artifact.graph, target, choices, shares)
    return replace(artifact, choices=replace(choices, chosen=chosen))


def observed(artifact: Artifact) -> Observed:
    """Return what the rows that an artifact stores say."""
    if artifact.scheme != "int8" or artifact.graph.states:
        return Observed({}, "none is")
    if artifact.samples is not None and len(artifact.samples.inputs):
        inputs = artifact.samples.inputs
        rows = inputs[:: -(-len(inputs) // MAX_ROWS)]
        what = f"in {len(rows)} evaluation rows"
    else:
        rows, what = artifact.vectors.inputs, f"in {len(artifact.vectors.inputs)} stored vectors"
    return Observed(FastSimulator(artifact.graph).densities(rows), what)


def _of_calibration(artifact: Artifact, metadata: Metadata) -> Observed:
    data = metadata.calibration
    if data is None or not len(data.inputs) or artifact.scheme != "int8" or artifact.graph.states:
        return observed(artifact)
    some = Dataset(data.inputs[:: -(-len(data.inputs) // MAX_ROWS)])
    rows = quantize_inputs(artifact, some)
    return Observed(
        FastSimulator(artifact.graph).densities(rows), f"in {len(rows)} calibration rows"
    )
