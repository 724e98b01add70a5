#!/usr/bin/env python3
"""Trains a network on MNIST in pure Python, shows its learning curve, and saves it for export.

Validation images, the last of the training set, choose the weights; the official 10,000 test
images are looked at once, at the end. Only the standard library is used.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pyexport.errors import UsageError
from pyexport.scratch import LOSSES, MLP, Sequential
from pyexport.scratch.console import check_options, progress, run_script, table
from pyexport.scratch.data import Samples
from pyexport.scratch.mnist import Mnist, download_mnist, load_mnist
from pyexport.scratch.nn import ENGINES
from pyexport.scratch.pictures import learning_curves
from pyexport.scratch.training import Look, Recipe, accuracy, fit
from scripts.options import Options

PIXEL_SCALE = 1 / 256  # a byte k is trained on as k / 256
N_CALIBRATION = 200
N_EVALUATION = 1_000  # test images that travel in the checkpoint
SQUARED = ("mse", "rmse")  # large first outputs would kill ReLUs under these losses
# First and last rate: the best on validation images in the tables of scripts/choose_rates.py.
RATES = {
    "cross_entropy": (0.015, 0.0005),
    "hinge": (0.04, 0.0013),
    "mse": (0.2, 0.01),
    "rmse": (0.2, 0.01),
}


@dataclass(frozen=True)
class Result:
    """A trained network with what it was trained on and what it cost."""

    network: Sequential
    data: Mnist
    recipe: Recipe
    looks: list[Look]
    loading_seconds: float  # CPU time
    test_accuracy: float

    @property
    def validation_accuracy(self) -> float:
        """The best look's, whose weights the network has."""
        return max(look.accuracy for look in self.looks)


def train(chosen: argparse.Namespace) -> Result:
    """Return what the options ask for."""
    started = time.process_time()
    if chosen.download:
        progress(f"MNIST is in {download_mnist()}", last=True)
    data = load_mnist(train=chosen.train + chosen.validation)
    loading_seconds = time.process_time() - started
    training, validation = divided(data.train, chosen.validation)
    network, recipe = network_of(chosen), recipe_of(chosen)
    looks = watch(network, training, validation, recipe, quiet=chosen.json)
    return Result(network, data, recipe, looks, loading_seconds, accuracy(network, data.test))


def divided(samples: Samples, validation: int) -> tuple[Samples, Samples]:
    """Return the samples to train on, and the last ones, which choose."""
    end = len(samples)
    return samples.part(0, end - validation), samples.part(end - validation, end)


def network_of(chosen: argparse.Namespace) -> Sequential:
    """Return the network that the options ask for, untrained."""
    return MLP(
        784, *chosen.hidden, 10,
        output_gain=1 / 8 if chosen.loss in SQUARED else 1.0,
        seed=chosen.seed,
        engine=chosen.engine,
        input_bits=chosen.input_bits,
    )  # fmt: skip


def recipe_of(chosen: argparse.Namespace) -> Recipe:
    """Return how the options ask for it to be trained."""
    rate, final_rate = RATES[chosen.loss]
    rate = chosen.rate or rate
    return Recipe(
        loss=chosen.loss,
        epochs=chosen.epochs,
        rate=rate,
        final_rate=min(chosen.final_rate or final_rate, rate),
        skip_below=chosen.skip_below,
        time_budget=chosen.time_budget,
        seed=chosen.seed,
        looks=chosen.looks,
    )


def watch(
    network: Sequential, training: Samples, validation: Samples, recipe: Recipe, quiet: bool
) -> list[Look]:
    """Train and return every look, with a line of progress."""
    looks = []
    for look in fit(network, training, validation, recipe):
        looks.append(look)
        if not quiet:
            progress(
                f"epoch {look.epoch:.2f} of {recipe.epochs}: {look.seconds:.1f} CPU seconds, "
                f"loss {look.loss:.3f}, validation {100 * look.accuracy:.2f} %"
            )
    if not quiet:
        progress(f"trained on {looks[-1].samples:,} images", last=True)
    return looks


def save(result: Result, path: Path) -> None:
    """Write a checkpoint that takes raw pixels 0..255, ready for `pyexport export`."""
    result.network.save(
        path,
        input_scale=PIXEL_SCALE,
        input_range=(0, 255),
        input_unit="pixel intensity",
        labels=range(10),
        calibration=result.data.train.inputs[:N_CALIBRATION],
        evaluation=result.data.test.part(0, N_EVALUATION),
    )


def as_json(chosen: argparse.Namespace, result: Result) -> dict[str, object]:
    """Return what was measured; accuracies in percent, times in CPU seconds."""
    return {
        "sizes": [784, *chosen.hidden, 10],
        "engine": chosen.engine,
        "loss": chosen.loss,
        "rates": [result.recipe.rate, result.recipe.final_rate],
        "samples": result.looks[-1].samples,
        "loading_seconds": round(result.loading_seconds, 3),
        "training_seconds": round(result.looks[-1].seconds, 3),
        "validation_accuracy": round(100 * result.validation_accuracy, 4),
        "test_accuracy": round(100 * result.test_accuracy, 4),
        "curve": [[round(k.seconds, 3), round(100 * k.accuracy, 4)] for k in result.looks],
    }


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = Options(__doc__)
    parser.add_argument("--engine", choices=ENGINES, default="packed")
    parser.add_argument("--loss", choices=tuple(LOSSES), default="cross_entropy")
    parser.add_argument("--hidden", type=int, nargs="+", default=[64], metavar="N")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--time-budget", type=float, metavar="S", help="CPU seconds to train")
    parser.add_argument("--train", type=int, default=55_000, help="images to train on")
    parser.add_argument("--validation", type=int, default=5_000, help="images that choose")
    parser.add_argument("--looks", type=int, default=1, help="looks at these in an epoch")
    parser.add_argument("--rate", type=float, help="learning rate at the start")
    parser.add_argument("--final-rate", type=float, help="learning rate at the end")
    parser.add_argument("--skip-below", type=float, default=0.02, help="loss not worth a step")
    parser.add_argument("--input-bits", type=int, default=4, help="of a pixel, packed engine")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--download", action="store_true", help="fetch MNIST into the cache")
    parser.add_argument("--output", type=Path, help="checkpoint to write, e.g. model.pt")
    parser.add_argument("--picture", type=Path, help="learning curve to draw, e.g. curve.svg")
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    chosen = parser.parse_args(arguments)
    if chosen.train < 1 or not 1 <= chosen.validation <= 60_000 - chosen.train:
        raise UsageError("--train and --validation start at 1 and share 60,000 images")
    return chosen


def main() -> None:
    chosen = parse_arguments()
    check_options(chosen)
    result = train(chosen)
    if chosen.output is not None:
        save(result, chosen.output)
    if chosen.picture is not None:
        curve = [(look.seconds, 100 * look.accuracy) for look in result.looks]
        name = "-".join(map(str, (784, *chosen.hidden, 10)))
        title = f"MNIST, {name}, {chosen.engine} engine: validation accuracy, %"
        picture = learning_curves({chosen.loss: curve}, title, "CPU seconds", "")
        chosen.picture.write_text(picture, encoding="utf-8")
    if chosen.json:
        print(json.dumps(as_json(chosen, result)))
        return
    rows = [
        (f"{k.epoch:.2f}", f"{k.seconds:.2f}", f"{k.loss:.4f}", f"{100 * k.accuracy:.2f} %")
        for k in result.looks
    ]
    print(table(("epoch", "CPU seconds", "loss", "validation"), rows))
    print(f"loading took {result.loading_seconds:.2f} CPU seconds")
    print(f"test accuracy {100 * result.test_accuracy:.2f} % on {len(result.data.test):,} images")
    if chosen.output is not None:
        print(f"saved to {chosen.output}")


if __name__ == "__main__":
    run_script(main)
