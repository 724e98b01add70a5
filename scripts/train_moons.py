#!/usr/bin/env python3
"""Trains a 2-16-16-2 network on the two moons and draws what it learned. Standard library only.

The picture shows which class the network gives each point of the plane, with the points it was
trained on.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pyexport.errors import UsageError
from pyexport.scratch import MLP, SGD, Sequential
from pyexport.scratch.console import check_options, progress, run_script, table
from pyexport.scratch.data import Samples, batches, moons, split
from pyexport.scratch.nn import ENGINES
from pyexport.scratch.pictures import decision_regions
from pyexport.scratch.training import accuracy
from scripts.options import Options

HIDDEN = 16
RATE, FALL, FINAL_RATE = 0.15, 0.9, 0.03  # the rate falls by FALL an epoch, down to FINAL_RATE
SKIP_BELOW = 0.1  # a point with a smaller loss costs no backward pass
MOST_WRONG = 0.04  # share of points
CLIP = 16.0  # many epochs on noisy points make weights of more than 4
INPUT_BITS = 12  # coordinates are rounded to 1 / 4096 in the packed engine
INPUT_RANGE = (-2.0, 3.0)  # what --output declares; the moons lie in -1.5..2.5


def train(
    samples: Samples, engine: str, seed: int, epochs: int, patience: float
) -> tuple[Sequential, int, float]:
    """Return the network, the epochs it took and its training accuracy; stops when all are right.

    patience: CPU seconds after which to stop in any case
    """
    network = new_network(engine, seed)
    started = time.process_time()
    for epoch in range(epochs):
        optimizer = SGD(max(RATE * FALL**epoch, FINAL_RATE))
        network.train()
        wrong = 0
        for batch in batches(samples, 1, seed * 1_000_003 + epoch):
            loss = network.step(
                batch.inputs[0],
                batch.targets[0],
                loss="cross_entropy",
                optimizer=optimizer,
                skip_below=SKIP_BELOW,
            )
            wrong += loss >= math.log(2)  # of two classes, the right one has less than a half
        late = time.process_time() - started > patience
        # A look costs as much as half an epoch; it waits until nearly all were right on the way.
        if wrong <= MOST_WRONG * len(samples) or late or epoch == epochs - 1:
            share = accuracy(network, samples)
            if share == 1.0 or late:
                break
    return network, epoch + 1, share


def new_network(engine: str, seed: int) -> Sequential:
    """Return the network, untrained."""
    return MLP(2, HIDDEN, HIDDEN, 2, seed=seed, engine=engine, input_bits=INPUT_BITS, clip=CLIP)


def quick(network: Sequential) -> Sequential:
    """Return a network with the same weights that answers soon enough to draw with."""
    if network.engine != "value":
        return network
    twin = new_network("lists", 0)
    for ours, theirs in zip(twin.linears, network.linears, strict=True):
        ours.load(theirs.weight, theirs.bias)
    return twin


def save(network: Sequential, training: Samples, fresh: Samples, path: Path) -> None:
    """Write a checkpoint that takes points, ready for `pyexport export`."""
    network.save(
        path,
        input_range=INPUT_RANGE,
        labels=("upper", "lower"),
        calibration=training.inputs,
        evaluation=fresh,
    )


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = Options(__doc__)
    parser.add_argument("--engine", choices=ENGINES, default="packed")
    parser.add_argument("--points", type=int, default=100, help="points to train on")
    parser.add_argument("--noise", type=float, default=0.1, help="standard deviation, default 0.1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=500, help="at most; 100 %% ends it earlier")
    parser.add_argument("--patience", type=float, default=60.0, help="CPU seconds at most")
    parser.add_argument("--picture", type=Path, default=Path("moons.svg"), help="file to draw")
    parser.add_argument("--output", type=Path, help="checkpoint to write, e.g. model.pt")
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    return parser.parse_args(arguments)


def run(chosen: argparse.Namespace) -> dict[str, object]:
    """Train as asked, write the files, and return what was measured."""
    if chosen.points < 4:
        raise UsageError(f"--points is {chosen.points}; give at least 4")
    total = chosen.points * 5 // 4
    training, fresh = split(moons(total, chosen.noise, chosen.seed), (0.8, 0.2), chosen.seed)
    started = time.process_time()
    network, epochs, share = train(
        training, chosen.engine, chosen.seed, chosen.epochs, chosen.patience
    )
    seconds = time.process_time() - started
    if not chosen.json:
        progress(f"trained {epochs} epochs", last=True)
    title = f"moons, {chosen.engine} engine, {100 * share:.1f} % after {epochs} epochs"
    picture = decision_regions(quick(network).classify, training, title)
    chosen.picture.write_text(picture, encoding="utf-8")
    if chosen.output is not None:
        save(network, training, fresh, chosen.output)
    return {
        "engine": chosen.engine,
        "points": len(training),
        "epochs": epochs,
        "seconds": round(seconds, 4),
        "training_accuracy": 100 * share,
        "fresh_accuracy": 100 * accuracy(network, fresh),
        "picture": str(chosen.picture),
    }


def main() -> None:
    chosen = parse_arguments()
    check_options(chosen)
    result = run(chosen)
    if chosen.json:
        print(json.dumps(result))
        return
    header = ("engine", "points", "epochs", "CPU seconds", "training", "fresh points")
    row = (
        chosen.engine,
        str(result["points"]),
        str(result["epochs"]),
        f"{result['seconds']:.2f}",
        f"{result['training_accuracy']:.1f} %",
        f"{result['fresh_accuracy']:.1f} %",
    )
    print(table(header, [row]))
    print(f"drawn in {chosen.picture}")


if __name__ == "__main__":
    run_script(main)
