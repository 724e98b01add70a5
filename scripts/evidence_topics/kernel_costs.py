"""Holds `inspect --cost` against the emulators: the example models and the frozen networks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

import pyexport
from pyexport.artifact import Artifact
from pyexport.costing import costing
from pyexport.errors import DoesNotFitError
from pyexport.fitting import check_fits
from pyexport.ir import Array, Model
from pyexport.kernel_choice import Observed
from pyexport.pipeline import ExportOptions, export_model, render_artifact
from pyexport.simulator.fast import FastSimulator
from pyexport.targets import get_target
from pyexport.targets.costs import read_costs
from pyexport.verify.subject import header_interface
from scripts.benchmark import TARGETS
from scripts.benchmark_models import NETWORKS, load_network
from scripts.cost_cases.batch import Case, count_cases
from scripts.evidence_topics.example_files import trained_examples
from scripts.evidence_topics.figures import Context, Figure, markdown_table

MEAN_LIMIT, WORST_LIMIT = 5.0, 15.0  # percent
ROWS = 3  # that are counted
GOALS = (("size", 32), ("speed", 16))


def _models(context: Context) -> Iterator[tuple[str, Model]]:
    for name in ("a",) if context.short else tuple(NETWORKS):
        yield f"network {name.upper()}", load_network(name).model
    examples = context.root / "examples" / "models"
    for path in sorted(examples.glob("*.pt2")):
        yield path.stem, pyexport.load(path)
    if not context.short:
        for trained in trained_examples(context):
            if trained.path.parent != examples:
                yield trained.example.name, pyexport.load(trained.path)


def table_against_emulator(context: Context) -> tuple[Figure, ...]:
    """Return how far the estimates of whole models are from what the emulators count."""
    lines, errors = [], []
    targets = ("cortex-m4",) if context.short else TARGETS
    for name, model in _models(context):
        for goal, lanes in GOALS:
            for target in targets:
                if read_costs(target) is None:
                    continue
                found = compared(model, target, goal, lanes)
                if found is None:
                    continue
                estimated, counted = found
                errors.append(100 * (estimated / counted - 1))
                lines.append(
                    (f"{name}, {goal}", target, f"{counted:,.0f}", f"{estimated:,.0f}",
                     f"{errors[-1]:+.1f} %")
                )  # fmt: skip
    mean = float(np.mean(np.abs(errors))) if errors else 100.0
    worst = float(np.max(np.abs(errors))) if errors else 100.0
    return (
        Figure(
            "cost table against emulator, every example model on every target that it fits",
            f"mean within {MEAN_LIMIT:.0f} %, worst within {WORST_LIMIT:.0f} %",
            f"mean {mean:.1f} %, worst {worst:.1f} %, {len(errors)} models on targets",
            mean <= MEAN_LIMIT and worst <= WORST_LIMIT,
            markdown_table(("model, goal", "target", "counted", "estimated", "error"), lines),
        ),
    )


def compared(model: Model, target: str, goal: str, lanes: int) -> tuple[float, float] | None:
    """Return the estimate and the count, mean over some rows; None where the chip is too small."""
    single = len(model.graph.inputs) == len(model.graph.outputs) == 1
    options = ExportOptions(
        "model",
        target=target,
        optimize=goal,
        lanes=lanes if single and not model.graph.states else 32,
        check_fits=False,
    )
    export = export_model(model, options)
    artifact = replace(export.artifact, name="model")
    try:
        check_fits("model", export.program, get_target(target))
    except DoesNotFitError:
        return None
    rows = _rows(artifact)
    shares = FastSimulator(artifact.graph).densities(rows)
    estimate = costing(artifact, target, Observed(shares, "counted rows"))
    if estimate.mean is None:
        return None
    header = render_artifact(artifact).header
    case = Case(header, header_interface(artifact, export.program), rows)
    (counted,) = count_cases(target, [case])
    return estimate.mean, float(np.mean(counted.counts))


def _rows(artifact: Artifact) -> Array:
    stored = artifact.samples.inputs if artifact.samples is not None else artifact.vectors.inputs
    return stored[:: max(len(stored) // ROWS, 1)][:ROWS]
