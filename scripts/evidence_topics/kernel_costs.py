"""Holds `inspect --cost` against the emulators: the example models and the frozen networks."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

import pyexport
from pyexport.artifact import Artifact
from pyexport.costing import costing
from pyexport.errors import DoesNotFitError
from pyexport.fitting import check_fits
from pyexport.ir import Array, Model
from pyexport.kernel_choice import Observed
from pyexport.lower.kernels import KERNELS
from pyexport.pipeline import ExportOptions, export_model, render_artifact
from pyexport.simulator.fast import FastSimulator
from pyexport.targets import get_target
from pyexport.targets.costs import read_costs
from pyexport.verify.subject import header_interface
from scripts.benchmark_counts import TARGETS, sameness
from scripts.benchmark_models import NETWORKS, load_network
from scripts.cost_cases.batch import LEVEL, Case, count_cases
from scripts.evidence_topics.example_files import trained_example
from scripts.evidence_topics.figures import Context, Figure, Task, markdown_table
from scripts.example_models.catalog import EXAMPLES

MEAN_LIMIT, WORST_LIMIT = 5.0, 15.0  # percent
ROWS = 3  # that are counted
GOALS = (("size", 32), ("speed", 16))


SOURCES = (
    "pyexport/artifact.py", "pyexport/choices.py", "pyexport/codegen", "pyexport/costing.py",
    "pyexport/integer", "pyexport/lower", "pyexport/kernel_choice.py", "pyexport/quantize",
    "pyexport/targets", "templates", "firmware/harness", "scripts/cost_cases",
)  # fmt: skip
COMMITTED = ("gru_gestures", "series_gestures")  # in examples/models, which CI has


def tasks() -> tuple[Task, ...]:
    """Return a task a model, so that an interrupted run goes on with the next one."""
    names = [*NETWORKS, *(example.name for example in EXAMPLES)]
    return (
        *(Task(f"estimates of {name}", partial(_compare, name=name), SOURCES) for name in names),
        Task("estimates", _estimates, sums_up=True),
    )


def _compare(context: Context, name: str) -> tuple[Figure, ...]:
    """Compare a model's estimates with counts, and keep them for the summary."""
    if context.short and name not in ("a", *COMMITTED):
        return ()
    found = []
    model, bits = _model(context, name)
    path = context.folder / "costs-counted.json"
    counted = {} if context.short or not path.exists() else json.loads(path.read_text("utf-8"))
    for target in ("cortex-m4",) if context.short else TARGETS:
        if read_costs(target) is None:
            continue
        for goal, lanes in GOALS:
            pair = compared(model, target, goal, lanes, bits, counted)
            found.append([target, goal, *(pair or (None, None))])
            if not context.short:
                path.write_text(json.dumps(counted), encoding="utf-8")
    _path(context, name).write_text(json.dumps(found), encoding="utf-8")
    return ()


def _model(context: Context, name: str) -> tuple[Model, int]:
    if name in NETWORKS:
        network = load_network(name)
        return network.model, network.weights
    committed = context.root / "examples" / "models" / f"{name}.pt2"
    if context.short:
        return pyexport.load(committed), 8
    example = next(example for example in EXAMPLES if example.name == name)
    return pyexport.load(trained_example(context, example).path), 8


def _path(context: Context, name: str) -> Path:
    return context.folder / f"costs-{name}{'-short' if context.short else ''}.json"


def _estimates(context: Context) -> tuple[Figure, ...]:
    """Return how far the estimates of whole models are from what the emulators count."""
    lines, errors, priceless, unknown = [], [], 0, []
    for name in (*NETWORKS, *(example.name for example in EXAMPLES)):
        path = _path(context, name)
        if not path.exists():
            unknown += [name]
            continue
        for target, goal, estimated, counted in json.loads(path.read_text(encoding="utf-8")):
            if estimated is None:
                priceless += 1
                continue
            errors.append(100 * (estimated / counted - 1))
            lines.append(
                (f"{name}, {goal}", target, f"{counted:,.0f}", f"{estimated:,.0f}",
                 f"{errors[-1]:+.1f} %")
            )  # fmt: skip
    mean = float(np.mean(np.abs(errors))) if errors else 100.0
    worst = float(np.max(np.abs(errors))) if errors else 100.0
    missing = [target for target in TARGETS if read_costs(target) is None]
    text = f"mean {mean:.1f} %, worst {worst:.1f} %, {len(errors)} exports"
    text += f"; {priceless} too large or without a price" if priceless else ""
    text += f"; no table for {', '.join(missing)}" if missing else ""
    text += f"; not measured: {', '.join(unknown)}" if unknown and not context.short else ""
    is_whole = not missing and (context.short or not unknown)
    reached = mean <= MEAN_LIMIT and worst <= WORST_LIMIT and is_whole
    return (
        Figure(
            "cost table against emulator, every example model on every target that it fits",
            f"mean within {MEAN_LIMIT:.0f} %, worst within {WORST_LIMIT:.0f} %",
            text if reached else f"missed: {text}",
            reached,
            (
                *markdown_table(("model, goal", "target", "counted", "estimated", "error"), lines),
                "",
                f"Kernels without a price on any target: {', '.join(_priceless()) or 'none'}.",
            ),
        ),
    )


def _priceless() -> list[str]:
    tables = [table for target in TARGETS if (table := read_costs(target)) is not None]
    names = dict.fromkeys(kernel.name for kernel in KERNELS)
    return [name for name in names if not any(table.knows(name) for table in tables)]


def compared(
    model: Model,
    target: str,
    goal: str,
    lanes: int,
    bits: int = 8,
    counted: dict[str, float] | None = None,
) -> tuple[float, float] | None:
    """Return the estimate and the count, mean over some rows; None where the chip is too small.

    counted: known counts by what makes them the same; a new one is added.
    """
    single = len(model.graph.inputs) == len(model.graph.outputs) == 1
    options = ExportOptions(
        "model",
        target=target,
        optimize=goal,
        lanes=lanes if single and not model.graph.states else 32,
        weights=bits,
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
    known = {} if counted is None else counted
    same = sameness(header, target, (LEVEL, str(ROWS)))
    if same not in known:
        case = Case(header, header_interface(artifact, export.program), rows)
        known[same] = float(np.mean(count_cases(target, [case])[0].counts))
    return estimate.mean, known[same]


def _rows(artifact: Artifact) -> Array:
    stored = artifact.samples.inputs if artifact.samples is not None else artifact.vectors.inputs
    return stored[:: max(len(stored) // ROWS, 1)][:ROWS]
