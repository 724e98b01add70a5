"""What a training sample costs: instructions, time beside other engines, and exactness."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from pyexport.errors import ToolMissingError
from pyexport.scratch import mlp
from pyexport.scratch.backends import Parameters
from pyexport.scratch.mnist import load_mnist
from scripts.evidence_topics.figures import Context, Figure, markdown_table
from scripts.evidence_topics.scratch_training import ALONE

INSTRUCTIONS_LIMIT = 1.15e6
MICROGRAD = 1_692e6  # instructions a sample of the same network, measured the same way
COUNTS = {"packed": (100, 300), "lists": (20, 60), "value": (4, 12)}  # images of the two runs
RATIO_WANTED = 2.5
DIFFERENCE_LIMIT = 1e-4
GRADIENT_SIZES = (784, 32, 16, 10)


def instructions(context: Context) -> tuple[Figure, ...]:
    """Count instructions with callgrind: the difference of two runs leaves the start-up out."""
    if shutil.which("valgrind") is None:
        raise ToolMissingError("valgrind is not installed; apt-get install valgrind brings it")
    engines = ("packed",) if context.short else ("packed", "lists", "value")
    each = {engine: _instructions(context, engine) for engine in engines}
    packed = each["packed"]
    rows = [(name, f"{count / 1e6:.3f} M") for name, count in each.items()]
    return (
        Figure(
            "instructions a training sample, 784-32-10",
            "at most 1.15 M (stretch 1.0 M)",
            f"{packed / 1e6:.3f} M, {MICROGRAD / packed:,.0f} times fewer than micrograd's 1,692 M",
            packed <= INSTRUCTIONS_LIMIT,
            (
                *markdown_table(("engine", "instructions"), rows),
                "",
                "Callgrind counts `python scripts/compare_engines.py --count N --engine ENGINE` "
                "for two numbers of fixed images, each trained on once, none skipped; a figure is "
                "the difference of the two runs for each further image.",
            ),
        ),
    )


def _instructions(context: Context, engine: str) -> float:
    context.say(f"counting instructions, {engine}")
    few, many = COUNTS[engine]
    return (_collected(context, engine, many) - _collected(context, engine, few)) / (many - few)


def _collected(context: Context, engine: str, count: int) -> int:
    script = str(context.root / "scripts" / "compare_engines.py")
    command = [
        "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
        sys.executable, *ALONE, script, "--count", str(count), "--engine", engine,
    ]  # fmt: skip
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    found = re.search(r"Collected : (\d+)", done.stderr)
    assert found is not None, done.stderr
    return int(found[1])


def beside_others(context: Context) -> tuple[Figure, ...]:
    """Time one sample in every engine that is installed, in the same run."""
    networks = (
        (("784", "32", "10"),) if context.short else (("784", "32", "10"), ("784", "128", "10"))
    )
    measured = [_compare(context, sizes) for sizes in networks]
    ratio = measured[0]["PyTorch, batch 1"] / measured[0]["packed, batch 1"]
    names = list(measured[0])
    rows = [
        (name, *(f"{1e6 * seconds[name]:,.1f}" for seconds in measured if name in seconds))
        for name in names
        if all(name in seconds for seconds in measured)
    ]
    header = ("CPU microseconds a sample", *("-".join(sizes) for sizes in networks))
    return (
        Figure(
            "a training sample of 784-32-10 at batch 1 against PyTorch, one thread",
            f"at least {RATIO_WANTED} times as fast",
            f"{ratio:.2f} times",
            ratio >= RATIO_WANTED,
            markdown_table(header, rows),
        ),
    )


def _compare(context: Context, sizes: Sequence[str]) -> dict[str, float]:
    script = str(context.root / "scripts" / "compare_engines.py")
    rounds = "8" if context.short else "24"
    command = [sys.executable, script, "--json", "--fast", "--rounds", rounds, "--sizes", *sizes]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)
    result: dict[str, float] = json.loads(done.stdout)
    return result


class _Collector:
    """Keeps gradients where an optimizer would use them."""

    def __init__(self) -> None:
        self.numbers: list[float] = []

    def step(self, layers: Sequence[Parameters]) -> None:
        self.numbers = []
        for layer in layers:
            weight, bias = layer.gradient()
            for row in (*weight, bias):
                self.numbers += row
            layer.forget()


def gradients(context: Context) -> tuple[Figure, ...]:
    """Compare packed gradients with those of float lists, from the same weights."""
    packed, lists = (mlp(*GRADIENT_SIZES, engine=engine) for engine in ("packed", "lists"))
    for ours, theirs in zip(packed.linears, lists.linears, strict=True):
        theirs.load(ours.weight, ours.bias)
    samples = load_mnist(train=200, test=0).train
    worst, largest = 0.0, 0.0
    for row, target in samples:
        numbers: list[Any] = []
        for network in (packed, lists):
            collector = _Collector()
            network.step(row, target, loss="cross_entropy", optimizer=collector)
            numbers.append(collector.numbers)
        worst = max(worst, max(abs(a - b) for a, b in zip(*numbers, strict=True)))
        largest = max(largest, max(map(abs, numbers[1])))
    return (
        Figure(
            "packed against float-list gradients, 784-32-16-10, 200 images",
            f"worst difference at most {DIFFERENCE_LIMIT:g}",
            f"{worst:.1e} (the largest gradient is {largest:.2f})",
            worst <= DIFFERENCE_LIMIT,
        ),
    )
