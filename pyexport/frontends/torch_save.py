"""Writes a PyTorch model as a torch.export archive with the user's statements in it."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from pyexport.errors import OutputError
from pyexport.frontends.aten import lower
from pyexport.frontends.loading import parse_pt2
from pyexport.frontends.metadata import make_extras, render_extras
from pyexport.frontends.pt2 import read_pt2
from pyexport.frontends.states import bind_states
from pyexport.frontends.torch_export import export_module
from pyexport.ir import Model
from pyexport.statements import Arguments
from pyexport.untrusted import printable

if TYPE_CHECKING:
    import torch

_EXTRA = "extra/pyexport.json"
_ROOT = "model/"
_ALIGNMENT = 64  # of each member's data, as PyTorch's own writer does


def save(
    model: torch.nn.Module,
    example: torch.Tensor | tuple[torch.Tensor],
    path: str | Path,
    **arguments: Unpack[Arguments],
) -> None:
    """Write `model` to `path`, ready for `pyexport export`; torch.export.load reads it too.

    example: one input with a batch dimension, e.g. torch.zeros(1, 64)
    arguments: what is known about the model, key by key in docs/metadata.md, for example
    input_range: (low, high) of the real input values, e.g. (0, 16)
    calibration: about 100 typical inputs; evaluation: (inputs, targets) to measure accuracy
    labels: a name for each output

    The model is saved in evaluation mode and left in its own. A model that cannot be exported is
    refused now. The same model gives the same bytes; the file appears whole or not at all.
    """
    path = Path(path)
    data = _archive(
        model,
        example,
        printable(path, 300),
        **arguments,
    )
    _write_atomically(path, data)


def from_torch(
    module: torch.nn.Module,
    example: torch.Tensor | tuple[torch.Tensor],
    **arguments: Unpack[Arguments],
) -> Model:
    """Return a live PyTorch module as the model that `load_model` reads from `save`'s file."""
    name = type(module).__name__
    data = _archive(
        module,
        example,
        name,
        **arguments,
    )
    return parse_pt2(data, name, name)


def _archive(
    model: torch.nn.Module,
    example: torch.Tensor | tuple[torch.Tensor],
    where: str,
    **arguments: Unpack[Arguments],
) -> bytes:
    """Return the archive's bytes, after reading them back as the exporter will."""
    plain = _canonical(export_module(model, example, where), None)
    program = read_pt2(plain, where)
    graph, _ = lower(program, where)
    graph = bind_states(graph, arguments.get("states") or (), program.inputs, where)
    extras = make_extras(graph, where, **arguments)
    data = _canonical(plain, render_extras(extras).encode("ascii"))
    parse_pt2(data, where, where)
    return data


def _canonical(data: bytes, extra: bytes | None) -> bytes:
    """Return the archive with fixed dates and folder, without the author's file paths."""
    source = zipfile.ZipFile(io.BytesIO(data))
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w", zipfile.ZIP_STORED) as target:
        for name in source.namelist():
            base = name.partition("/")[2]
            content = source.read(name)
            if base.startswith("models/"):
                content = _without_stack_traces(content)
            _append(target, result.tell(), _ROOT + base, content)
        if extra is not None:
            _append(target, result.tell(), _ROOT + _EXTRA, extra)
    return result.getvalue()


def _append(target: zipfile.ZipFile, position: int, name: str, content: bytes) -> None:
    """Append a member whose data start at a multiple of 64, padded by an extra field."""
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    fixed = position + 30 + len(name.encode()) + 4
    padding = -fixed % _ALIGNMENT
    info.extra = b"FB" + padding.to_bytes(2, "little") + b"Z" * padding
    info.external_attr = 0o600 << 16
    target.writestr(info, content)


def _without_stack_traces(content: bytes) -> bytes:
    document = json.loads(content)
    for node in document["graph_module"]["graph"]["nodes"]:
        node["metadata"].pop("stack_trace", None)
    return json.dumps(document).encode("ascii")


def _write_atomically(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if path.is_dir():
            raise OutputError(f"{printable(path, 300)}: a directory; name a file in it")
        temporary.write_bytes(data)
        temporary.replace(path)
    except (OSError, ValueError) as error:
        temporary.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or error
        raise OutputError(
            f"{printable(path, 300)}: cannot be written ({printable(reason)}); "
            "choose a folder that exists and is yours"
        ) from None
