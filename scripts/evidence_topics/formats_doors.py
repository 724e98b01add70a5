"""One network through every door: each must give the same integers."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import pyexport
from pyexport import scratch
from pyexport.artifact import Artifact
from pyexport.frontends import load_model
from pyexport.ir import Dataset, Model
from pyexport.pipeline import ExportOptions, export_model
from pyexport.tensorfile import RawTensor, write_tensorfile
from scripts.evidence_topics.figures import Context, Figure, markdown_table

SIZES = (6, 5, 3)
ARCH = "6-5r-3"


def layers() -> list[tuple[Any, Any]]:
    """Return (weight, bias) of each layer in float64; float32 holds every value exactly."""
    rng = np.random.default_rng(3)
    return [
        (rng.integers(-40, 41, (n_out, n_in)) / 32, rng.integers(-40, 41, n_out) / 32)
        for n_in, n_out in pairwise(SIZES)
    ]


def _torch() -> Any:
    import torch
    from torch import nn

    module = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    with torch.no_grad():
        for layer, (weight, bias) in zip((module[0], module[2]), layers(), strict=True):
            layer.load_state_dict({"weight": torch.tensor(weight), "bias": torch.tensor(bias)})
    return module


def _sklearn() -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    model = MLPRegressor(hidden_layer_sizes=(5,), max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the weights are set below
        model.fit(np.eye(6), np.eye(6)[:, :3])
    model.coefs_ = [weight.T.copy() for weight, _ in layers()]
    model.intercepts_ = [bias for _, bias in layers()]
    return model


def _archive(path: Path, decompose: bool) -> Model:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own deprecations
        program = torch.export.export(_torch().eval(), (torch.zeros(1, 6),))
        torch.export.save(program.run_decompositions() if decompose else program, path)
    return load_model(path)


def _saved_by_torch(path: Path, make: Callable[[Any], Any], **how: Any) -> Model:
    import torch

    torch.save(make(_torch()), path)
    return load_model(path, **how)


def _safetensors(path: Path) -> Model:
    tensors = {}
    for index, (weight, bias) in zip((0, 2), layers(), strict=True):
        for name, array in ((f"{index}.weight", weight), (f"{index}.bias", bias)):
            tensors[name] = RawTensor("F32", array.shape, array.astype("<f4").tobytes())
    path.write_bytes(write_tensorfile({}, tensors))
    return load_model(path, arch=ARCH)


def _scratch(path: Path) -> Model:
    first, last = scratch.Linear(6, 5), scratch.Linear(5, 3)
    network = scratch.Sequential(first, scratch.ReLU(), last, engine="lists")
    for layer, (weight, bias) in zip((first, last), layers(), strict=True):
        layer.load(weight.tolist(), bias.tolist())
    network.save(path)
    return load_model(path)


def _saved(path: Path, model: Any, example: Any) -> Model:
    pyexport.save(model, example, path)
    return load_model(path)


def _zeros() -> Any:
    import torch

    return torch.zeros(1, 6)


DOORS: dict[str, Callable[[Path], Model]] = {
    "`torch.export` archive": lambda path: _archive(path, decompose=False),
    "the same after `run_decompositions()`": lambda path: _archive(path, decompose=True),
    "`pyexport.save` of a module": lambda path: _saved(path, _torch(), _zeros()),
    "live module": lambda path: pyexport.from_torch(_torch(), _zeros()),
    "`state_dict` with `--arch`": lambda path: _saved_by_torch(
        path, lambda module: module.state_dict(), arch=ARCH
    ),
    "training checkpoint with `--arch`": lambda path: _saved_by_torch(
        path, lambda module: {"epoch": 3, "model_state_dict": module.state_dict()}, arch=ARCH
    ),
    "pickled Sequential": lambda path: _saved_by_torch(path, lambda module: module),
    "safetensors with `--arch`": _safetensors,
    "scratch checkpoint": _scratch,
    "live scikit-learn": lambda path: pyexport.from_sklearn(_sklearn()),
    "`pyexport.save` of scikit-learn": lambda path: _saved(path, _sklearn(), None),
}


def exported(door: str, folder: Path, scheme: str) -> Artifact:
    """Return what is exported of the network that came through a door."""
    rows = np.random.default_rng(4).integers(0, 17, (50, 6)).astype(np.float64)
    options = ExportOptions("net", scheme, input_range=(0.0, 16.0), calibration=Dataset(rows))
    return export_model(DOORS[door](folder / "model.pt2"), options).artifact


def doors(context: Context) -> tuple[Figure, ...]:
    """Export the network through every door and compare the identities."""
    rows, different = [], []
    with tempfile.TemporaryDirectory() as folder:
        for door in DOORS:
            pair = [exported(door, Path(folder), s).identity for s in ("int8", "float32")]
            rows.append((door, *(f"`{identity[:16]}`" for identity in pair)))
            different += [door] if rows[-1][1:] != rows[0][1:] else []
    return (
        Figure(
            "the same network through every door",
            f"the same parameters, {len(DOORS)} doors",
            f"{len(DOORS) - len(different)} of {len(DOORS)} doors, int8 and float32",
            not different,
            markdown_table(("door", "identity, int8", "identity, float32"), rows),
        ),
    )
