"""Says before training whether a network will export, what it costs, and which chips hold it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pyexport.describe import network_title, parameter_count
from pyexport.errors import DoesNotFitError
from pyexport.fitting import check_fits, io_and_scratch_bytes
from pyexport.frontends import load_model
from pyexport.frontends.live import read_live
from pyexport.ir import Model
from pyexport.lower import lower, select_kernel
from pyexport.pipeline import ExportOptions, export_model
from pyexport.targets import TARGETS, get_target


@dataclass(frozen=True)
class Fit:
    """Whether one chip holds the tables and the working memory of a network."""

    target: str
    chip: str
    flash_bytes: int  # of the chip
    ram_bytes: int
    problem: str  # "" where it fits; code, stack and the rest of the firmware come on top

    @property
    def fits(self) -> bool:
        """Tell whether tables and working memory are within the chip's."""
        return not self.problem


@dataclass(frozen=True)
class Feasibility:
    """What an exported network will cost; that there is one means that it exports."""

    network: str  # "64-32-10 network"
    scheme: str
    parameters: int
    macs: int  # multiply-accumulates of one inference
    flash_bytes: int  # of tables
    ram_bytes: int  # of input, output and scratch
    fits: tuple[Fit, ...]
    warnings: tuple[str, ...]


def check(
    model: object, example: object = None, targets: Sequence[str] = (), scheme: str = "int8"
) -> Feasibility:
    """Return the cost of a live module or estimator, a loaded model or one in a file."""
    if isinstance(model, str | Path):
        return check_model(load_model(model), targets, scheme)
    if not isinstance(model, Model):
        model = read_live(model, example, {})
    return check_model(model, targets, scheme)


def check_model(model: Model, targets: Sequence[str] = (), scheme: str = "int8") -> Feasibility:
    """Return the cost of a network whose weights may be random; raises PyexportError.

    targets: names of chips; by default all.
    """
    chosen = [get_target(name) for name in targets] or [t for t in TARGETS if t.is_chip]
    result = export_model(_ranged(model), ExportOptions("model", scheme=scheme))
    graph, program = result.artifact.graph, result.program
    fits = []
    for target in chosen:
        problem = ""
        try:
            check_fits("the network", lower(graph, target), target)
        except DoesNotFitError as error:
            problem = str(error)
        fits.append(Fit(target.name, target.chip, target.flash_bytes, target.ram_bytes, problem))
    return Feasibility(
        network=network_title(graph),
        scheme=scheme,
        parameters=sum(parameter_count(node.op) for node in graph.nodes),
        macs=sum(select_kernel(node, graph, None).cost(node, graph) for node in graph.nodes),
        flash_bytes=program.const_bytes,
        ram_bytes=io_and_scratch_bytes(program),
        fits=tuple(fits),
        warnings=model.metadata.warnings,
    )


def _ranged(model: Model) -> Model:
    """Return the model with a range of its input: its own, or 0 to 1 where nothing tells one.

    Under an invented range neither rows nor a threshold mean anything; they are left out.
    """
    metadata = model.metadata
    if metadata.input_range is not None or metadata.calibration is not None:
        return model
    stated = replace(metadata.statements, input_range=(0.0, 1.0), output_threshold=None)
    return replace(model, metadata=replace(metadata, statements=stated, evaluation=None))
