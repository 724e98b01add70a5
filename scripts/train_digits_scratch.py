#!/usr/bin/env python3
"""Trains 64-48-24-10 networks on the 8x8 digits with the scratch engine, on several splits.

The 1,797 images come from scikit-learn's data file, which is read as the CSV it is: neither
scikit-learn nor NumPy is imported.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pyexport.errors import FileFormatError, UsageError
from pyexport.scratch import MLP, Sequential
from pyexport.scratch.console import check_options, progress, run_script, table
from pyexport.scratch.data import Samples, split
from pyexport.scratch.nn import ENGINES
from pyexport.scratch.readers import read_digits
from pyexport.scratch.training import Recipe, accuracy, fit
from scripts.options import Options

PIXEL_SCALE = 1 / 16  # pixels 0..16 are trained on as 0..1
SHARES = (0.72, 0.08, 0.2)  # training, validation, test
N_CALIBRATION = 200
DEFAULT_EPOCHS = 12
RATE, FINAL_RATE = 0.05, 0.002
SKIP_BELOW = 0.02  # a sample that the network knows this well costs no backward pass


@dataclass(frozen=True)
class Result:
    """One split: the network, its data, and what it cost."""

    network: Sequential
    training: Samples
    test: Samples
    validation_accuracy: float
    test_accuracy: float
    seconds: float  # CPU time of training, looks at the validation data included


def digits_file() -> Path:
    """Return scikit-learn's data file, without importing scikit-learn."""
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise FileFormatError("the digits come with scikit-learn; install it, or give --data FILE")
    return Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"


def scaled(samples: Samples) -> Samples:
    """Return the samples as the network takes them, pixels 0..1."""
    rows = [[pixel * PIXEL_SCALE for pixel in row] for row in samples.inputs]
    return Samples(rows, samples.targets)


def recipe_of(seed: int, epochs: int = DEFAULT_EPOCHS, rate: float = RATE) -> Recipe:
    """Return how the split of this seed is trained."""
    return Recipe(
        epochs=epochs,
        rate=rate,
        final_rate=min(FINAL_RATE, rate),
        skip_below=SKIP_BELOW,
        seed=seed,
    )


def train(
    digits: Samples, hidden: list[int], engine: str, recipe: Recipe, *, quiet: bool = True
) -> Result:
    """Return a network trained on the split of the recipe's seed; validation chooses the epoch."""
    training, validation, test = split(digits, SHARES, recipe.seed)
    network = MLP(64, *hidden, 10, seed=recipe.seed, engine=engine)
    started = time.process_time()
    best = 0.0
    for look in fit(network, scaled(training), scaled(validation), recipe):
        best = max(best, look.accuracy)
        if not quiet:
            progress(
                f"split {recipe.seed}: epoch {look.epoch:.0f}, loss {look.loss:.3f}, "
                f"validation {100 * look.accuracy:.1f} %",
                last=look.epoch == recipe.epochs,
            )
    seconds = time.process_time() - started
    return Result(network, training, test, best, accuracy(network, scaled(test)), seconds)


def save(network: Sequential, training: Samples, test: Samples, path: Path) -> None:
    """Write a checkpoint that takes raw pixels 0..16, ready for `pyexport export`."""
    network.save(
        path,
        input_scale=PIXEL_SCALE,
        input_range=(0, 16),
        input_unit="pixel intensity",
        labels=range(10),
        calibration=training.inputs[:N_CALIBRATION],
        evaluation=test,
    )


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = Options(__doc__)
    parser.add_argument("--engine", choices=ENGINES, default="packed")
    parser.add_argument("--hidden", type=int, nargs="+", default=[48, 24], metavar="N")
    parser.add_argument("--splits", type=int, default=5, help="how many splits")
    parser.add_argument("--first", type=int, default=0, help="seed of the first; the others follow")
    parser.add_argument("--epochs", type=int, default=DEFAULT_EPOCHS)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--data", type=Path, help="digits.csv.gz; default: scikit-learn's")
    parser.add_argument("--output", type=Path, default=Path("model.pt"), help="the first split's")
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    chosen = parser.parse_args(arguments)
    if chosen.splits < 1:
        raise UsageError(f"--splits is {chosen.splits}; splits start at 1")
    return chosen


def run(chosen: argparse.Namespace) -> list[Result]:
    """Train every split and save the first one's network."""
    digits = read_digits(chosen.data or digits_file())
    results = []
    for seed in range(chosen.first, chosen.first + chosen.splits):
        recipe = recipe_of(seed, chosen.epochs, chosen.rate)
        results.append(train(digits, chosen.hidden, chosen.engine, recipe, quiet=chosen.json))
        if seed == chosen.first:
            first = results[0]
            save(first.network, first.training, first.test, chosen.output)
    return results


def main() -> None:
    chosen = parse_arguments()
    check_options(chosen)
    results = run(chosen)
    mean = statistics.mean(100 * result.test_accuracy for result in results)
    if chosen.json:
        document = {
            "accuracy": [round(100 * result.test_accuracy, 4) for result in results],
            "seconds": [round(result.seconds, 4) for result in results],
            "mean": round(mean, 4),
            "output": str(chosen.output),
        }
        print(json.dumps(document))
        return
    rows = [
        (
            str(seed),
            f"{100 * result.validation_accuracy:.2f} %",
            f"{100 * result.test_accuracy:.2f} %",
            f"{result.seconds:.2f}",
        )
        for seed, result in enumerate(results, chosen.first)
    ]
    print(table(("split", "validation", "test", "CPU seconds"), rows))
    print(
        f"mean {mean:.2f} % on {len(results[0].test)} test images; "
        f"split {chosen.first} is {chosen.output}"
    )


if __name__ == "__main__":
    run_script(main)
