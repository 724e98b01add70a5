#!/usr/bin/env python3
"""Trains spiking 64-64-10 networks on scikit-learn's 8x8 digits, one for each encoding.

    python scripts/train_snn_digits.py --seeds 3 --output build/snn

Leaky integrate-and-fire neurons with a leak of 7/8, which firmware computes with a shift, are
trained with a surrogate gradient. The input is the raw pixel, 0..16:

direct   4 steps; the same pixels in each, so that the first layer's sums are made once
rate     10 steps; a pixel spikes as often as its share of 16
latency  10 steps; a pixel spikes once, the brighter the sooner, and a black one never: no
         multiplication behind the encoder

Of 1,797 images 360 are the test, the same as train_digits.py's; the settings of each encoding were
chosen with --validate, which trains on 1,197 of the others and measures the 240 that are left.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pyexport
from pyexport.snn import LIF, Encode, Readout
from scripts.train_digits import N_CALIBRATION, SPLIT_SEED, Digits, split_digits

N_IN, HIDDEN, N_OUT = 64, 64, 10
N_VALIDATION = 240
SCORE_SCALE = 2.0  # of the counts in the loss: few steps give small counts
BETA = 7 / 8
BATCH_SIZE = 64
LEARNING_RATE = 4e-3
WEIGHT_DECAY = 1e-2
DROPOUT = 0.3
MAX_PIXEL = 16.0


@dataclass(frozen=True)
class Task:
    """How the pixels are encoded, and what training wants of the neurons."""

    encoding: str
    steps: int
    epochs: int
    penalty: float  # of the loss, for each hidden spike of a neuron


TASKS = {
    "direct": Task("direct", 4, 60, 0.1),
    "rate": Task("rate", 10, 40, 0.02),
    "latency": Task("latency", 10, 60, 0.02),
}


@dataclass(frozen=True)
class Result:
    """What one network does on the images that it was measured on."""

    encoding: str
    seed: int
    accuracy: float  # in percent, of the float network
    int8: float | None  # of its export; None where nothing was saved
    same_class: float | None  # of images, in percent: the export says what the float network says
    hidden_spikes: float  # a sample, over all steps
    output_spikes: float
    input_events: float  # spikes of the encoder; of direct encoding the pixels that are not 0
    multiplications: int  # a sample, behind the encoder
    additions: float  # of weights, a sample: a column for each event
    updates: int  # of membranes, a sample


def hold_out(digits: Digits) -> Digits:
    """Return the training images alone, in two parts: the test images stay unseen."""
    train_x, chosen_x, train_y, chosen_y = train_test_split(
        digits.train_pixels,
        digits.train_classes,
        test_size=N_VALIDATION,
        stratify=digits.train_classes,
        random_state=SPLIT_SEED,
    )
    return Digits(train_x, train_y, chosen_x, chosen_y)


def build(task: Task) -> nn.Sequential:
    """Return the untrained network, from raw pixels to a score a class."""
    first, second = nn.Linear(N_IN, HIDDEN), nn.Linear(HIDDEN, N_OUT)
    with torch.no_grad():  # neurons that never fire at first learn slowly
        first.weight.mul_(1 / MAX_PIXEL if task.encoding == "direct" else 2.0)
        second.weight.mul_(2.0)
    return nn.Sequential(
        Encode(task.encoding, task.steps, high=MAX_PIXEL),
        first,
        LIF(BETA),
        nn.Dropout(DROPOUT),
        second,
        LIF(BETA, membranes=True),
        Readout("count"),
    )


def run(model: nn.Sequential, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return scores, and the spikes of encoder, hidden neurons and outputs, (n, steps, neurons)."""
    encode, first, hidden, dropout, second, outputs, readout = model
    events = encode(pixels)
    spikes = hidden(first(events))
    last = outputs(second(dropout(spikes)))
    return readout(last), events, spikes, last[0]


def train(task: Task, digits: Digits, seed: int, progress: Progress, bar: TaskID) -> nn.Sequential:
    """Return the network behind the last epoch; the same seed gives the same weights."""
    torch.manual_seed(seed)
    pixels, classes = torch.from_numpy(digits.train_pixels), torch.from_numpy(digits.train_classes)
    model = build(task)
    weights: list[dict[str, Any]] = [
        {"params": [model[1].weight], "lr": LEARNING_RATE / _input_gain(task)},
        {"params": [p for n, p in model.named_parameters() if n != "1.weight"]},
    ]
    optimizer = torch.optim.AdamW(
        weights, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, foreach=True
    )
    batches = task.epochs * -(-len(pixels) // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=batches)
    model.train()
    for _ in range(task.epochs):
        for batch in torch.split(torch.randperm(len(pixels)), BATCH_SIZE):
            optimizer.zero_grad()
            scores, _, spikes, _ = run(model, pixels[batch])
            loss = nn.functional.cross_entropy(SCORE_SCALE * scores, classes[batch])
            (loss + task.penalty * spikes.sum(1).mean()).backward()
            optimizer.step()
            schedule.step()
        progress.advance(bar)
    return model.eval()


def _input_gain(task: Task) -> float:
    """Return how large an input of the first layer is: its weights move by as much less."""
    return MAX_PIXEL if task.encoding == "direct" else 1.0


def measure(
    task: Task, model: nn.Sequential, digits: Digits, seed: int, saved: Path | None
) -> Result:
    """Return accuracy, spikes and operations on the images that were not trained on."""
    pixels = torch.from_numpy(digits.test_pixels)
    with torch.no_grad():
        scores, events, hidden, outputs = run(model, pixels)
    found = scores.argmax(1).numpy()
    int8, same = _exported(saved, digits, found) if saved is not None else (None, None)
    direct = task.encoding == "direct"
    shown = float((pixels if direct else events).count_nonzero()) / len(pixels)
    fired = float(hidden.sum()) / len(pixels)
    return Result(
        encoding=task.encoding,
        seed=seed,
        accuracy=_percent(found == digits.test_classes),
        int8=int8,
        same_class=same,
        hidden_spikes=round(fired, 1),
        output_spikes=round(float(outputs.sum()) / len(pixels), 1),
        input_events=round(shown, 1),
        multiplications=N_IN * HIDDEN if direct else 0,
        additions=round(fired * N_OUT + (0 if direct else shown * HIDDEN), 1),
        updates=task.steps * (HIDDEN + N_OUT),
    )


def _exported(path: Path, digits: Digits, found: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Return the accuracy of the export, and how often it says what the float network says."""
    artifact = pyexport.quantize(pyexport.load(path))
    classes = pyexport.simulate(artifact, digits.test_pixels).argmax(axis=1)
    return _percent(classes == digits.test_classes), _percent(classes == found)


def _percent(right: npt.NDArray[np.bool_]) -> float:
    return round(100 * float(right.mean()), 2)


def save(model: nn.Sequential, digits: Digits, path: Path) -> None:
    """Write a torch.export archive: one node a layer, calibration and test images beside."""
    pyexport.save(
        model,
        torch.from_numpy(digits.test_pixels[:1]),
        path,
        input_range=(0, 16),
        input_unit="pixel intensity",
        calibration=digits.train_pixels[:N_CALIBRATION],
        evaluation=(digits.test_pixels, digits.test_classes),
        labels=[str(digit) for digit in range(N_OUT)],
    )


def model_path(folder: Path, encoding: str, seed: int) -> Path:
    """Return where the network of one encoding and seed is saved."""
    return folder / f"digits_{encoding}_{seed}.pt2"


def train_all(
    encodings: list[str], seeds: list[int], folder: Path | None, quiet: bool, epochs: int | None
) -> list[Result]:
    """Return what each network does on test images, and save each in the folder.

    Without a folder nothing is saved, and validation images take the place of the test's.
    """
    torch.set_num_threads(1)  # sums in one order on every machine
    digits, results = split_digits(), []
    if folder is None:
        digits = hold_out(digits)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} epochs"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        for encoding in encodings:
            task = TASKS[encoding]
            if epochs is not None:
                task = replace(task, epochs=epochs)
            for seed in seeds:
                bar = progress.add_task(f"{encoding}, seed {seed}", total=task.epochs)
                model = train(task, digits, seed, progress, bar)
                path = None if folder is None else model_path(folder, encoding, seed)
                if path is not None:
                    save(model, digits, path)
                results.append(measure(task, model, digits, seed, path))
    return results


def table(results: list[Result]) -> list[str]:
    """Return the table of all networks, and each encoding's mean accuracy."""
    lines = [
        "encoding seed    float     int8  same class  input events  hidden spikes  output spikes  "
        "multiplications  additions  updates"
    ]
    for r in results:
        export = ["-" if v is None else f"{v:.2f} %" for v in (r.int8, r.same_class)]
        lines.append(
            f"{r.encoding:<9}{r.seed:>4}{r.accuracy:>7.2f} %{export[0]:>9}{export[1]:>12}"
            f"{r.input_events:>14.1f}{r.hidden_spikes:>15.1f}{r.output_spikes:>15.1f}"
            f"{r.multiplications:>17,}{r.additions:>11,.0f}{r.updates:>9,}"
        )
    for encoding in dict.fromkeys(r.encoding for r in results):
        rows = [r for r in results if r.encoding == encoding]
        line = f"{encoding}: mean {statistics.mean(r.accuracy for r in rows):.2f} % float"
        exported = [r.int8 for r in rows if r.int8 is not None]
        if exported:
            line += f", {statistics.mean(exported):.2f} % int8"
        lines.append(f"{line}, of {len(rows)} seeds")
    return lines


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the checked options; ends the process with one line where they make no sense."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--encoding", choices=sorted(TASKS), action="append", help="repeat it")
    parser.add_argument("--output", type=Path, default=Path(), help="folder of the networks")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, from 0")
    parser.add_argument("--epochs", type=int, help="passes over the data")
    parser.add_argument("--validate", action="store_true", help="measure on held-out images")
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    chosen = parser.parse_args(arguments)
    if chosen.seeds < 1 or (chosen.epochs is not None and chosen.epochs < 1):
        parser.error("--seeds and --epochs start at 1")
    if not chosen.output.is_dir():
        parser.error(f"--output: there is no folder {chosen.output}")
    return chosen


def main() -> None:
    """Train, measure, save, and print what was measured."""
    chosen = parse_arguments()
    encodings = chosen.encoding or list(TASKS)
    seeds = list(range(chosen.seeds))
    folder = None if chosen.validate else chosen.output
    results = train_all(encodings, seeds, folder, chosen.json, chosen.epochs)
    if chosen.json:
        print(json.dumps([asdict(result) for result in results]))
    else:
        print("\n".join(table(results)))


if __name__ == "__main__":
    main()
