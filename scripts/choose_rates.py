#!/usr/bin/env python3
"""Shows how well train_mnist_scratch.py does on validation images with each learning rate.

A run for each first rate and each last one, to which it falls. The test images are not loaded.
This is how the rates of train_mnist_scratch.py and of the published figures were chosen.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pyexport.errors import UsageError
from pyexport.scratch.console import check_options, progress, run_script, table
from pyexport.scratch.data import Samples
from pyexport.scratch.mnist import load_mnist
from pyexport.scratch.training import fit
from scripts import train_mnist_scratch as training
from scripts.options import Options

FACTORS = (0.5, 1.0, 2.0)  # of the first rate that train_mnist_scratch.py takes by itself


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = Options(__doc__)
    parser.add_argument("--loss", choices=tuple(training.RATES), default="cross_entropy")
    parser.add_argument("--hidden", nargs="+", default=["64"], metavar="N")
    parser.add_argument("--rates", type=float, nargs="+", metavar="R", help="first rates")
    parser.add_argument(
        "--falls", type=float, nargs="+", default=[10.0, 30.0], help="first rate / last rate"
    )
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1, help="runs of each pair: seeds 0, 1, ...")
    parser.add_argument("--train", type=int, default=10_000, help="images to train on")
    parser.add_argument("--validation", type=int, default=5_000, help="images to look at")
    parser.add_argument("--input-bits", type=int, default=4, help="of a pixel")
    parser.add_argument("--skip-below", type=float, default=0.02, help="loss not worth a step")
    chosen = parser.parse_args(arguments)
    first = training.RATES[chosen.loss][0]
    chosen.rates = chosen.rates or [first * factor for factor in FACTORS]
    if chosen.seeds < 1:
        raise UsageError("--seeds starts at 1")
    if min(chosen.falls) < 1.0:
        raise UsageError("--falls starts at 1: the last rate is never the higher one")
    return chosen


def runs(chosen: argparse.Namespace, rate: float, final_rate: float) -> list[argparse.Namespace]:
    """Return the options of train_mnist_scratch.py for each seed, checked."""
    found = []
    for seed in range(chosen.seeds):
        one = training.parse_arguments([
            "--loss", chosen.loss, "--hidden", *chosen.hidden, "--seed", str(seed),
            "--rate", str(rate), "--final-rate", str(final_rate), "--epochs", str(chosen.epochs),
            "--train", str(chosen.train), "--validation", str(chosen.validation),
            "--input-bits", str(chosen.input_bits), "--skip-below", str(chosen.skip_below),
        ])  # fmt: skip
        check_options(one)
        found.append(one)
    return found


def best_look(one: argparse.Namespace, samples: Samples) -> float:
    """Return the best validation accuracy of a run, in percent."""
    parts = training.divided(samples, one.validation)
    looks = fit(training.network_of(one), *parts, training.recipe_of(one))
    return 100 * max(look.accuracy for look in looks)


def main() -> None:
    chosen = parse_arguments()
    pairs = [(rate, rate / fall) for rate in chosen.rates for fall in chosen.falls]
    tries = {pair: runs(chosen, *pair) for pair in pairs}
    samples = load_mnist(train=chosen.train + chosen.validation, test=0).train
    rows = []
    for number, ((rate, final_rate), seeds) in enumerate(tries.items(), 1):
        progress(f"pair {number} of {len(tries)}: {rate:g} to {final_rate:.4g}")
        started = time.process_time()
        shares = [best_look(one, samples) for one in seeds]
        seconds = (time.process_time() - started) / len(seeds)
        mean, worst = f"{statistics.mean(shares):.2f} %", f"{min(shares):.2f} %"
        rows.append((f"{rate:g}", f"{final_rate:.4g}", mean, worst, f"{seconds:.1f}"))
    progress(f"tried {len(tries)} pairs", last=True)
    print(table(("first rate", "last rate", "validation", "worst seed", "CPU seconds"), rows))


if __name__ == "__main__":
    run_script(main)
