"""Opens files that PyTorch must run to read: only with --trust, and the warning says so.

TorchScript, pickled classes of the user, torch.save files older than PyTorch 1.6, torch.export
files older than 2.9, and pickles that hold one of these or a scikit-learn model.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from pyexport.errors import (
    FileFormatError,
    PyexportError,
    ToolMissingError,
    UnsupportedModelError,
    UsageError,
)
from pyexport.frontends.archive import Archive
from pyexport.frontends.live import is_sklearn
from pyexport.frontends.loading import assemble, parse_pt2
from pyexport.frontends.pickle_reader import read_pickle
from pyexport.frontends.sidecar import Sidecar
from pyexport.frontends.sklearn_file import ran
from pyexport.frontends.sniff import LEGACY_MAGIC, OLD_EXPORT, TORCHSCRIPT
from pyexport.frontends.torch_export import export_module, program_bytes, quiet
from pyexport.frontends.user_model import parse_code, run_file
from pyexport.frontends.weight_files import Layers, graph_of_tree
from pyexport.ir import Array, Model
from pyexport.untrusted import printable

_FAILED = (Exception, SystemExit)  # what code that is not ours may raise


@dataclass(frozen=True)
class _File:
    """A file that may be run, and what the user says about it."""

    data: bytes
    path: Path
    where: str
    layers: Layers
    sidecar: Sidecar


def load_trusted_file(
    kind: str, data: bytes, path: Path, where: str, layers: Layers, sidecar: Sidecar
) -> Model:
    """Return the model of a file of one of these kinds. RUNS CODE that the file holds or names."""
    try:
        import torch
    except ImportError:
        raise ToolMissingError(
            f"{where}: only PyTorch can open it; pip install 'pyexport[torch]' brings it"
        ) from None
    file = _File(data, path, where, layers, sidecar)
    if kind in (TORCHSCRIPT, OLD_EXPORT) and (layers.arch, layers.code) != (None, None):
        raise UsageError(f"{where}: holds its layers itself; leave --arch and --model out")
    shape = _script_shape(file) if kind == TORCHSCRIPT else ()
    try:
        with quiet(), torch.no_grad():
            if kind == TORCHSCRIPT:
                return _of_archive(file, _torchscript(file, shape), "TorchScript")
            if kind == OLD_EXPORT:
                program = _guarded(file, lambda: torch.export.load(io.BytesIO(data)))
                return _of_archive(file, program_bytes(program), "torch.export")
            return _of_object(file, _unpickled(file))
    except PyexportError as error:
        raise type(error)(f"{error} ({_ran(file)})") from None


def _of_archive(file: _File, archive: bytes, producer: str) -> Model:
    """Return the model of a torch.export archive that was made from the file."""
    model = parse_pt2(archive, file.where, printable(file.path.name), file.sidecar)
    metadata = replace(
        model.metadata,
        source_sha256=hashlib.sha256(file.data).hexdigest(),
        producer=f"{producer}, converted by {model.metadata.producer}",
        warnings=(_ran(file), *model.metadata.warnings),
    )
    return replace(model, metadata=metadata)


def _of_object(file: _File, found: Any) -> Model:
    """Return the model of what a pickle held: a module, a program, an estimator, or weights."""
    import torch

    if isinstance(found, Mapping):
        modules = [value for value in found.values() if isinstance(value, torch.nn.Module)]
        if len(modules) == 1:
            (found,) = modules
    if file.layers.arch is not None and not isinstance(found, Mapping):
        raise UsageError(f"{file.where}: holds its layers itself; leave --arch out")
    if isinstance(found, torch.nn.Module):
        example = torch.zeros(_shape(file))
        return _of_archive(file, export_module(found, example, file.where), "torch.save")
    if isinstance(found, torch.export.ExportedProgram):
        return _of_archive(file, program_bytes(found), "torch.export")
    if is_sklearn(found):
        from pyexport.frontends.sklearn_estimators import from_sklearn

        model = from_sklearn(found)
        metadata = replace(
            model.metadata,
            source_name=printable(file.path.name),
            source_sha256=hashlib.sha256(file.data).hexdigest(),
            warnings=(_ran(file), *model.metadata.warnings),
        )
        return replace(model, metadata=metadata)
    if not isinstance(found, Mapping):
        raise UnsupportedModelError(
            f"{file.where}: holds no model but {printable(type(found).__name__, 60)}; save a "
            "torch.nn.Module, its state_dict or a scikit-learn model"
        )
    graph, warnings = graph_of_tree(
        _as_arrays(found), file.layers, file.sidecar, file.path, file.where
    )
    return assemble(
        graph,
        file.sidecar.extras(graph),
        printable(file.path.name),
        hashlib.sha256(file.data).hexdigest(),
        "torch.save",
        (_ran(file), *warnings),
    )


def _script_shape(file: _File) -> tuple[int, ...]:
    """Return the shape of one example of a TorchScript program, of which nothing is run."""
    archive = Archive(file.data, file.where)
    return file.layers.example_shape(file.sidecar) or _traced_shape(archive) or _shape(file)


def _torchscript(file: _File, shape: tuple[int, ...]) -> bytes:
    """Return the archive of a TorchScript program."""
    import torch
    from torch._export.converter import TS2EPConverter  # private, and the only converter there is

    module = _guarded(file, lambda: torch.jit.load(io.BytesIO(file.data), map_location="cpu"))
    example = (torch.zeros(shape),)
    program = _guarded(file, lambda: TS2EPConverter(module.eval(), example).convert())
    return program_bytes(program)


def _traced_shape(archive: Archive) -> tuple[int, ...] | None:
    """Return the shape of the only input that a TorchScript program was traced with, if it says."""
    if sum(name.rpartition("/")[2] == "traced_inputs.pkl" for name in archive.names) != 1:
        return None
    held = read_pickle(archive, "traced_inputs.pkl", values=False)
    inputs = held.get("forward") if isinstance(held, dict) else None
    one = inputs[0] if isinstance(inputs, list) and len(inputs) == 1 else None
    return tuple(one.shape) if isinstance(one, np.ndarray) else None


def _unpickled(file: _File) -> Any:
    import torch

    code = file.layers.code
    user = run_file(parse_code(code)[0]) if code is not None else None
    loader = _loader(user, file.path.stem if code is None else parse_code(code)[0].stem)
    if file.data.startswith((b"PK", LEGACY_MAGIC)):
        return _guarded(
            file,
            lambda: torch.load(
                io.BytesIO(file.data), map_location="cpu", pickle_module=loader, weights_only=False
            ),
        )
    return _guarded(file, lambda: loader.load(io.BytesIO(file.data)))


def _loader(user: ModuleType | None, stem: str) -> Any:
    """Return a pickle module that also finds classes in the file that --model names."""

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str, /) -> Any:
            own = user is not None and hasattr(user, name.partition(".")[0])
            if own and module in ("__main__", stem):
                return _attribute(user, name)
            try:
                return super().find_class(module, name)
            except (ImportError, AttributeError):
                if own:
                    return _attribute(user, name)
                raise

    loader: Any = ModuleType("pickle")
    loader.Unpickler = Unpickler
    loader.load = lambda file, **options: Unpickler(file, **options).load()
    return loader


def _attribute(module: Any, name: str) -> Any:
    for part in name.split("."):
        module = getattr(module, part)
    return module


def _guarded(file: _File, run: Callable[[], Any]) -> Any:
    """Return what code of the file makes; whatever it raises becomes one line."""
    try:
        return run()
    except PyexportError:
        raise
    except (ImportError, AttributeError) as error:
        raise FileFormatError(
            f"{file.where}: loading it failed ({printable(error, 160)}); name the file that "
            "defines its classes with --model FILE.py:CLASS"
        ) from None
    except _FAILED as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = printable(f"{type(error).__name__}: {lines[0] if lines else ''}", 200)
        raise FileFormatError(
            f"{file.where}: loading it failed ({reason}); open it with the PyTorch that wrote it, "
            'and write pyexport.save(model, example, "model.pt2")'
        ) from None


def _shape(file: _File) -> tuple[int, ...]:
    """Return the shape of one example; raises UsageError where nobody says it."""
    shape = file.layers.example_shape(file.sidecar)
    if shape is None:
        raise UsageError(
            f"{file.where}: does not tell its input's shape; add --input with the shape of one "
            f"example, batch first, e.g. --input 1,64, or input.shape in "
            f"{printable(file.path.with_suffix('.toml').name)}"
        )
    return shape


def _as_arrays(value: Any) -> object:
    """Return a tree with NumPy arrays for its tensors."""
    import torch

    if isinstance(value, torch.Tensor):
        dense = value.detach().cpu()
        wide = dense.float() if dense.dtype in (torch.float16, torch.bfloat16) else dense
        array: Array = wide.numpy()
        return array
    if isinstance(value, Mapping):
        return {key: _as_arrays(item) for key, item in value.items()}
    return value


def _ran(file: _File) -> str:
    code = file.layers.code
    named = "" if code is None else f" and of {printable(parse_code(code)[0].name)}"
    return ran(printable(file.path.name) + named)
