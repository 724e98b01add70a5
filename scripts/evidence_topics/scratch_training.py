"""Training from scratch: MNIST, digits and moons, each in a Python without any package."""

from __future__ import annotations

import importlib.util
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from scripts.evidence_topics.figures import Context, Figure, markdown_table

WALL_LIMIT = 2.0  # seconds for 80 %, loading included
ALONE = ("-I", "-S")  # no site-packages: the standard library is all that can be imported
QUICK = ("--epochs", "1", "--validation", "500", "--hidden")
FIRST = {  # what reaches 80 % soon after the start
    "cross_entropy": (*QUICK, "16", "--train", "1500"),
    "rmse": (*QUICK, "32", "--train", "1500", "--loss", "rmse"),
}


def script(context: Context, name: str, *options: str) -> dict[str, Any]:
    """Return the JSON object that a script prints, with the seconds its whole process took."""
    command = [sys.executable, *ALONE, str(context.root / "scripts" / name), "--json", *options]
    started = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=context.folder)
    wall = time.perf_counter() - started
    result: dict[str, Any] = json.loads(done.stdout)
    return result | {"wall": wall}


def mnist_80(context: Context) -> tuple[Figure, ...]:
    """Time whole processes that load MNIST, train, and look at all test images."""
    figures = []
    for loss, options in FIRST.items():
        context.say(f"MNIST 80 % with {loss}")
        runs = [script(context, "train_mnist_scratch.py", *options) for _ in range(5)]
        best = min(runs, key=lambda run: run["wall"])
        median = statistics.median(run["wall"] for run in runs)
        figures.append(
            Figure(
                f"MNIST 80 %, {loss.replace('_', '-')}",
                f"under {WALL_LIMIT:g} s wall, loading included",
                f"{best['test_accuracy']:.2f} % in {best['wall']:.2f} s (best of 5 processes, "
                f"median {median:.2f} s; 10,000 test images included)",
                best["test_accuracy"] >= 80.0 and best["wall"] < WALL_LIMIT,
                (f"`python scripts/train_mnist_scratch.py {' '.join(options)}`",),
            )
        )
    return tuple(figures)


def mnist_97(context: Context) -> tuple[Figure, ...]:
    """Train 784-64-10 on 55,000 images; 5,000 choose."""
    return _mnist(context, 97.0, "64", ("--epochs", "2", "--time-budget", "22"), 25.0, seeds=1)


def mnist_98(context: Context) -> tuple[Figure, ...]:
    """Train 784-128-10 with three seeds."""
    return _mnist(context, 98.0, "128", ("--epochs", "5", "--time-budget", "86"), 90.0, seeds=3)


def _mnist(
    context: Context,
    wanted: float,
    hidden: str,
    options: tuple[str, ...],
    limit: float,
    seeds: int,
) -> tuple[Figure, ...]:
    if context.short:
        return ()  # minutes of training; the page holds what a full run measured
    runs = []
    for seed in range(seeds):
        context.say(f"MNIST {wanted:g} %, seed {seed}")
        arguments = ("--hidden", hidden, *options, "--seed", str(seed))
        runs.append(script(context, "train_mnist_scratch.py", *arguments))
    costs = [run["loading_seconds"] + run["training_seconds"] for run in runs]
    accuracy = statistics.mean(run["test_accuracy"] for run in runs)
    seconds = statistics.mean(costs)
    rows = [
        (
            str(seed),
            f"{run['validation_accuracy']:.2f} %",
            f"{run['test_accuracy']:.2f} %",
            f"{cost:.1f}",
        )
        for seed, (run, cost) in enumerate(zip(runs, costs, strict=True))
    ]
    curve = ", ".join(f"{share:.2f} % at {cpu:.1f} s" for cpu, share in runs[0]["curve"])
    return (
        Figure(
            f"MNIST {wanted:g} %, 784-{hidden}-10" + (", mean of three seeds" * (seeds == 3)),
            f"at most {limit:g} CPU seconds",
            f"{accuracy:.2f} % in {seconds:.1f} CPU seconds",
            accuracy >= wanted and seconds <= limit,
            (
                *markdown_table(("seed", "validation", "test", "CPU seconds"), rows),
                "",
                f"`python scripts/train_mnist_scratch.py --hidden {hidden} {' '.join(options)}`; "
                f"validation of seed 0: {curve}. Loading and the looks at the validation images "
                "are in the CPU seconds.",
            ),
        ),
    )


def digits(context: Context) -> tuple[Figure, ...]:
    """Train 64-48-24-10 on five splits of the 8x8 digits."""
    package = importlib.util.find_spec("sklearn")
    assert package is not None and package.origin is not None  # the topic needs it anyway
    data = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    output = context.folder / "digits-scratch.pt"
    options = ("--data", str(data), "--output", str(output))
    result = script(context, "train_digits_scratch.py", *options)
    slowest = max(result["seconds"])
    rows = [
        (str(split), f"{accuracy:.2f} %", f"{seconds:.2f}")
        for split, (accuracy, seconds) in enumerate(
            zip(result["accuracy"], result["seconds"], strict=True)
        )
    ]
    return (
        Figure(
            "8x8 digits, mean of five splits",
            "at least 97 %, under 4 CPU seconds each",
            f"{result['mean']:.2f} %, {slowest:.2f} CPU seconds the slowest",
            result["mean"] >= 97.0 and slowest < 4.0,
            markdown_table(("split", "test", "CPU seconds"), rows),
        ),
    )


def moons(context: Context) -> tuple[Figure, ...]:
    """Train 2-16-16-2 on the two moons with each engine."""
    rows, slowest, worst = [], 0.0, 100.0
    for engine in ("packed", "lists", "value"):
        picture = str(context.folder / f"moons-{engine}.svg")
        result = script(context, "train_moons.py", "--engine", engine, "--picture", picture)
        rows.append((engine, f"{result['seconds']:.2f}", f"{result['training_accuracy']:.1f} %"))
        slowest, worst = max(slowest, result["seconds"]), min(worst, result["training_accuracy"])
    return (
        Figure(
            "moons, 100 points, every engine",
            "100 % training accuracy, under 1 s",
            f"{worst:.1f} %, {slowest:.2f} CPU seconds the slowest",
            worst == 100.0 and slowest < 1.0,
            markdown_table(("engine", "CPU seconds", "training accuracy"), rows),
        ),
    )
