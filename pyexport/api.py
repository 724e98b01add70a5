"""The public functions: what scripts and notebooks call, and what the commands are made of."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pyexport.artifact import Artifact, Samples, is_artifact, quantize_inputs, read_artifact
from pyexport.errors import UsageError
from pyexport.frontends import load_model
from pyexport.ir import Array, Dataset, Model
from pyexport.pipeline import Export, ExportOptions, export_model, render_artifact
from pyexport.simulator.fast import FastSimulator
from pyexport.verify import (
    DEFAULT_SUITES,
    Report,
    Subject,
    Suite,
    SuiteOptions,
    build_suites,
    subject_from_header,
    verify_subject,
)

# On an emulated chip an inference takes milliseconds, on the host microseconds.
CHIP_SUITES = SuiteOptions(random=1_000, corners=200, dataset=360)


def load(path: str | Path) -> Model:
    """Return the model in a file, recognized by its content; nothing in the file is executed.

    Raises PyexportError, one line, for a file that is missing, damaged or of another kind, and for
    a model that cannot be exported.
    """
    return load_model(Path(path))


def quantize(model: Model, name: str = "model", **options: Any) -> Artifact:
    """Return the exported model in memory: the graph that a device evaluates, and its vectors.

    options are those of ExportOptions: scheme ("int8" or "float32"), per_channel, input_range,
    calibration (an ir.Dataset), target.
    """
    return export_model(model, ExportOptions(name, **options)).artifact


def export(
    model: Model | str | Path, output: str | Path = ".", name: str = "model", **options: Any
) -> Export:
    """Write NAME.h, NAME.px and NAME.json into the folder `output` and return the export.

    options as for `quantize`, and templates (a folder searched before pyexport's own). Raises
    PyexportError, in which case nothing was written.
    """
    source = model if isinstance(model, Model) else load(model)
    result = export_model(source, ExportOptions(name, **options))
    result.write(Path(output))
    return result


def simulate(model: Artifact | str | Path, inputs: npt.ArrayLike) -> Array:
    """Return the exported model's outputs (n, output size), bytes or float32, bit for bit.

    inputs are real values (n, *input shape); they are rounded to the input's bytes and clamped to
    its legal range, as NAME_quantize_input does on the device.
    """
    artifact = model if isinstance(model, Artifact) else read_artifact(Path(model))
    return FastSimulator(artifact.graph).run(_device_rows(artifact, inputs))


def verify(
    subject: Artifact | Export | str | Path,
    targets: Sequence[str] = (),
    suites: Sequence[str] = DEFAULT_SUITES,
    *,
    compiler: str | None = None,
    optimize: str | None = None,
    seed: int = 0,
    random_rows: int | None = None,
    dataset: Dataset | None = None,
    progress: Callable[[str, str], None] = lambda target, what: None,
) -> Report:
    """Return the report of comparing a header with the simulator, bit for bit.

    subject: a .h (that very file, with its .px beside it), a .px, a model file, or an export in
    memory. targets: names that `pyexport targets` lists; by default the one that the header was
    specialized for, else the host. dataset replaces the stored evaluation rows.
    """
    if isinstance(subject, str | Path) and Path(subject).suffix == ".h":
        return _verify(
            subject_from_header(Path(subject)), targets, suites, compiler, optimize, seed,
            random_rows, dataset, progress,
        )  # fmt: skip
    exported = _as_export(subject)
    with tempfile.TemporaryDirectory(prefix="pyexport-") as folder:
        header = Path(folder) / f"{exported.artifact.name}.h"
        header.write_text(exported.header, encoding="utf-8")
        return _verify(
            Subject(exported.artifact, exported.program, header), targets, suites, compiler,
            optimize, seed, random_rows, dataset, progress,
        )  # fmt: skip


def save(
    model: Any,
    example: Any,
    path: str | Path,
    *,
    input_range: tuple[float, float] | None = None,
    input_unit: str | None = None,
    calibration: Any = None,
    evaluation: Any = None,
    labels: Sequence[str] | None = None,
) -> None:
    """Save a PyTorch module so that `pyexport export` needs no flags: a torch.export archive.

    example: one batch of inputs. input_range: least and greatest real value that the sensor gives.
    calibration: rows of real inputs that set the ranges of hidden layers. evaluation: (inputs,
    class indices), by which the export reports its accuracy. labels: one name an output.
    """
    from pyexport.frontends.torch_save import save as save_torch

    save_torch(
        model,
        example,
        path,
        input_range=input_range,
        input_unit=input_unit,
        calibration=calibration,
        evaluation=evaluation,
        labels=labels,
    )


def from_torch(module: Any, example: Any, **metadata: Any) -> Model:
    """Return the model of a live PyTorch module; metadata as for `save`."""
    from pyexport.frontends.torch_save import from_torch as read_module

    return read_module(module, example, **metadata)


def from_sklearn(estimator: Any, **metadata: Any) -> Model:
    """Return the model of a fitted scikit-learn MLP, or of a pipeline of scalers and one."""
    from pyexport.frontends.sklearn_mlp import from_sklearn as read_estimator

    return read_estimator(estimator, **metadata)


def _as_export(subject: Artifact | Export | str | Path) -> Export:
    if isinstance(subject, Export):
        return subject
    if isinstance(subject, Artifact):
        return render_artifact(subject)
    path = Path(subject)
    if is_artifact(path):
        return render_artifact(read_artifact(path))
    return export_model(load(path), ExportOptions("model"))


def _verify(
    subject: Subject,
    targets: Sequence[str],
    names: Sequence[str],
    compiler: str | None,
    optimize: str | None,
    seed: int,
    random_rows: int | None,
    dataset: Dataset | None,
    progress: Callable[[str, str], None],
) -> Report:
    artifact = with_dataset(subject.artifact, dataset)
    made: dict[bool, tuple[Suite, ...]] = {}

    def suites_of(target: str) -> tuple[Suite, ...]:
        on_host = target.startswith("host") or target == "wasm32"
        if on_host not in made:
            options = SuiteOptions(seed=seed) if on_host else CHIP_SUITES
            made[on_host] = build_suites(
                artifact, tuple(names), _options(options, seed, random_rows)
            )
        return made[on_host]

    chosen = tuple(targets) or (artifact.target or "host",)
    return verify_subject(
        Subject(artifact, subject.program, subject.header),
        chosen,
        suites_of,
        progress,
        compiler=compiler,
        optimize=optimize,
    )


def _options(options: SuiteOptions, seed: int, random_rows: int | None) -> SuiteOptions:
    rows = options.random if random_rows is None else random_rows
    if rows < 0:
        raise UsageError(f"{rows} random rows were asked for; ask for 0 or more")
    return SuiteOptions(random=rows, corners=options.corners, dataset=options.dataset, seed=seed)


def with_dataset(artifact: Artifact, dataset: Dataset | None) -> Artifact:
    """Return the artifact with other evaluation rows; None keeps those it stores."""
    if dataset is None:
        return artifact
    rows = _device_rows(artifact, dataset.inputs)
    return replace(artifact, samples=Samples(rows, dataset.targets))


def _device_rows(artifact: Artifact, inputs: npt.ArrayLike) -> Array:
    """Return real inputs as the device takes them; raises UsageError if they do not fit."""
    rows = np.asarray(inputs, dtype=np.float64)
    source = artifact.graph.input
    if rows.ndim < 2 or math.prod(rows.shape[1:]) != source.size:
        shape = ", ".join(map(str, source.shape))
        raise UsageError(f"inputs have shape {rows.shape}; {artifact.name} takes (n, {shape})")
    if not np.isfinite(rows).all():
        raise UsageError("inputs hold NaN or infinite values; remove those rows")
    return quantize_inputs(artifact, Dataset(rows))
