"""Gathers what a report shows: verifies, searches, measures and prices one export."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pyexport.artifact import Artifact
from pyexport.costing import Costing, costing
from pyexport.ir import Graph
from pyexport.kernel_choice import observed
from pyexport.layer_rows import layer_rows
from pyexport.measuring import measure
from pyexport.memory_picture import memory_picture
from pyexport.passes import run_passes
from pyexport.real_inputs import device_rows
from pyexport.report.page.commands import report_commands
from pyexport.report.page.comparing import (
    DEFAULT_TARGETS,
    ReportOptions,
    affordable_vectors,
    chosen_suites,
    judging,
    run_verification,
    verify_words,
)
from pyexport.report.page.material import Attack, Command, Hunted, Known, Material, Missing
from pyexport.report.page.opening import Opened, opened
from pyexport.report.page.searches import (
    Effort,
    changed_starts,
    effort_for,
    generated_inputs,
    hunted_inputs,
    pair_of,
)
from pyexport.report.page.spiking import device_sums
from pyexport.report.shapes import Shape, shape_of
from pyexport.runners import RUNNER_NAMES, target_of
from pyexport.targets.costs import read_costs
from pyexport.verify import SuiteOptions, build_suites
from pyexport.verify.generated import Generated
from pyexport.verify.layer_errors import LayerError, layer_errors

MOST_ROWS = 500  # on which layers are compared

Progress = Callable[[str, int, int], None]


def gather(
    path: Path,
    options: ReportOptions,
    progress: Progress = lambda what, done, of: None,
) -> Material:
    """Return all that is shown about a .h, a .px or a model file. The same seed gives the same."""
    with opened(path, options.model) as one:
        export, artifact = one.export, one.export.artifact
        graph = None if one.model is None else run_passes(one.model.graph)
        shape = _shape(artifact, options.shape)  # first: it may be refused
        known = _known(one, options)
        suites_left_out: dict[str, str] = {}
        vectors = affordable_vectors(artifact, options)
        saved = options.saved.verification(artifact.identity)
        document = saved or run_verification(
            one, options, graph, vectors, suites_left_out, progress
        )
        effort = effort_for(artifact, options.seed)
        both = pair_of(artifact, graph)
        pair = both if isinstance(both, Missing) else both[0]
        with judging(one, document) as (runner, judge, why_not):
            sums = None if runner is None else device_sums(artifact, known, runner)
            if isinstance(both, Missing):
                made: Generated | Missing = both
                found: Attack | Missing = both
                hunted: Hunted | Missing = both
            else:
                pair, climbed = both
                kept = options.saved
                made = kept.generated(pair, runner) or generated_inputs(
                    pair, climbed, runner, effort, progress
                )
                found = kept.attack(pair, runner) or changed_starts(
                    pair, runner, known, effort, progress
                )
                hunted = kept.hunt(pair) or hunted_inputs(pair, known, effort, progress)
        searched = None if isinstance(pair, Missing) else effort
        suites = tuple(
            name for name in chosen_suites(artifact, options) if name not in suites_left_out
        )
        verify = () if saved is not None else verify_words(document, suites, vectors, options)
        progress("layers", 0, 1)
        scores = _scores(one, options)
        return Material(
            artifact=artifact,
            program=export.program,
            picture=memory_picture(export.program),
            layers=tuple(layer_rows(artifact, export.program)),
            subject=path.name,
            model=one.model_name,
            model_reason=one.model_reason,
            hashes=one.hashes,
            graph=graph,
            known=known,
            verification=document,
            left_out_suites=suites_left_out,
            **scores,
            pair=pair,
            judge=judge,
            judge_reason=why_not,
            judge_sums=sums,
            shape=shape,
            generated=made,
            attack=found,
            hunt=hunted,
            layer_errors=_layer_errors(artifact, graph, known),
            costs=_costs(artifact, document),
            commands=_commands(one, options, verify, searched, document),
            seed=options.seed,
            saved=options.saved.files,
        )


def _known(one: Opened, options: ReportOptions) -> Known:
    """Return rows: those given, stored ones, the model's calibration rows, or random ones."""
    artifact = one.export.artifact
    if options.dataset is not None:
        rows = device_rows(artifact, options.dataset.inputs)
        return Known(rows, _classes(options.dataset.targets), f"{len(rows):,} given rows")
    if artifact.samples is not None and len(artifact.samples.inputs):
        rows = artifact.samples.inputs
        return Known(rows, _classes(artifact.samples.targets), f"{len(rows):,} evaluation rows")
    data = None if one.model is None else one.model.metadata.calibration
    if data is not None and len(data.inputs) and artifact.stream is None:
        rows = device_rows(artifact, data.inputs)
        return Known(rows, _classes(data.targets), f"{len(rows):,} calibration rows of the model")
    drawn = SuiteOptions(random=1_000, seed=options.seed)
    (suite,) = build_suites(artifact, ("random",), drawn)
    return Known(suite.rows, None, f"{len(suite.rows):,} uniform random inputs, for want of data")


def _classes(targets: Any) -> Any:
    return None if targets is None or targets.ndim > 1 else targets


def _shape(artifact: Artifact, stated: str | None) -> Shape | Missing:
    if len(artifact.graph.inputs) > 1:
        return Missing("the model has several inputs")
    return shape_of(artifact, stated)


def _scores(one: Opened, options: ReportOptions) -> dict[str, Any]:
    """Return how right both models are: measured where the float model and rows are known."""
    artifact = one.export.artifact
    if one.model is not None:
        metadata = one.model.metadata
        if options.dataset is not None:
            metadata = replace(metadata, evaluation=options.dataset)
        if metadata.evaluation is not None and metadata.evaluation.targets is not None:
            found = measure(run_passes(one.model.graph), artifact, metadata)
            what = "measured for this report"
            return {"accuracy": found.accuracy, "errors": found.errors, "accuracy_rows": what}
    what = "as the export recorded it"
    return {"accuracy": artifact.accuracy, "errors": artifact.errors, "accuracy_rows": what}


def _layer_errors(
    artifact: Artifact, graph: Graph | None, known: Known
) -> tuple[LayerError, ...] | Missing:
    if graph is None:
        return Missing("the float model is not known")
    if artifact.graph.states:
        return Missing("the export is one step of the model, which has no layers to put beside it")
    places = np.linspace(0, len(known.rows) - 1, min(len(known.rows), MOST_ROWS)).astype(np.int64)
    found = layer_errors(graph, artifact.graph, known.rows[places])
    return found or Missing("the layers of both models do not match")


def _costs(artifact: Artifact, document: Mapping[str, Any]) -> tuple[Costing, ...] | Missing:
    names = _priced(artifact, document)
    if not names:
        return Missing(f"nobody measured kernels on {artifact.target}")
    shares = observed(artifact)
    return tuple(costing(artifact, name, shares) for name in names)


def _commands(
    one: Opened,
    options: ReportOptions,
    verify: tuple[str, ...],
    effort: Effort | None,
    document: Mapping[str, Any],
) -> tuple[Command, ...]:
    subject, model, artifact = one.path.name, one.model_name, one.export.artifact
    words = ["--model", model] if model and model != subject else []
    given = ["--dataset", options.dataset_name] if options.dataset_name else []
    rows: tuple[str, ...] | None = None
    if options.dataset is not None:
        rows = ("--rows", options.dataset_name)
    elif artifact.samples is not None and len(artifact.samples.inputs):
        rows = ()
    priced = _priced(artifact, document)
    return report_commands(
        subject,
        model,
        (*words, *given, *options.words),
        (*verify, *words) if verify else (),
        effort,
        rows,
        priced[0] if priced else "",
    )


def _priced(artifact: Artifact, document: Mapping[str, Any]) -> list[str]:
    """Return targets with a table of prices: the export's own, those that ran, or usual ones."""
    names = [t["target"] for t in document["targets"] if t["target"] in RUNNER_NAMES]
    ran = dict.fromkeys(target_of(name).name for name in names)
    for some in ([artifact.target],) if artifact.target else (ran, DEFAULT_TARGETS):
        found = [name for name in some if name is not None and read_costs(name) is not None]
        if found:
            return found
    return []
