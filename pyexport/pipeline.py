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
from pyexport.codegen import render_header
from pyexport.codegen.identifiers import check_model_name
from pyexport.decision import check_threshold
from pyexport.describe import header_info
from pyexport.errors import (
    CalibrationError,
    InvalidModelError,
    QuantizationError,
    UnsupportedModelError,
    UsageError,
)
from pyexport.fitting import check_fits
from pyexport.ir import Calibration, Dataset, Graph, Metadata, Model
from pyexport.layout import device_rows, user_shape
from pyexport.lower import lower
from pyexport.manifest import manifest_text
from pyexport.measuring import measure
from pyexport.passes import canonical_names, run_passes
from pyexport.program import Program
from pyexport.quantize import quantize_int8, to_float32, with_front_end
from pyexport.quantize.ptq import check_inside
from pyexport.quantize.stream import stream_step
from pyexport.statement_check import check_statements
from pyexport.statement_values import is_range
from pyexport.streams import Stream, kept_statements
from pyexport.targets import Target, get_target
from pyexport.vectors import STREAM_STEPS, choose_vectors
from pyexport.writing import write_together

SCHEMES = ("int8", "float32")


@dataclass(frozen=True)
class ExportOptions:
    """What the user may choose; None takes it from the model file."""

    name: str
    scheme: str = "int8"
    target: str | None = None
    per_channel: bool = True
    input_range: tuple[float, float] | None = None
    calibration: Dataset | None = None
    calibration_name: str | None = None  # the file that the calibration rows came from
    templates: Path | None = None
    check_fits: bool = True  # refuse what the target cannot hold
    stream: bool = False  # one step of a sequence a call, with a state between the calls

    def __post_init__(self) -> None:
        check_model_name(self.name)
        if self.scheme not in SCHEMES:
            raise UsageError(f"scheme {self.scheme!r} is unknown; use one of {', '.join(SCHEMES)}")
        if self.target is not None:
            get_target(self.target)
        if self.input_range is not None and not is_range(*self.input_range):
            raise UsageError(
                "the input range must be two finite numbers of at most 1e30, the lower first, not "
                f"{self.input_range[0]!r}:{self.input_range[1]!r}"
            )

    def command_line(self) -> tuple[str, ...]:
        """Return the options, as words, that make the same export again."""
        words = [] if self.scheme == "int8" else ["--scheme", self.scheme]
        if self.target is not None:
            words += ["--target", self.target]
        if not self.per_channel:
            words.append("--per-tensor")
        if self.input_range is not None:
            words += ["--input-range", f"{self.input_range[0]:.17g}:{self.input_range[1]:.17g}"]
        if self.calibration is not None:
            words += ["--calibration", self.calibration_name or "ROWS.npz"]
        if self.stream:
            words.append("--stream")
        if self.templates is not None:
            words += ["--templates", self.templates.name]
        return tuple(words)


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
    refuse_several_ports(model.graph, metadata.source_name)
    graph = run_passes(model.graph)
    if not graph.nodes:
        raise UnsupportedModelError(f"{metadata.source_name}: the model has no layer to export")
    check_statements(
        metadata.statements, metadata.source_name, user_shape(graph.input), graph.output.size
    )
    warnings = list(metadata.warnings)
    input_range = _input_range(metadata)
    with _named(metadata.source_name):
        exported, calibration = _quantize(graph, metadata, input_range, options, warnings)
        if input_range is not None and metadata.input_range is None:
            warnings += _undeclared(exported, input_range)
        stream = None
        if options.stream:
            step = stream_step(exported)
            exported, stream = step.graph, Stream(step.steps, STREAM_STEPS)
        artifact = _artifact(graph, exported, metadata, calibration, options, stream)
        target = get_target(options.target) if options.target is not None else None
        program = lower(exported, target)
    warnings += export_warnings(artifact, program, target)
    if options.check_fits:
        check_fits(artifact.name, program, target)
    return _finish(artifact, program, target, options.templates, tuple(warnings))


def refuse_several_ports(graph: Graph, source_name: str) -> None:
    """Raise UnsupportedModelError unless the graph has one input and one output."""
    if len(graph.inputs) == len(graph.outputs) == 1:
        return
    raise UnsupportedModelError(
        f"{source_name}: the model has {len(graph.inputs)} inputs and {len(graph.outputs)} "
        "outputs; only one of each can be exported so far: concatenate them in the model"
    )


def render_artifact(artifact: Artifact, templates: Path | None = None) -> Export:
    """Return the export of an artifact that was made before: the same header as then."""
    target = get_target(artifact.target) if artifact.target is not None else None
    program = lower(artifact.graph, target)
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
    if options.input_range is not None:
        stated = replace(metadata.statements, input_range=options.input_range)
        metadata = replace(metadata, statements=stated)
    return metadata


def _input_range(metadata: Metadata) -> tuple[float, float] | None:
    declared = metadata.input_range
    if declared is not None:
        for what, data in (
            ("calibration", metadata.calibration),
            ("evaluation", metadata.evaluation),
        ):
            if data is not None and len(data.inputs):
                check_inside(data, declared, f"{metadata.source_name}: the {what} data")
        return declared
    if metadata.calibration is None or len(metadata.calibration.inputs) == 0:
        return None
    inputs = metadata.calibration.inputs
    observed = (float(inputs.min()), float(inputs.max()))
    if not is_range(*observed):
        raise CalibrationError(
            f"{metadata.source_name}: no input range is declared, and the calibration data "
            f"{observed[0]:.9g}..{observed[1]:.9g} give none; pass --input-range LOW:HIGH"
        )
    return observed


def _undeclared(exported: Graph, input_range: tuple[float, float]) -> tuple[str, ...]:
    """Return the warning that the input's range was observed; 16 bits hold more than that."""
    quant = exported.input.quant
    if quant is not None and quant.dtype not in ("u8", "s8"):
        return ()
    return (
        f"no input range is declared; taking {input_range[0]:.9g}..{input_range[1]:.9g} from the "
        "calibration data, inputs outside it are clamped; --input-range LOW:HIGH declares another",
    )


def _quantize(
    graph: Graph,
    metadata: Metadata,
    input_range: tuple[float, float] | None,
    options: ExportOptions,
    warnings: list[str],
) -> tuple[Graph, Calibration]:
    if options.scheme == "float32":
        exported = to_float32(graph, input_range)
        tensors = tuple(
            replace(t, declared_range=input_range) if t.name in graph.inputs else t
            for t in exported.tensors
        )
        return replace(exported, tensors=tensors), Calibration("none", 0)
    if input_range is None:
        raise CalibrationError(
            "the file tells no input range and holds no calibration data; "
            "pass --input-range LOW:HIGH or --calibration FILE, or save it with pyexport.save("
            "model, example, path, input_range=(low, high), calibration=rows), or write "
            f"range = [low, high] under [input] in {_sidecar_name(metadata)} beside it"
        )
    if metadata.calibration is None:
        warnings.append(
            "no calibration data: ranges are bounds over the declared input range, which costs "
            "resolution; --calibration FILE takes them from data"
        )
    calibration = device_rows(metadata.calibration, graph.input)
    evaluation = device_rows(metadata.evaluation, graph.input)
    graph, notes = with_front_end(
        graph,
        input_range,
        calibration,
        evaluation,
        per_channel=options.per_channel,
    )
    result = quantize_int8(
        canonical_names(graph),
        input_range,
        calibration,
        evaluation,
        per_channel=options.per_channel,
    )
    warnings += (*notes, *result.warnings)
    return result.graph, result.calibration


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
        options=options.command_line(),
        stream=stream,
    )
    if metadata.statements.output_threshold is not None:
        check_threshold(metadata.statements.output_threshold, exported.output)
    found = measure(graph, artifact, metadata)
    return replace(
        artifact,
        samples=found.samples,
        accuracy=found.accuracy,
        errors=found.errors,
        vectors=choose_vectors(exported, found.samples),
    )
