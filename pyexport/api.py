"""The public functions: what scripts and notebooks call, and what the commands are made of."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, overload

import numpy as np
import numpy.typing as npt

from pyexport import __version__
from pyexport.artifact import Artifact, Samples, read_artifact
from pyexport.exporting import export as export_any
from pyexport.frontends import load_model
from pyexport.ir import Array, Dataset, Model
from pyexport.pipeline import Export, ExportOptions, export_model, render_artifact
from pyexport.real_inputs import device_rows
from pyexport.runners import Finding, open_board, target_of
from pyexport.simulator.fast import FastSimulator
from pyexport.simulator.stream import Stream
from pyexport.sniff_artifact import is_artifact
from pyexport.statements import Arguments
from pyexport.streams import steps_of_sequences
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
from pyexport.verify.subject import uses_own_templates
from pyexport.verify.text import not_compared, printed_by, text_finding

if TYPE_CHECKING:
    from pyexport.feasibility import Feasibility
    from pyexport.runners.board import BoardRunner

# On an emulated chip an inference takes milliseconds, on the host microseconds: with these a
# default verification of a small network takes seconds on each chip.
CHIP_SUITES = SuiteOptions(random=1_000, corners=200, dataset=500)


@dataclass(frozen=True)
class VerifyOptions:
    """What a verification runs on, and on which inputs."""

    targets: tuple[str, ...] = ()  # none: the one that the header was made for, or this computer
    suites: tuple[str, ...] = DEFAULT_SUITES
    compiler: str | None = None  # None: the target's own
    optimize: str | None = None
    seed: int = 0
    random_rows: int | None = None  # None: as many as the kind of target allows
    dataset: Dataset | None = None  # None: the rows that the artifact stores
    progress: Callable[[str, str], None] = lambda target, what: None
    port: str | None = None  # serial port, or socket://HOST:PORT, of a board that runs the header
    patience: float | None = None  # seconds that a board may take for an answer; None: 10


def load(path: str | Path, *, trust: bool = False, **layers: Any) -> Model:
    """Return the model in a file, recognized by its content; nothing in the file is executed.

    A file of weights only needs its layers: arch ("64-32r-10", docs/formats.md), or code
    ("file.py:Net"), a file that is run, with the input_shape of one example, e.g. (1, 64).
    With trust=True a file that can only be run is opened too (TorchScript, pickled classes, pickles
    of scikit-learn; docs/formats.md): that runs the code in it. Raises PyexportError, one line.
    """
    return load_model(Path(path), trust=trust, **layers)


def quantize(model: Model, name: str = "model", **options: Any) -> Artifact:
    """Return the exported model in memory: the graph that a device evaluates, and its vectors.

    options are those of ExportOptions: scheme ("int8" or "float32"), per_channel, input_range,
    calibration (an ir.Dataset), target, stream (one step of a sequence a call).
    """
    return export_model(model, ExportOptions(name, **options)).artifact


@overload
def export(
    model: Model | str | Path, output: str | Path = ".", name: str | None = None, **options: Any
) -> Export: ...


@overload
def export(
    model: Any, example: Any, output: str | Path = ".", name: str | None = None, **options: Any
) -> Export: ...


def export(model: Any, *positional: Any, **options: Any) -> Export:
    """Write NAME.h, NAME.px and NAME.json into the folder `output` and return the export.

    export(FILE_OR_MODEL, output, name) takes a model file or what `load` returned;
    export(module, example, output, name) a live PyTorch module, or a scikit-learn model with None.
    A module is exported in evaluation mode and left in its own.

    name: the prefix of every C symbol; by default the stem of a model file, else "model".
    options as for `quantize`, and templates (a folder searched before pyexport's own); of a live
    model also what `save` takes. Raises PyexportError, in which case nothing was written.
    """
    return export_any(model, positional, options)


def simulate(
    model: Artifact | str | Path, inputs: npt.ArrayLike | Mapping[str, npt.ArrayLike]
) -> Array:
    """Return the exported model's outputs (n, output size), bytes or float32, bit for bit.

    inputs are real values (n, *input shape); they are rounded to the input's bytes and clamped to
    its legal range, as NAME_quantize_input does on the device. Several inputs come by name, several
    outputs side by side.

    With stream=True, rows (n, features) are the steps of one sequence after a reset; of sequences
    (n, steps, features) each starts with one, and they give (n, steps, output size).
    """
    artifact = model if isinstance(model, Artifact) else read_artifact(Path(model))
    if isinstance(inputs, Mapping):
        return FastSimulator(artifact.graph).run(device_rows(artifact, inputs))
    steps = steps_of_sequences(np.shape(inputs), artifact.graph)
    flat = inputs if steps is None else np.reshape(inputs, (-1, artifact.graph.input.size))
    outputs = FastSimulator(artifact.graph, steps).run(device_rows(artifact, flat))
    return outputs if steps is None else outputs.reshape(-1, steps, outputs.shape[1])


def stream(model: Artifact | str | Path) -> Stream:
    """Return a stream of a model exported with stream=True: .reset(), .step(inputs), bit for bit.

    .state shows what is kept between two steps.
    """
    artifact = model if isinstance(model, Artifact) else read_artifact(Path(model))
    return Stream(artifact.graph, artifact.name)


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
    port: str | None = None,
    patience: float | None = None,
) -> Report:
    """Return the report of comparing a header with the simulator, bit for bit.

    subject: a .h (that very file, with its .px beside it), a .px, a model file, or an export in
    memory. targets: names that `pyexport targets` lists; by default the one that the header was
    specialized for, else the host. dataset replaces the stored evaluation rows. port: a board that
    runs the exported model and is asked over its serial link; then there is no default target.
    """
    options = VerifyOptions(
        targets=tuple(targets),
        suites=tuple(suites),
        compiler=compiler,
        optimize=optimize,
        seed=seed,
        random_rows=random_rows,
        dataset=dataset,
        progress=progress,
        port=port,
        patience=patience,
    )
    if isinstance(subject, str | Path) and Path(subject).suffix == ".h":
        on_disk = subject_from_header(Path(subject))
        return _verify(on_disk, options, _text_of(on_disk))
    exported = _as_export(subject)
    name = exported.artifact.name
    title = str(subject) if isinstance(subject, str | Path) else f"{name}.h (in memory)"
    with tempfile.TemporaryDirectory(prefix="pyexport-") as folder:
        header = Path(folder) / f"{name}.h"
        header.write_text(exported.header, encoding="utf-8")
        return _verify(Subject(exported.artifact, exported.program, header, title), options, None)


def save(
    model: Any,
    example: Any,
    path: str | Path,
    **arguments: Unpack[Arguments],
) -> None:
    """Save a PyTorch module or a scikit-learn model so that `pyexport export` needs no flags.

    example: one batch of inputs; None will do for scikit-learn. The arguments say what is known
    about the model, key by key in docs/metadata.md: input_range (least and greatest real value that
    the sensor gives), calibration (rows of real inputs that set the ranges of hidden layers),
    evaluation ((inputs, targets), for the accuracy), labels (one name an output), and more.
    """
    from pyexport.frontends.saving import save_model

    save_model(model, example, path, **arguments)


def check(
    model: Any, example: Any = None, *, targets: Sequence[str] = (), scheme: str = "int8"
) -> Feasibility:
    """Return what a network, trained or not, costs once exported, and which chips hold it.

    model: a PyTorch module, with an `example` input, a scikit-learn model, or a model file.
    targets: names of chips, by default all. Raises PyexportError, one line, if the network cannot
    be exported.
    """
    from pyexport.feasibility import check as check_network

    return check_network(model, example, targets, scheme)


def from_torch(module: Any, example: Any, **arguments: Unpack[Arguments]) -> Model:
    """Return the model of a live PyTorch module; arguments as for `save`."""
    from pyexport.frontends.torch_save import from_torch as read_module

    return read_module(module, example, **arguments)


def from_sklearn(estimator: Any, **arguments: Unpack[Arguments]) -> Model:
    """Return the model of a fitted scikit-learn model, or of a Pipeline that ends in one."""
    from pyexport.frontends.sklearn_estimators import from_sklearn as read_estimator

    return read_estimator(estimator, **arguments)


def _as_export(subject: Artifact | Export | str | Path) -> Export:
    if isinstance(subject, Export):
        return subject
    if isinstance(subject, Artifact):
        return render_artifact(subject)
    path = Path(subject)
    if is_artifact(path):
        return render_artifact(read_artifact(path))
    return export_model(load(path), ExportOptions("model"))


def _text_of(subject: Subject) -> Finding:
    """Return whether the header on disk is what this pyexport prints for its artifact."""
    if uses_own_templates(subject.artifact):
        return not_compared("the header was printed from templates of its own")
    text = subject.header.read_text(encoding="utf-8")
    version = printed_by(text)
    if version != __version__:
        return not_compared(
            f"the header was printed by pyexport {version or 'of unknown version'}, "
            f"this is {__version__}"
        )
    return text_finding(text, render_artifact(subject.artifact).header)


def _verify(subject: Subject, options: VerifyOptions, text: Finding | None) -> Report:
    artifact = with_dataset(subject.artifact, options.dataset)
    made: dict[bool, tuple[Suite, ...]] = {}

    def suites_of(target: str) -> tuple[Suite, ...]:
        is_chip = target not in targets or target_of(target).is_chip
        if is_chip not in made:
            rows = CHIP_SUITES if is_chip else SuiteOptions()
            if options.random_rows is not None:
                rows = replace(rows, random=options.random_rows)
            made[is_chip] = build_suites(artifact, options.suites, replace(rows, seed=options.seed))
        return made[is_chip]

    subject = replace(subject, artifact=artifact)
    default = () if options.port is not None else (artifact.target or "host",)
    targets = options.targets or default
    with _board(subject, options) as board:
        return verify_subject(
            subject,
            targets,
            suites_of,
            options.progress,
            compiler=options.compiler,
            optimize=options.optimize,
            text=text,
            board=board,
        )


@contextmanager
def _board(subject: Subject, options: VerifyOptions) -> Iterator[BoardRunner | None]:
    """Open the board to verify, if there is one, and close it in the end."""
    if options.port is None:
        yield None
        return
    board = open_board(
        options.port,
        subject.interface,
        subject.artifact.identity,
        patience=options.patience,
        progress=lambda done, rows: options.progress(str(options.port), f"row {done} of {rows}"),
    )
    try:
        yield board
    finally:
        board.link.close()


def with_dataset(artifact: Artifact, dataset: Dataset | None) -> Artifact:
    """Return the artifact with other evaluation rows; None keeps those it stores."""
    if dataset is None:
        return artifact
    rows = device_rows(artifact, dataset.inputs)
    return replace(artifact, samples=Samples(rows, dataset.targets))
