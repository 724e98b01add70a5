#!/usr/bin/env python3
"""Trains the networks of scripts/benchmark.py and stores them with their sample inputs.

They are stored so that everybody counts the same instructions; nobody needs to run this again.
Another torch, or another processor, trains slightly other weights.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.datasets import load_digits
from torch import nn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pyexport.quantize.qat import fake_quantize  # noqa: E402

FOLDER = ROOT / "scripts" / "benchmark_networks"
LEVELS = 16  # grey levels of an image above black: inputs are 0..16
SAMPLES, CALIBRATION, EVALUATION = 20, 256, 1000
BATCH = 64

Images = npt.NDArray[np.uint8]
Classes = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Data:
    """Images (n, height, width) of grey levels 0..16 and their classes."""

    train: Images
    train_classes: Classes
    test: Images
    test_classes: Classes


def digits() -> Data:
    """Return scikit-learn's 8x8 digits: 1,347 to train on, 450 to test on."""
    bunch = load_digits()
    order = np.random.default_rng(0).permutation(len(bunch.data))
    images = bunch.data.astype(np.uint8).reshape(-1, 8, 8)[order]
    classes = bunch.target.astype(np.int64)[order]
    return Data(images[450:], classes[450:], images[:450], classes[:450])


def mnist(folder: Path) -> Data:
    """Return MNIST in 16x16 pixels: the first 10,000 to train on, the test images."""
    train = _small(_idx(folder, "train-images-idx3-ubyte")[:10_000])
    test = _small(_idx(folder, "t10k-images-idx3-ubyte"))
    classes = [
        _idx(folder, f"{part}-labels-idx1-ubyte").astype(np.int64) for part in ("train", "t10k")
    ]
    return Data(train, classes[0][:10_000], test, classes[1])


def _idx(folder: Path, name: str) -> npt.NDArray[np.uint8]:
    path = folder / name
    data = path.read_bytes() if path.exists() else gzip.decompress(Path(f"{path}.gz").read_bytes())
    axes = data[3]
    shape = tuple(int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(axes))
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape)


def _small(images: npt.NDArray[np.uint8]) -> Images:
    pixels = torch.from_numpy(images.astype(np.float32))[:, None]
    small = nn.functional.interpolate(
        pixels, size=(16, 16), mode="bilinear", antialias=True, align_corners=False
    )
    levels = np.floor(small[:, 0].numpy() * LEVELS / 255 + 0.5)
    return np.clip(levels, 0, LEVELS).astype(np.uint8)


class Perceptron(nn.Module):
    """Linear layers with ReLU between them, on raw levels 0..16."""

    def __init__(self, *sizes: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        x = x.flatten(1) / LEVELS
        for layer in self.layers[:-1]:
            x = torch.relu(layer(x))
        return self.layers[-1](x)  # type: ignore[no-any-return]


class SmallCnn(nn.Module):
    """Two 3x3 convolutions with ReLU and 2x2 max-pooling each, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            [nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1), nn.Linear(256, 10)]
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        x = x[:, None] / LEVELS
        for conv in self.layers[:2]:
            x = nn.functional.max_pool2d(torch.relu(conv(x)), 2)
        return self.layers[2](x.flatten(1))  # type: ignore[no-any-return]


def fit(net: nn.Module, data: Data, epochs: int) -> None:
    """Train on the training images, in the order that the seed gives."""
    x, y = torch.from_numpy(data.train.astype(np.float32)), torch.from_numpy(data.train_classes)
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
    steps = epochs * -(-len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=steps)
    for _ in range(epochs):
        for part in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[part]), y[part]).backward()
            optimizer.step()
            schedule.step()
    net.eval()


def stored(net: nn.Module, data: Data) -> dict[str, Any]:
    """Return what the benchmark needs: weights on levels 0..16, and rows of inputs."""
    arrays: dict[str, Any] = {}
    for i, layer in enumerate(net.layers):  # type: ignore[arg-type]
        scale = LEVELS if i == 0 else 1  # the division by 16 goes into the first layer
        arrays[f"weight{i}"] = (layer.weight.detach().numpy() / scale).astype(np.float32)
        arrays[f"bias{i}"] = layer.bias.detach().numpy().astype(np.float32)
    chosen = np.random.default_rng(1).permutation(len(data.train))[:CALIBRATION]
    samples = np.random.default_rng(2).permutation(len(data.test))[:SAMPLES]
    return {
        **arrays,
        "calibration": data.train[chosen],
        "sample_indices": samples.astype(np.int64),
        "samples": data.test[samples],
        "evaluation": data.test[:EVALUATION],
        "evaluation_classes": data.test_classes[:EVALUATION],
    }


def trained_for_4_bits(data: Data) -> nn.Module:
    """Return network B, as it is stored, trained on with weights on the grid of 4 bits."""
    net = Perceptron(256, 64, 64, 64, 10)
    with np.load(FOLDER / "b.npz") as known, torch.no_grad():
        for i, layer in enumerate(net.layers):
            assert isinstance(layer, nn.Linear)  # of a Perceptron
            layer.weight.copy_(torch.from_numpy(known[f"weight{i}"] * (1 if i else LEVELS)))
            layer.bias.copy_(torch.from_numpy(known[f"bias{i}"]))
    with fake_quantize(net, bits=4):
        fit(net, data, 8)
    return net


def main() -> int:
    """Train the networks asked for and store them; prints accuracy and hash of each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", default=["a", "b", "b4", "c"], help="a, b, b4, c")
    parser.add_argument("--mnist", type=Path, help="folder of MNIST's IDX files, for b and c")
    parser.add_argument("--output", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    data_folder = os.environ.get("PYEXPORT_DATA")
    mnist_folder = arguments.mnist or Path(data_folder or ".") / "mnist"
    made: dict[str, tuple[Callable[[], nn.Module], Callable[[], Data], int]] = {
        "a": (lambda: Perceptron(64, 32, 16, 10), digits, 60),
        "b": (lambda: Perceptron(256, 64, 64, 64, 10), lambda: mnist(mnist_folder), 20),
        "c": (SmallCnn, lambda: mnist(mnist_folder), 10),
    }
    for name in arguments.names:
        torch.manual_seed(0)
        torch.set_num_threads(1)
        if name == "b4":
            data = mnist(mnist_folder)
            net = trained_for_4_bits(data)
        else:
            make, read, epochs = made[name]
            data, net = read(), make()
            fit(net, data, epochs)
        with torch.no_grad():
            classes = net(torch.from_numpy(data.test.astype(np.float32))).argmax(1).numpy()
        path = arguments.output / f"{name}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **stored(net, data))
        right = float((classes == data.test_classes).mean())
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f"{name}: {right:.4f} of {len(classes)} test images right; sha256 {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
