"""Networks and helpers that the frontend tests share; every weight comes from a fixed seed."""

import io
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import nn

from pyexport.ir import Graph
from pyexport.reference import evaluate as values_of

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def evaluate(graph: Graph, inputs: np.ndarray) -> np.ndarray:
    """Return the float64 outputs of a graph for rows of inputs, without PyTorch."""
    values = values_of(graph, inputs)
    for tensor in graph.tensors:
        assert values[tensor.name].shape == (len(inputs), *tensor.shape)
    return values[graph.outputs[0]]


def seeded(build: Callable[[], ModuleT], seed: int = 7) -> ModuleT:
    """Return a network in evaluation mode whose weights and BatchNorm statistics are random."""
    torch.manual_seed(seed)
    module = build().eval()
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.get_buffer("running_mean").normal_()
            layer.get_buffer("running_var").uniform_(0.5, 2.0)
    return module


def mlp() -> nn.Sequential:
    """Return the digits network of the documentation."""
    return seeded(
        lambda: nn.Sequential(
            nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.2),
            nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 10),
        )
    )  # fmt: skip


def tiny() -> nn.Sequential:
    """Return the smallest useful network, for tests that go through every byte."""
    return seeded(lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)))


class Wrapped(nn.Module):
    """A network whose forward pass is a function of its layers."""

    def __init__(self, layers: Mapping[str, nn.Module], forward: Callable[..., object]) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
        self._function = forward

    def forward(self, *inputs: torch.Tensor) -> object:
        return self._function(self, *inputs)


def export_bytes(module: nn.Module, *example: torch.Tensor, decompose=False, **options) -> bytes:
    """Return what torch.export.save writes, in the module's present mode."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own deprecations
        program = torch.export.export(module, example, **options)
        torch.export.save(program.run_decompositions() if decompose else program, buffer)
    return buffer.getvalue()


def write_export(path: Path, module: nn.Module, *example: torch.Tensor, **options) -> Path:
    """Write what torch.export.save writes to `path`."""
    path.write_bytes(export_bytes(module, *example, **options))
    return path


def rezip(data: bytes, edit: Callable[[str, bytes], bytes | None]) -> bytes:
    """Return an archive whose members went through `edit(base name, content)`; None drops one."""
    source = zipfile.ZipFile(io.BytesIO(data))
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w") as target:
        for name in source.namelist():
            content = edit(name.partition("/")[2], source.read(name))
            if content is not None:
                target.writestr(name, content)
    return result.getvalue()
