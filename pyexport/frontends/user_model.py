"""Builds the user's own network from "file.py:Net", which runs that file, and loads weights."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from pyexport.errors import PyexportError, ToolMissingError, UsageError
from pyexport.frontends.torch_save import from_torch
from pyexport.frontends.weights import Weights
from pyexport.ir import Graph, Model
from pyexport.untrusted import printable

if TYPE_CHECKING:
    import torch

_FORM = "write --model FILE.py:NAME, where NAME is a class or function without arguments"
_MODULE = "pyexport_user_model"


def build_user_model(
    code: str, input_shape: tuple[int, ...], weights: Weights, where: str
) -> tuple[Graph, tuple[str, ...]]:
    """Run the user's Python file, load the weights into its network, and return that graph.

    Only a file that the user names is run; the warning says so.
    """
    path, name = parse_code(code)
    module = _network(path, name, code)
    import torch

    module = module.float()
    state = {key: torch.tensor(array) for key, array in weights.tensors.items()}
    try:
        module.load_state_dict(state)
    except (RuntimeError, KeyError, TypeError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = printable(" ".join(lines[1:2] or lines[:1]), 200)
        raise UsageError(
            f"{where}: its weights do not fit {printable(code)} ({reason}); name the class that "
            "was trained"
        ) from None
    model = from_torch(module, torch.zeros(input_shape))
    return model.graph, (*model.metadata.warnings, f"--model {_ran(path)}")


def model_of_code(code: str, input_shape: tuple[int, ...]) -> Model:
    """Return the network that "file.py:Net" makes, with the weights that it has then; runs it."""
    path, name = parse_code(code)
    module = _network(path, name, code)
    import torch

    model = from_torch(module, torch.zeros(input_shape))
    metadata = model.metadata
    ran = (*metadata.warnings, f"check {_ran(path)}")
    return replace(model, metadata=replace(metadata, source_name=path.name, warnings=ran))


def _network(path: Path, name: str, code: str) -> torch.nn.Module:
    """Return the torch.nn.Module that the file makes; raises UsageError."""
    try:
        import torch
    except ImportError:
        raise ToolMissingError(
            "--model needs PyTorch; pip install 'pyexport[torch]' brings it"
        ) from None

    module = make(path, name)
    if not isinstance(module, torch.nn.Module):
        raise UsageError(
            f"--model {printable(code)} makes a {type(module).__name__}, no torch.nn.Module; "
            f"{_FORM}"
        )
    return module


def _ran(path: Path) -> str:
    return f"ran the code of {printable(path.name)}, with your rights"


def parse_code(code: str) -> tuple[Path, str]:
    """Return the two parts of "file.py:Net"; raises UsageError."""
    file, _, name = code.rpartition(":")
    path = Path(file)
    if not file or not name.isidentifier() or path.suffix != ".py":
        raise UsageError(f"--model {printable(code)} is not FILE.py:NAME; {_FORM}")
    if not path.is_file():
        raise UsageError(f"--model {printable(file)}: no such file; {_FORM}")
    return path, name


def make(path: Path, name: str) -> Any:
    """Run the file and return what NAME makes, or is. RUNS CODE that the user names."""
    with _running(path) as loaded:
        made = getattr(loaded, name, None)
        if made is None:
            raise UsageError(f"--model {printable(path)} holds no {name}; {_FORM}")
        return made() if isinstance(made, type | FunctionType) else made


def run_file(path: Path) -> ModuleType:
    """Run the file and return it as a module. RUNS CODE that the user names."""
    with _running(path) as loaded:
        return loaded


@contextmanager
def _running(path: Path) -> Iterator[ModuleType]:
    """Run a file, with its folder importable as a script's is; its errors become one line."""
    folder = str(path.resolve().parent)
    spec = importlib.util.spec_from_file_location(_MODULE, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"--model {printable(path)} cannot be run; {_FORM}")
    loaded = importlib.util.module_from_spec(spec)
    before = sys.modules.get(_MODULE)
    sys.modules[_MODULE] = loaded
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(loaded)
        yield loaded
    except PyexportError:
        raise
    except (Exception, SystemExit) as error:  # the user's code may raise anything
        reason = printable(f"{type(error).__name__}: {error}", 200)
        raise UsageError(f"--model {printable(path)} failed ({reason}); {_FORM}") from error
    finally:
        if folder in sys.path:  # the file may have changed it
            sys.path.remove(folder)
        if before is None:
            sys.modules.pop(_MODULE, None)
        else:
            sys.modules[_MODULE] = before
