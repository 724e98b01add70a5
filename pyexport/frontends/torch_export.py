"""Traces a live PyTorch module with torch.export; every failure is one line, without its pages."""

from __future__ import annotations

import io
import logging
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import TYPE_CHECKING

from pyexport.errors import (
    InvalidModelError,
    PyexportError,
    ToolMissingError,
    UnsupportedModelError,
    UsageError,
)
from pyexport.untrusted import printable

if TYPE_CHECKING:
    import torch

_DATA_DEPENDENT = ("data-dependent", "data dependent", "GuardOnDataDependent", "PendingUnbacked")


def export_module(
    model: torch.nn.Module, example: torch.Tensor | tuple[torch.Tensor, ...], where: str
) -> bytes:
    """Return what torch.export.save writes for the module in evaluation mode; its modes stay.

    The example goes to the device and the float type of the module's parameters.
    """
    try:
        import torch
    except ImportError:
        raise ToolMissingError(
            "PyTorch is not installed; pip install 'pyexport[torch]' brings it"
        ) from None
    arguments = example if isinstance(example, tuple) else (example,)
    if not isinstance(model, torch.nn.Module):
        raise UsageError(f"{where}: the model is a {type(model).__name__}, not a torch.nn.Module")
    if not arguments or not all(isinstance(a, torch.Tensor) for a in arguments):
        raise UsageError(f"{where}: the example must be a tensor, e.g. torch.zeros(1, 64)")
    _check_values(model, where)
    buffer = io.BytesIO()
    with _evaluation_mode(model), quiet(), torch.no_grad():
        try:
            placed = tuple(_placed(model, argument) for argument in arguments)
            torch.export.save(torch.export.export(model, placed), buffer)
        except Exception as error:  # torch.export raises many kinds, some a page long
            raise _refusal(error, where) from None
    return buffer.getvalue()


def program_bytes(program: torch.export.ExportedProgram) -> bytes:
    """Return what torch.export.save writes for a program."""
    import torch

    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    return buffer.getvalue()


def _check_values(model: torch.nn.Module, where: str) -> None:
    """Refuse parameters that hold no numbers yet."""
    from torch.nn.parameter import is_lazy

    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if is_lazy(tensor):
            owner = model.get_submodule(name.rpartition(".")[0])
            raise InvalidModelError(
                f"{where}: {printable(name)} of a {type(owner).__name__} has no shape yet; call "
                "the model once on an example before"
            )
        if tensor.is_meta:
            raise InvalidModelError(
                f"{where}: {printable(name)} is on the meta device, without values; load its "
                "weights first"
            )


def _placed(model: torch.nn.Module, example: torch.Tensor) -> torch.Tensor:
    """Return the example on the device, and in the float type, of the first float parameter."""
    first = next((p for p in model.parameters() if p.is_floating_point()), None)
    if first is None:
        return example
    return example.to(first.device, first.dtype if example.is_floating_point() else None)


def _refusal(error: Exception, where: str) -> PyexportError:
    """Return what stopped torch.export, in one line that names the user's own line."""
    place = _place(error)
    text = f"{type(error).__name__}: {error}"
    if any(sign in text for sign in _DATA_DEPENDENT):
        return UnsupportedModelError(
            f"{where}: forward() branches or loops on the values of a tensor{place}; the firmware "
            "runs one fixed sequence of layers: take the branch out of the model"
        )
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = printable(lines[0] if lines else type(error).__name__, 200)
    return UnsupportedModelError(
        f"{where}: torch.export cannot trace the model{place} ({type(error).__name__}: {reason}); "
        "forward() must take the example and must not branch on its values"
    )


def _place(error: Exception) -> str:
    """Return " (net.py, line 12: if x.sum() > 0:)", the last line outside PyTorch and pyexport."""
    import torch

    inner = (str(Path(torch.__file__).parent), str(Path(__file__).parent))
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((*inner, "<")) and frame.line
    ]
    if not frames:
        return ""
    last = frames[-1]
    file = printable(Path(last.filename).name, 40)
    return f" ({file}, line {last.lineno}: {printable(last.line, 60)})"


@contextmanager
def _evaluation_mode(model: torch.nn.Module) -> Iterator[None]:
    """Switch every module to evaluation, and each back to its own mode at the end."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def quiet() -> Iterator[None]:
    """Keep PyTorch's log and warnings, pages of them, from the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
