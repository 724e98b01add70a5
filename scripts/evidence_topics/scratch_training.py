"""Training from scratch: MNIST, digits and moons, each in a Python without any package."""

from __future__ import annotations

import importlib.util
import statistics
from pathlib import Path

from scripts.evidence_topics.figures import Context, Figure, markdown_table
from scripts.evidence_topics.processes import median, script

WALL_LIMIT = 2.0  # seconds for 80 %, loading included
SLACK = 2.0  # the short form allows this times as many seconds: a machine in CI may be loaded
QUICK = ("--epochs", "1", "--validation", "300", "--input-bits", "2")
FIRST = {  # what reaches 80 % soon after the start; a few images bear a higher rate
    "cross_entropy": (
        *QUICK, "--hidden", "16", "--train", "1200", "--rate", "0.04", "--final-rate", "0.002",
    ),
    "rmse": (*QUICK, "--hidden", "24", "--train", "1500", "--loss", "rmse"),
}  # fmt: skip
DIGITS_LIMIT = 4.0
MOONS_LIMIT = 1.0
SEEDS = 3
SPLITS = 5
MOONS_SEEDS = 5


def mnist_80(context: Context) -> tuple[Figure, ...]:
    """Time whole processes that load MNIST, train, and look at all test images."""
    count = 3 if context.short else 5
    figures = []
    for loss, options in FIRST.items():
        context.say(f"MNIST 80 % with {loss}")
        runs = [script(context, "train_mnist_scratch.py", *options) for _ in range(count)]
        accuracy = runs[0]["test_accuracy"]  # each run has the same
        wall, cpu = median(runs, "wall"), median(runs, "cpu")
        best = min(run["wall"] for run in runs)
        limit = WALL_LIMIT * (SLACK if context.short else 1.0)
        wanted = f"under {WALL_LIMIT:g} s wall, loading included"
        if context.short:
            wanted = f"under {limit:g} CPU seconds (twice {WALL_LIMIT:g}: short form)"
        figures.append(
            Figure(
                f"MNIST 80 %, {loss.replace('_', '-')}",
                wanted,
                f"{accuracy:.2f} % in {wall:.2f} s (median of {count} processes, best {best:.2f} "
                f"s, {cpu:.2f} CPU seconds; 10,000 test images included)",
                accuracy >= 80.0 and (cpu if context.short else wall) < limit,
                (f"`python scripts/train_mnist_scratch.py {' '.join(options)}`",),
            )
        )
    return tuple(figures)


def mnist_97(context: Context) -> tuple[Figure, ...]:
    """Train 784-64-10 on 55,000 images; 5,000 choose."""
    return _mnist(context, 97.0, "64", ("--epochs", "2", "--skip-below", "0.2"), 25.0)


def mnist_98(context: Context) -> tuple[Figure, ...]:
    """Train 784-128-10."""
    return _mnist(context, 98.0, "128", ("--epochs", "6"), 90.0)


def _mnist(
    context: Context, wanted: float, hidden: str, options: tuple[str, ...], limit: float
) -> tuple[Figure, ...]:
    """Train with three seeds; what counts is the mean accuracy, and the median CPU seconds."""
    if context.short:
        return ()  # minutes of training; the page holds what a full run measured
    arguments = ("--hidden", hidden, *options)
    runs = []
    for seed in range(SEEDS):
        context.say(f"MNIST {wanted:g} %, seed {seed}")
        runs.append(script(context, "train_mnist_scratch.py", *arguments, "--seed", str(seed)))
    accuracy = statistics.mean(run["test_accuracy"] for run in runs)
    seconds = median(runs, "cpu")
    rows = [
        (
            str(seed),
            f"{run['validation_accuracy']:.2f} %",
            f"{run['test_accuracy']:.2f} %",
            f"{run['cpu']:.1f}",
        )
        for seed, run in enumerate(runs)
    ]
    curve = ", ".join(f"{share:.2f} % at {cpu:.1f} s" for cpu, share in runs[0]["curve"])
    rates = " to ".join(f"{rate:g}" for rate in runs[0]["rates"])
    return (
        Figure(
            f"MNIST {wanted:g} %, 784-{hidden}-10, mean of three seeds",
            f"at most {limit:g} CPU seconds",
            f"{accuracy:.2f} % in {seconds:.1f} CPU seconds (median)",
            accuracy >= wanted and seconds <= limit,
            (
                *markdown_table(("seed", "validation", "test", "CPU seconds"), rows),
                "",
                f"`python scripts/train_mnist_scratch.py {' '.join(arguments)}`, learning rate "
                f"{rates}; validation of seed 0: {curve}. The CPU seconds are of the whole "
                "process, from its start to its end: loading, training, the looks at the "
                "validation images, the 10,000 test images.",
            ),
        ),
    )


def digits(context: Context) -> tuple[Figure, ...]:
    """Train 64-48-24-10 on splits of the 8x8 digits, a process each."""
    package = importlib.util.find_spec("sklearn")
    assert package is not None and package.origin is not None  # the topic needs it anyway
    data = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    output = context.folder / "digits-scratch.pt"
    files = ("--data", str(data), "--output", str(output))
    runs = []
    for split in range(1 if context.short else SPLITS):
        context.say(f"digits, split {split}")
        numbers = ("--first", str(split), "--splits", "1")
        runs.append(script(context, "train_digits_scratch.py", *numbers, *files))
    mean = statistics.mean(run["mean"] for run in runs)
    slowest = max(run["cpu"] for run in runs)
    rows = [
        (str(split), f"{run['mean']:.2f} %", f"{run['cpu']:.2f}") for split, run in enumerate(runs)
    ]
    limit = DIGITS_LIMIT * (SLACK if context.short else 1.0)
    wanted = f"at least 97 %, under {limit:g} CPU seconds each"
    return (
        Figure(
            "8x8 digits, mean of five splits",
            wanted + (f" (one split, twice {DIGITS_LIMIT:g}: short form)" * context.short),
            f"{mean:.2f} %, {slowest:.2f} CPU seconds the slowest whole process",
            mean >= 97.0 and slowest < limit,
            markdown_table(("split", "test", "CPU seconds"), rows),
        ),
    )


def moons(context: Context) -> tuple[Figure, ...]:
    """Train 2-16-16-2 on the two moons with each engine, with some seeds."""
    rows, slowest, worst = [], 0.0, 100.0
    for engine in ("packed", "lists", "value"):
        context.say(f"moons with {engine}")
        picture = str(context.folder / f"moons-{engine}.svg")
        options = ("--engine", engine, "--picture", picture, "--seed")
        runs = [
            script(context, "train_moons.py", *options, str(seed))
            for seed in range(1 if context.short else MOONS_SEEDS)
        ]
        low = min(run["training_accuracy"] for run in runs)
        high = max(run["seconds"] for run in runs)
        rows.append(
            (engine, f"{median(runs, 'seconds'):.2f}", f"{high:.2f}", f"{low:.1f} %",
             f"{median(runs, 'cpu'):.2f}")
        )  # fmt: skip
        slowest, worst = max(slowest, high), min(worst, low)
    limit = MOONS_LIMIT * (SLACK if context.short else 1.0)
    header = (
        "engine", "training CPU seconds, median", "slowest", "worst training accuracy",
        "whole process, with the picture",
    )  # fmt: skip
    short = f" (one seed, twice {MOONS_LIMIT:g}: short form)" * context.short
    return (
        Figure(
            "moons, 100 points, every engine",
            f"100 % training accuracy, under {limit:g} s{short}",
            f"{worst:.1f} %, {slowest:.2f} CPU seconds the slowest training",
            worst == 100.0 and slowest < limit,
            markdown_table(header, rows),
        ),
    )
