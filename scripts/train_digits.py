#!/usr/bin/env python3
"""Trains a 64-32-16-10 network on scikit-learn's 8x8 digits and saves it for `pyexport export`.

The input is the raw pixel, 0..16. Training needs it centered and scaled; both are folded into
the first layer afterwards, so the saved model is Linear, ReLU and Dropout alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pyexport

SPLIT_SEED = 0  # the same 360 test images for every training seed
N_CALIBRATION = 200
PIXEL_CENTER, PIXEL_SPAN = 8.0, 8.0  # pixels are trained on as (pixel - 8) / 8
BATCH_SIZE = 64
LEARNING_RATE = 5e-3
WEIGHT_DECAY = 1e-2
DROPOUT = 0.1
DEFAULT_EPOCHS = 100


@dataclass(frozen=True, eq=False)
class Digits:
    """The digits: pixels (n, 64) float32 in 0..16, classes (n,) int64 in 0..9."""

    train_pixels: npt.NDArray[np.float32]
    train_classes: npt.NDArray[np.int64]
    test_pixels: npt.NDArray[np.float32]
    test_classes: npt.NDArray[np.int64]


def split_digits() -> Digits:
    """Return 1,437 images to train on and 360 to test on, every class in the same proportion."""
    bunch = load_digits()
    pixels = bunch.data.astype(np.float32)
    classes = bunch.target.astype(np.int64)
    train_x, test_x, train_y, test_y = train_test_split(
        pixels, classes, test_size=0.2, stratify=classes, random_state=SPLIT_SEED
    )
    return Digits(train_x, train_y, test_x, test_y)


def build_model() -> nn.Sequential:
    """Return the untrained network."""
    return nn.Sequential(
        nn.Linear(64, 32),
        nn.ReLU(),
        nn.Dropout(DROPOUT),
        nn.Linear(32, 16),
        nn.ReLU(),
        nn.Dropout(DROPOUT),
        nn.Linear(16, 10),
    )


def fold_input_scaling(model: nn.Sequential) -> None:
    """Make the first layer take pixels 0..16 where it took (pixel - center) / span."""
    first = model[0]
    assert isinstance(first, nn.Linear)
    with torch.no_grad():
        first.weight.div_(PIXEL_SPAN)
        first.bias.sub_(PIXEL_CENTER * first.weight.sum(dim=1))


def train(digits: Digits, seed: int, epochs: int, advance: Callable[[], None]) -> nn.Sequential:
    """Return a trained network in evaluation mode; the same seed gives the same weights."""
    torch.manual_seed(seed)
    model = build_model()
    pixels = (torch.from_numpy(digits.train_pixels) - PIXEL_CENTER) / PIXEL_SPAN
    classes = torch.from_numpy(digits.train_classes)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, foreach=True
    )
    steps = epochs * -(-len(pixels) // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    model.train()
    for _ in range(epochs):
        for batch in torch.split(torch.randperm(len(pixels)), BATCH_SIZE):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(pixels[batch]), classes[batch]).backward()
            optimizer.step()
            schedule.step()
        advance()
    fold_input_scaling(model)
    return model.eval()


def accuracy(
    model: nn.Module, pixels: npt.NDArray[np.float32], classes: npt.NDArray[np.int64]
) -> float:
    """Return the share of images, 0..1, whose largest output is their class."""
    with torch.no_grad():
        predicted = model(torch.from_numpy(pixels)).argmax(dim=1).numpy()
    return float(np.mean(predicted == classes))


def train_seeds(digits: Digits, seeds: list[int], epochs: int, quiet: bool) -> list[nn.Sequential]:
    """Return one trained network for each seed, with a progress bar on standard error."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} epochs"),
        TimeElapsedColumn(),
    )
    models = []
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        for seed in seeds:
            task = progress.add_task(f"seed {seed}", total=epochs)
            models.append(train(digits, seed, epochs, partial(progress.advance, task)))
    return models


def save(model: nn.Sequential, digits: Digits, path: Path) -> None:
    """Write a torch.export archive with the data that the exporter calibrates and checks on."""
    pyexport.save(
        model,
        torch.from_numpy(digits.test_pixels[:1]),
        path,
        input_range=(0, 16),
        input_unit="pixel intensity",
        calibration=digits.train_pixels[:N_CALIBRATION],
        evaluation=(digits.test_pixels, digits.test_classes),
        labels=[str(digit) for digit in range(10)],
    )


def summarize(seeds: list[int], accuracies: list[float], n_test: int) -> dict[str, Any]:
    """Return what was measured, accuracies in percent."""
    percent = [100 * value for value in accuracies]
    return {
        "seeds": seeds,
        "test_images": n_test,
        "accuracy": [round(value, 4) for value in percent],
        "mean": round(statistics.mean(percent), 4),
        "std": round(statistics.stdev(percent), 4) if len(percent) > 1 else 0.0,
        "min": round(min(percent), 4),
        "max": round(max(percent), 4),
    }


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the checked options; ends the process with one line where they make no sense."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, default=Path("model.pt"), help="file to write")
    parser.add_argument("--seed", type=int, default=0, help="first seed, and the one saved")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds to train")
    parser.add_argument("--epochs", type=int, default=DEFAULT_EPOCHS, help="passes over the data")
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    chosen = parser.parse_args(arguments)
    if chosen.seeds < 1 or chosen.epochs < 1 or chosen.seed < 0:
        parser.error("--seeds and --epochs start at 1, --seed at 0")
    if not chosen.output.resolve().parent.is_dir():
        parser.error(f"--output: there is no folder {chosen.output.resolve().parent}")
    return chosen


def main() -> None:
    """Train, measure, save the first seed's network and print what was measured."""
    chosen = parse_arguments()
    torch.set_num_threads(1)  # sums in one order on every machine
    torch.use_deterministic_algorithms(True)
    digits = split_digits()
    seeds = list(range(chosen.seed, chosen.seed + chosen.seeds))
    models = train_seeds(digits, seeds, chosen.epochs, quiet=chosen.json)
    accuracies = [accuracy(model, digits.test_pixels, digits.test_classes) for model in models]
    save(models[0], digits, chosen.output)
    summary = summarize(seeds, accuracies, len(digits.test_classes))
    if chosen.json:
        print(json.dumps(summary | {"output": str(chosen.output)}))
        return
    for seed, percent in zip(seeds, summary["accuracy"], strict=True):
        print(f"seed {seed}: accuracy {percent:.2f} % on {summary['test_images']} test images")
    if len(seeds) > 1:
        print("mean {mean:.2f} %, std {std:.2f}, min {min:.2f}, max {max:.2f}".format(**summary))
    print(f"saved seed {seeds[0]} to {chosen.output}")


if __name__ == "__main__":
    main()
