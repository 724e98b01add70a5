"""The whole way of an export, in order: load -> passes -> quantize -> lower -> render -> write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pyexport.advice import export_warnings
from pyexport.artifact import (
    Artifact,
    Vectors,
    write_artifact,
)
from pyexport.choices import Choices, LaneChoice, WeightChoice
from pyexport.codegen import render_header
from pyexport.decision import check_threshold
from pyexport.describe import header_info
from pyexport.errors import (
    CalibrationError,
    InvalidModelError,
    QuantizationError,
    UnsupportedModelError,
)
from pyexport.export_options import SCHEMES as SCHEMES
from pyexport.export_options import ExportOptions as ExportOptions
from pyexport.fitting import check_fits
from pyexport.input_ranges import (
    Known,
    input_titles,
    known_inputs,
    refuse_without_range,
    undeclared_warnings,
)
from pyexport.ir import DEFAULT_FLOAT_RANGE, Calibration, Graph, Metadata, Model
from pyexport.kernel_choice import with_kernels
from pyexport.layer_choices import bits_of_layers, goals_of_layers, kept_wide
from pyexport.layout import device_rows, inputs_shape
from pyexport.lower import lower
from pyexport.manifest import manifest_text
from pyexport.measuring import measure
from pyexport.passes import canonical_names, run_passes
from pyexport.port_names import name_ports
from pyexport.program import Program
from pyexport.quantize import quantize_in_lanes, quantize_int8, to_float32, with_front_end
from pyexport.quantize.plan import NO_PLAN, LanePlan
from pyexport.quantize.ptq import Quantized
from pyexport.quantize.stream import stream_step
from pyexport.quantize.weight_bits import weight_choices
from pyexport.rows import output_tensors, row_size
from pyexport.statement_check import check_statements
from pyexport.streams import DEFAULT_STEPS, Stream, kept_statements
from pyexport.targets import Target, get_target
from pyexport.untrusted import printable
from pyexport.vectors import STREAM_STEPS, check_finds, choose_vectors
from pyexport.writing import write_together


@dataclass(frozen=True, eq=False)
class Export:
    """An export in memory: artifact, program, header text, and what to tell the user."""

    artifact: Artifact
    program: Program
    header: str
    target: Target | None
    warnings: tuple[str, ...]

    def files(self) -> dict[str, bytes]:
        """Return file names and contents: NAME.h, NAME.px, NAME.json."""
        name = self.artifact.name
        header, px = self.header.encode(), write_artifact(self.artifact)
        files = {f"{name}.h": header, f"{name}.px": px}
        manifest = manifest_text(self.artifact, self.program, self.warnings, files)
        return {**files, f"{name}.json": manifest.encode()}

    def write(self, folder: Path) -> tuple[Path, ...]:
        """Write the three files into the folder, all or none; returns their paths."""
        return write_together(folder, self.files())


def export_model(model: Model, options: ExportOptions) -> Export:
    """Return the export of a model that a frontend has read; raises PyexportError."""
    metadata = _with_options(model.metadata, options)
    graph = run_passes(model.graph)
    if not graph.nodes:
        raise UnsupportedModelError(f"{metadata.source_name}: the model has no layer to export")
    titles = input_titles(model)
    refuse_unused_inputs(graph, titles, metadata.source_name)
    check_statements(
        metadata.statements,
        metadata.source_name,
        inputs_shape(graph),
        row_size(output_tensors(graph)),
    )
    warnings = list(metadata.warnings)
    known = known_inputs(graph, titles, metadata, options.input_range)
    with _named(metadata.source_name):
        exported, calibration, lanes, weights = _quantize(graph, metadata, known, options, warnings)
        warnings += undeclared_warnings(exported, known)
        stream = Stream(DEFAULT_STEPS, STREAM_STEPS) if exported.states else None
        if options.stream and stream is not None:
            raise UnsupportedModelError("the model keeps states already; leave --stream out")
        if options.stream:
            step = stream_step(exported)
            exported, stream = step.graph, Stream(step.steps, STREAM_STEPS)
        exported = name_ports(exported, model.inputs, model.outputs)
        choices = _choices(exported, lanes, weights, options)
        artifact = _artifact(graph, exported, metadata, calibration, choices, options, stream)
        target = get_target(options.target) if options.target is not None else None
        artifact = with_kernels(artifact, metadata, target)
        program = lower(exported, target, artifact.choices)
    warnings += export_warnings(artifact, program, target)
    if options.check_fits:
        check_fits(artifact.name, program, target)
    return _finish(artifact, program, target, options.templates, tuple(warnings))


def refuse_unused_inputs(graph: Graph, titles: tuple[str, ...], source_name: str) -> None:
    """Raise UnsupportedModelError for an input that no layer reads: it would change no output."""
    for name, title in zip(graph.inputs, titles, strict=True):
        if not graph.users(name):
            raise UnsupportedModelError(
                f"{source_name}: no layer reads the input {printable(title)}; take it out of the "
                "model"
            )


def render_artifact(
    artifact: Artifact, templates: Path | None = None, *, check: bool = True
) -> Export:
    """Return the export of an artifact that was made before: the same header as then."""
    target = get_target(artifact.target) if artifact.target is not None else None
    program = lower(artifact.graph, target, artifact.choices)
    if check:
        check_fits(artifact.name, program, target)
    return _finish(artifact, program, target, templates, ())


def _finish(
    artifact: Artifact,
    program: Program,
    target: Target | None,
    templates: Path | None,
    warnings: tuple[str, ...],
) -> Export:
    header = render_header(program, header_info(artifact, program, target), target, templates)
    return Export(artifact, program, header, target, warnings)


def _with_options(metadata: Metadata, options: ExportOptions) -> Metadata:
    if options.calibration is not None:
        metadata = replace(metadata, calibration=options.calibration)
    if isinstance(options.input_range, tuple):
        stated = replace(metadata.statements, input_range=options.input_range)
        metadata = replace(metadata, statements=stated)
    return metadata


def _quantize(
    graph: Graph,
    metadata: Metadata,
    known: tuple[Known, ...],
    options: ExportOptions,
    warnings: list[str],
) -> tuple[Graph, Calibration, tuple[LaneChoice, ...], tuple[WeightChoice, ...]]:
    ranges = {one.name: one.range or DEFAULT_FLOAT_RANGE for one in known}
    if options.scheme == "float32":
        exported = to_float32(graph, ranges)
        stated = {one.name: one.range for one in known}
        tensors = tuple(
            replace(t, declared_range=stated[t.name]) if t.name in stated else t
            for t in exported.tensors
        )
        return replace(exported, tensors=tensors), Calibration("none", 0), (), ()
    refuse_without_range(known, _sidecar_name(metadata))
    if metadata.calibration is None:
        warnings.append(
            "no calibration data: ranges are bounds over the declared input range, which costs "
            "resolution; --calibration FILE takes them from data"
        )
    calibration = device_rows(metadata.calibration, graph)
    evaluation = device_rows(metadata.evaluation, graph)
    graph, notes = with_front_end(
        graph,
        ranges,
        calibration,
        evaluation,
        per_channel=options.per_channel,
    )
    graph = canonical_names(graph)
    bits = bits_of_layers(graph, options.weights, options.layer_weights)

    def quantized(plan: LanePlan) -> Quantized:
        return quantize_int8(
            graph,
            ranges,
            calibration,
            evaluation,
            per_channel=options.per_channel,
            plan=replace(plan, weights=bits),
        )

    lanes: tuple[LaneChoice, ...] = ()
    if options.lanes == 16:
        rows = None if calibration is None else calibration.inputs
        result, lanes = quantize_in_lanes(quantized, graph, rows)
    else:
        result = quantized(NO_PLAN)
    warnings += (*notes, *kept_wide(graph, options.weights), *result.warnings)
    weights = weight_choices(graph, result.graph, bits)
    return result.graph, result.calibration, lanes, weights


def _choices(
    graph: Graph,
    lanes: tuple[LaneChoice, ...],
    weights: tuple[WeightChoice, ...],
    options: ExportOptions,
) -> Choices:
    """Return what an artifact records; raises UsageError for the goal of a layer that is none."""
    layers = goals_of_layers(graph, options.layer_goals)
    return Choices(options.optimize, lanes, layers, options.kernels, weights)


def _sidecar_name(metadata: Metadata) -> str:
    return Path(metadata.source_name).with_suffix(".toml").name


@contextmanager
def _named(file: str) -> Iterator[None]:
    """Put the model file's name in front of an error of a stage that does not know it."""
    try:
        yield
    except (CalibrationError, InvalidModelError, QuantizationError, UnsupportedModelError) as error:
        raise type(error)(f"{file}: {error}") from None


def _artifact(
    graph: Graph,
    exported: Graph,
    metadata: Metadata,
    calibration: Calibration,
    choices: Choices,
    options: ExportOptions,
    stream: Stream | None,
) -> Artifact:
    artifact = Artifact(
        name=options.name,
        scheme=options.scheme,
        graph=exported,
        source_name=metadata.source_name,
        source_sha256=metadata.source_sha256,
        producer=metadata.producer,
        calibration=calibration,
        vectors=Vectors(np.empty((0, 0)), np.empty((0, 0))),
        statements=kept_statements(metadata.statements, stream),
        target=options.target,
        choices=choices,
        options=options.command_line(),
        stream=stream,
    )
    if metadata.statements.output_threshold is not None:
        check_threshold(metadata.statements.output_threshold, exported.output)
    if options.finds is not None:
        check_finds(exported, options.finds, options.finds_name)
    found = measure(graph, artifact, metadata)
    return replace(
        artifact,
        samples=found.samples,
        accuracy=found.accuracy,
        errors=found.errors,
        vectors=choose_vectors(exported, found.samples, options.finds),
    )
