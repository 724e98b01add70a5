#!/usr/bin/env python3
"""Trains a spiking network in pure Python, on the two moons or on the 8x8 digits.

No library is imported: neither PyTorch nor NumPy. The digits come from scikit-learn's data file,
which is read as the CSV it is. --output writes a checkpoint for `pyexport export`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pyexport.errors import UsageError
from pyexport.scratch import Adam, Encode, Lif, Linear, Readout, Sequential, linear_decay
from pyexport.scratch.console import check_options, progress, run_script, table
from pyexport.scratch.data import Samples, batches, moons, split
from pyexport.scratch.readers import read_digits
from pyexport.scratch.training import accuracy
from scripts.options import Options
from scripts.train_digits_scratch import digits_file, scaled
from scripts.train_digits_scratch import save as save_digits
from scripts.train_moons import save as save_moons

TASKS = ("moons", "digits")
ENGINES = ("value", "lists")  # Adam, and a packed row of weights takes plain descent only
BETA = 7 / 8  # a membrane then loses an eighth a step, which is a shift on a microcontroller
MOST_EPOCHS = 12


@dataclass(frozen=True)
class Task:
    """What is learned, and how."""

    hidden: int
    steps: int
    rate: float
    batch: int
    loss_below: float  # a batch that the network knows this well costs no backward pass


RECIPES = {
    "moons": Task(hidden=16, steps=6, rate=0.03, batch=1, loss_below=0.0),
    "digits": Task(hidden=64, steps=4, rate=0.004, batch=4, loss_below=0.02),
}


@dataclass(frozen=True)
class Result:
    """A trained network, what it has seen and what it has not."""

    network: Sequential
    training: Samples
    test: Samples
    epochs: int
    seconds: float  # CPU time of training, looks at the data included


def new_network(task: str, engine: str, seed: int) -> Sequential:
    """Return the network, untrained: the input's current charges the first neurons at each step."""
    recipe = RECIPES[task]
    n_in, classes = (2, 2) if task == "moons" else (64, 10)
    return Sequential(
        Encode("direct", recipe.steps),
        Linear(n_in, recipe.hidden),
        Lif(BETA),
        Linear(recipe.hidden, classes),
        Lif(BETA, reset="none"),
        Readout("membrane_mean"),
        seed=seed,
        engine=engine,
    )


def train_moons(points: int, engine: str, seed: int, epochs: int, quiet: bool = True) -> Result:
    """Return a network trained until every training point is right, or for so many epochs."""
    recipe = RECIPES["moons"]
    training, fresh = split(moons(points * 5 // 4, 0.1, seed), (0.8, 0.2), seed)
    network, optimizer = new_network("moons", engine, seed), Adam(recipe.rate)
    started = time.process_time()
    for epoch in range(1, epochs + 1):
        _epoch(network, training, optimizer, recipe, seed, epoch)
        share = accuracy(network, training)
        if not quiet:
            progress(f"epoch {epoch}: {100 * share:.1f} % of the training points", last=share == 1)
        if share == 1.0:
            break
    return Result(network, training, fresh, epoch, time.process_time() - started)


def train_digits(engine: str, seed: int, epochs: int, data: Path, quiet: bool = True) -> Result:
    """Return a network trained on 72 % of the digits; 8 % choose the epoch, 20 % test it."""
    recipe = RECIPES["digits"]
    training, validation, test = split(read_digits(data), (0.72, 0.08, 0.2), seed)
    seen, looked = scaled(training), scaled(validation)
    steps = epochs * -(-len(seen) // recipe.batch)
    network = new_network("digits", engine, seed)
    optimizer = Adam(linear_decay(recipe.rate, recipe.rate / 20, steps=steps))
    started, best = time.process_time(), -1.0
    kept: list[tuple[list[list[float]], list[float]]] = []
    for epoch in range(1, epochs + 1):
        _epoch(network, seen, optimizer, recipe, seed, epoch)
        share = accuracy(network, looked)
        if share >= best:
            best, kept = share, [(layer.weight, layer.bias) for layer in network.linears]
        if not quiet:
            progress(f"epoch {epoch}: validation {100 * share:.1f} %", last=epoch == epochs)
    for layer, (weight, bias) in zip(network.linears, kept, strict=True):
        layer.load(weight, bias)
    return Result(network, training, test, epochs, time.process_time() - started)


def _epoch(
    network: Sequential, samples: Samples, optimizer: Adam, recipe: Task, seed: int, epoch: int
) -> None:
    network.train()
    for batch in batches(samples, recipe.batch, seed * 1_000_003 + epoch):
        network.step_batch(
            batch.inputs,
            batch.targets,
            loss="cross_entropy",
            optimizer=optimizer,
            skip_below=recipe.loss_below,
        )


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = Options(__doc__)
    parser.add_argument("task", choices=TASKS, nargs="?", default="moons")
    parser.add_argument("--engine", choices=ENGINES, default="lists")
    parser.add_argument("--points", type=int, default=100, help="of the moons, to train on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--epochs",
        type=int,
        default=MOST_EPOCHS,
        help="at most; of the moons 100 %% ends it earlier",
    )
    parser.add_argument("--data", type=Path, help="digits.csv.gz; default: scikit-learn's")
    parser.add_argument("--output", type=Path, help="checkpoint to write, e.g. snn.pt")
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    return parser.parse_args(arguments)


def run(chosen: argparse.Namespace) -> dict[str, object]:
    """Train as asked, write the file, and return what was measured."""
    if chosen.points < 4:
        raise UsageError(f"--points is {chosen.points}; give at least 4")
    if chosen.task == "moons":
        result = train_moons(chosen.points, chosen.engine, chosen.seed, chosen.epochs, chosen.json)
        training, test = result.training, result.test
    else:
        data = chosen.data or digits_file()
        result = train_digits(chosen.engine, chosen.seed, chosen.epochs, data, chosen.json)
        training, test = scaled(result.training), scaled(result.test)
    if chosen.output is not None:
        save = save_moons if chosen.task == "moons" else save_digits
        save(result.network, result.training, result.test, chosen.output)
    return {
        "task": chosen.task,
        "engine": chosen.engine,
        "epochs": result.epochs,
        "seconds": round(result.seconds, 4),
        "training_accuracy": 100 * accuracy(result.network, training),
        "test_accuracy": 100 * accuracy(result.network, test),
        "hidden_spikes": statistics.mean(result.network.spikes(row)[0] for row in test.inputs),
    }


def main() -> None:
    chosen = parse_arguments()
    check_options(chosen)
    result = run(chosen)
    if chosen.json:
        print(json.dumps(result))
        return
    header = ("task", "engine", "epochs", "CPU seconds", "training", "test", "hidden spikes")
    row = (
        str(result["task"]),
        str(result["engine"]),
        str(result["epochs"]),
        f"{result['seconds']:.2f}",
        f"{result['training_accuracy']:.1f} %",
        f"{result['test_accuracy']:.1f} %",
        f"{result['hidden_spikes']:.1f} a sample",
    )
    print(table(header, [row]))


if __name__ == "__main__":
    run_script(main)
