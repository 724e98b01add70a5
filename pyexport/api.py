"""The public functions: what scripts and notebooks call, and what the commands are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, overload

import numpy as np
import numpy.typing as npt

from pyexport.artifact import Artifact, read_artifact
from pyexport.exporting import export as export_any
from pyexport.frontends import load_model
from pyexport.ir import Array, Dataset, Model
from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.real_inputs import device_rows
from pyexport.simulator.fast import FastSimulator
from pyexport.simulator.stream import Stream
from pyexport.statements import Arguments
from pyexport.streams import steps_of_sequences
from pyexport.verify import ALL_SUITES, DEFAULT_SUITES, Report
from pyexport.verifying import VerifyOptions, float_graph, verify_any

if TYPE_CHECKING:
    from pyexport.feasibility import Feasibility


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
    thorough: bool = False,
    vectors: int | None = None,
    model: Model | str | Path | None = None,
    left_out: dict[str, str] | None = None,
) -> Report:
    """Return the report of comparing a header with the simulator, bit for bit.

    subject: a .h (that very file, with its .px beside it), a .px, a model file, or an export in
    memory. targets: names that `pyexport targets` lists; by default the one that the header was
    specialized for, else the host. dataset replaces the stored evaluation rows. port: a board that
    runs the exported model and is asked over its serial link; then there is no default target.

    thorough: all suites; those that this model cannot have are left out, and `left_out` takes their
    names and why. vectors: at most so many inputs of all suites together. model: the file that the
    subject was exported from, whose float gradients then make the generated, adversarial and hunted
    inputs; a subject that is a model file is its own.
    """
    return verify_any(
        subject,
        VerifyOptions(
            targets=tuple(targets),
            suites=ALL_SUITES if thorough else tuple(suites),
            compiler=compiler,
            optimize=optimize,
            seed=seed,
            random_rows=random_rows,
            dataset=dataset,
            progress=progress,
            port=port,
            patience=patience,
            vectors=vectors,
            model=float_graph(model if model is not None else subject),
            lenient=thorough,
            left_out={} if left_out is None else left_out,
        ),
    )


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
