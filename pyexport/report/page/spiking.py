"""The section about spikes: of one input, in float network, simulator and firmware."""

from __future__ import annotations

import numpy as np

from pyexport.artifact import Artifact
from pyexport.ir import Array, Graph
from pyexport.report.page.material import Known, Material
from pyexport.report.page.section import Values
from pyexport.report.raster import raster_svg
from pyexport.runners import Runner
from pyexport.simulator.fast import FastSimulator
from pyexport.verify.spikes import SpikeTrain, float_trains, has_spikes, integer_trains

STEPS = 40  # of a stream that are shown


def spike_values(material: Material) -> Values:
    """Return the raster of one input, or of the first steps of a stream; None without neurons."""
    graph = material.artifact.graph
    if not has_spikes(graph) or not len(material.known.rows):
        return None
    stream = material.artifact.stream is not None
    rows = _shown(material.artifact, material.known)
    sums = FastSimulator(graph).trace(rows).accumulators
    assert sums is not None  # trace() always returns them
    integer = integer_trains(graph, sums)
    sides = {"integer": integer}
    if material.graph is not None and not stream:
        trains = float_trains(material.graph, _real(graph, material.graph, rows))
        if [t.spikes.shape for t in trains] == [t.spikes.shape for t in integer]:
            sides = {"float": trains, "integer": integer}
    if material.judge_sums is not None:
        sides[f"firmware on {material.judge}"] = integer_trains(graph, material.judge_sums)
    return {
        "text": _sentence(sides),
        "label": f"Spikes of the first {f'{len(rows)} steps' if stream else 'row'}: steps to the "
        "right, neurons downwards",
        "picture": raster_svg(sides, f"of {material.known.what}"),
    }


def device_sums(artifact: Artifact, known: Known, runner: Runner) -> Array | None:
    """Return what a device traces of the input that is shown; None where nothing is."""
    if not has_spikes(artifact.graph) or not len(known.rows) or not runner.traces:
        return None
    return runner.trace(_shown(artifact, known)).accumulators


def _shown(artifact: Artifact, known: Known) -> Array:
    """Return the first row, or of a stream the first steps."""
    return known.rows[: STEPS if artifact.stream is not None else 1]


def _real(exported: Graph, graph: Graph, rows: Array) -> Array:
    """Return the real numbers of a row of integers, in the shape that the float network takes."""
    quant = exported.input.quant
    real = rows.astype(np.float64) if quant is None else quant.dequantize(rows)
    return np.asarray(real).reshape(len(rows), *graph.input.shape)


def _sentence(sides: dict[str, list[SpikeTrain]]) -> str:
    total = sum(int(train.spikes.sum()) for train in sides["integer"])
    places = sum(train.spikes.size for train in sides["integer"])
    text = f"The export fires {total:,} times in {places:,} places (a step of a neuron)"
    if "float" in sides:
        both = zip(sides["float"], sides["integer"], strict=True)
        differ = sum(int((a.spikes != b.spikes).sum()) for a, b in both)
        text += f"; {differ:,} of them differ from the float network"
    for name in sides:
        if name.startswith("firmware"):
            both = zip(sides[name], sides["integer"], strict=True)
            differ = sum(int((a.spikes != b.spikes).sum()) for a, b in both)
            text += f"; {differ:,} differ in the {name}"
    return (
        f"{text}. The membranes that decide it are the accumulators that firmware and simulator "
        "are compared by."
    )
