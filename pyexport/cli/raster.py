"""pyexport simulate --raster: the spikes of one row, of the float network, simulator and device."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from pyexport.artifact import Artifact
from pyexport.errors import UsageError
from pyexport.frontends import load_model
from pyexport.ir import Array
from pyexport.layout import inputs_to_device
from pyexport.pairing import firmware
from pyexport.pipeline import render_artifact
from pyexport.report.raster import raster_svg
from pyexport.runners import RUNNER_NAMES
from pyexport.simulator.fast import FastSimulator
from pyexport.verify.spikes import SpikeTrain, float_trains, has_spikes, integer_trains
from pyexport.writing import write_together

RasterOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.svg",
        help="Draw the spikes of the first row there, of a stream those of all rows.",
    ),
]
BesideOption = Annotated[
    Path | None,
    typer.Option(
        "--beside", help="With --raster: the model file, whose float network's spikes are drawn."
    ),
]
OnOption = Annotated[
    str | None,
    typer.Option("--on", metavar="TARGET", help="With --raster: a target that runs it, too."),
]


def check_raster(
    raster: Path | None, beside: Path | None, on: str | None, artifact: Artifact, raw: bool
) -> None:
    """Raise UsageError where nothing can be drawn."""
    if raster is None:
        if beside is not None or on is not None:
            raise UsageError("--beside and --on belong to --raster FILE.svg")
        return
    if raster.suffix != ".svg":
        raise UsageError(f"--raster {raster}: the suffix must be .svg")
    if not has_spikes(artifact.graph):
        raise UsageError(f"--raster {raster}: the model has no spiking layer")
    if beside is not None and raw:
        raise UsageError("--beside: the float network takes real values, not --raw bytes")
    if beside is not None and artifact.stream is not None:
        raise UsageError("--beside: a stream has no float network of one step; leave it out")
    if on is not None and on not in RUNNER_NAMES:
        raise UsageError(f"--on {on}: is no target; use one of {', '.join(RUNNER_NAMES)}")


def draw_raster(
    path: Path, artifact: Artifact, name: str, rows: Array, inputs: Array, beside: Path | None,
    on: str | None,
) -> None:  # fmt: skip
    """Write the picture of the first row, or of all rows of a stream."""
    shown = rows if artifact.stream is not None else rows[:1]
    sides: dict[str, list[SpikeTrain]] = {}
    if beside is not None:
        graph = load_model(beside).graph
        real = np.asarray(inputs[:1], dtype=np.float64)
        sides["float"] = float_trains(graph, inputs_to_device(real, graph))
    sums = FastSimulator(artifact.graph).trace(shown).accumulators
    assert sums is not None  # trace() always returns them
    sides["integer"] = integer_trains(artifact.graph, sums)
    if on is not None:
        sides[on] = integer_trains(artifact.graph, _device_sums(artifact, on, shown))
    counts = {side: [train.spikes.shape for train in trains] for side, trains in sides.items()}
    if len({tuple(shapes) for shapes in counts.values()}) > 1:
        raise UsageError(f"--beside {beside}: its layers of neurons are not those of {name}")
    title = f"{name}: spikes of " + ("all rows" if artifact.stream is not None else "row 0")
    write_together(
        path.parent, {path.name: raster_svg(sides, title).encode("ascii", "xmlcharrefreplace")}
    )


def _device_sums(artifact: Artifact, target: str, rows: Array) -> Array:
    with firmware(render_artifact(artifact), target) as runner:
        return np.asarray(runner.trace(rows).accumulators)
