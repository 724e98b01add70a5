"""What a training sample costs: instructions, time beside other engines, and exactness."""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence

from pyexport.errors import ToolMissingError
from pyexport.scratch import MLP
from pyexport.scratch.backends import Parameters
from pyexport.scratch.data import Samples
from pyexport.scratch.mnist import find_mnist, load_mnist
from scripts.evidence_topics.figures import Context, Figure, markdown_table
from scripts.evidence_topics.processes import ALONE, median

INSTRUCTIONS_LIMIT = 1.15e6
# Instructions of micrograd for a sample, as counted before this project began. By `with_micrograd`
# of compare_engines.py the second image takes 1,638 M. No topic counts it again.
MICROGRAD = 1_692e6
BITS = 4  # of a pixel, in the packed engine, where speed is measured
ALL_BITS = 8
RUNS = {  # engine, bits of a pixel: images of the two runs
    ("packed", BITS): (100, 300),
    ("packed", ALL_BITS): (100, 300),
    ("lists", ALL_BITS): (20, 60),
    ("value", ALL_BITS): (4, 12),
}
RATIO_WANTED = 2.5
RATIO_SHORT = 1.25  # neighbors on a machine in CI slow the two engines differently
PROCESSES, ROUNDS = 3, 12
ROUNDS_SHORT = 6
DIFFERENCE_LIMIT = 1e-4
GRADIENT_SIZES = (784, 32, 16, 10)


def instructions(context: Context) -> tuple[Figure, ...]:
    """Count instructions with callgrind: the difference of two runs leaves the start-up out."""
    if shutil.which("valgrind") is None:
        raise ToolMissingError("valgrind is not installed; apt-get install valgrind brings it")
    find_mnist()  # the script would take noise instead
    each = {run: _instructions(context, *run) for run in list(RUNS)[: 1 if context.short else None]}
    packed = each["packed", BITS]
    rows = [(name, str(bits), f"{count / 1e6:.3f} M") for (name, bits), count in each.items()]
    return (
        Figure(
            f"instructions a training sample, 784-32-10, {BITS}-bit pixels",
            "at most 1.15 M (stretch 1.0 M)",
            f"{packed / 1e6:.3f} M, {MICROGRAD / packed:,.0f} times fewer than micrograd's 1,692 M",
            packed <= INSTRUCTIONS_LIMIT,
            (
                *markdown_table(("engine", "bits of a pixel", "instructions"), rows),
                "",
                "Callgrind counts `python scripts/compare_engines.py --count N --engine ENGINE "
                "--input-bits BITS` for two numbers of fixed images, each trained on once, none "
                "skipped; a figure is the difference of the two runs for each further image. The "
                "value of each pixel of MNIST is a byte; 4 bits of it are what "
                "`train_mnist_scratch.py` trains on.",
            ),
        ),
    )


def _instructions(context: Context, engine: str, bits: int) -> float:
    context.say(f"counting instructions, {engine}, {bits} bits")
    few, many = (_collected(context, engine, bits, count) for count in RUNS[engine, bits])
    return (many - few) / (RUNS[engine, bits][1] - RUNS[engine, bits][0])


def _collected(context: Context, engine: str, bits: int, count: int) -> int:
    script = str(context.root / "scripts" / "compare_engines.py")
    command = [
        "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
        sys.executable, *ALONE, script,
        "--count", str(count), "--engine", engine, "--input-bits", str(bits),
    ]  # fmt: skip
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    found = re.search(r"Collected : (\d+)", done.stderr)
    assert found is not None, done.stderr
    return int(found[1])


def beside_others(context: Context) -> tuple[Figure, ...]:
    """Time one sample in every engine that is installed; in a process all take turns."""
    find_mnist()  # the script would take noise instead
    small, wide = ("784", "32", "10"), ("784", "128", "10")
    processes, networks = (1, (small,)) if context.short else (PROCESSES, (small, wide))
    measured = [[_compare(context, sizes) for _ in range(processes)] for sizes in networks]
    ratios = [run["PyTorch, batch 1"] / run["packed, batch 1"] for run in measured[0]]
    ratio = statistics.median(ratios)
    rows = [
        (name, *(f"{1e6 * median(runs, name):,.1f}" for runs in measured))
        for name in measured[0][0]
    ]
    header = ("CPU microseconds a sample", *("-".join(sizes) for sizes in networks))
    wanted = f"at least {RATIO_WANTED} times as fast"
    if context.short:
        wanted = f"at least {RATIO_SHORT} times as fast (half of {RATIO_WANTED}: short form)"
    return (
        Figure(
            f"a training sample of 784-32-10 at batch 1, {BITS}-bit pixels, against PyTorch, "
            "one thread",
            wanted,
            f"{ratio:.2f} times" + (" (median of three processes)" * (not context.short)),
            ratio >= (RATIO_SHORT if context.short else RATIO_WANTED),
            (
                *markdown_table(header, rows),
                "",
                f"`python scripts/compare_engines.py --fast --rounds {ROUNDS}`: in a process every "
                f"engine takes {ROUNDS} turns, of which the best counts. PyTorch was "
                f"{', '.join(f'{one:.2f}' for one in ratios)} times slower. The images are "
                "in each engine's own form before the clock starts: encoded, which is a sixth of a "
                f"packed step, or arrays and tensors. Packed takes {BITS} bits of a pixel, the "
                "others all 8.",
            ),
        ),
    )


def _compare(context: Context, sizes: Sequence[str]) -> dict[str, float]:
    context.say(f"comparing engines, {'-'.join(sizes)}")
    script = str(context.root / "scripts" / "compare_engines.py")
    rounds = str(ROUNDS_SHORT if context.short else ROUNDS)
    options = ("--json", "--fast", "--rounds", rounds, "--input-bits", str(BITS))
    command = [sys.executable, script, *options, "--sizes", *sizes]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)
    result: dict[str, float] = json.loads(done.stdout)["seconds"]
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
    """Compare packed gradients with those of float lists, from the same weights and pixels."""
    samples = load_mnist(train=200, test=0).train
    worst, rows = 0.0, []
    for bits in (ALL_BITS, BITS):
        worst_here, largest = differences(samples, bits)
        worst = max(worst, worst_here)
        rows.append((f"{bits} bits", f"{worst_here:.1e}", f"{largest:.2f}"))
    header = ("pixels", "worst difference", "largest gradient")
    return (
        Figure(
            "packed against float-list gradients, 784-32-16-10, 200 images, 8-bit and 4-bit pixels",
            f"worst difference at most {DIFFERENCE_LIMIT:g}",
            f"{rows[0][1]} with 8 bits, {rows[1][1]} with 4",
            worst <= DIFFERENCE_LIMIT,
            (
                *markdown_table(header, rows),
                "",
                "Float lists get the same pixels: with 4 bits, those that the packed engine has "
                "rounded down to 16ths.",
            ),
        ),
    )


def differences(samples: Samples, bits: int) -> tuple[float, float]:
    """Return the worst difference of a gradient, and the largest gradient."""
    packed, lists = (
        MLP(*GRADIENT_SIZES, engine=engine, input_bits=bits) for engine in ("packed", "lists")
    )
    for ours, theirs in zip(packed.linears, lists.linears, strict=True):
        theirs.load(ours.weight, ours.bias)
    unused = 8 - bits
    worst, largest = 0.0, 0.0
    for row, target in samples:
        assert isinstance(row, bytes)
        pixels = bytes(pixel >> unused << unused for pixel in row)
        numbers = []
        for network, x in ((packed, row), (lists, pixels)):
            collector = _Collector()
            network.step(x, target, loss="cross_entropy", optimizer=collector)
            numbers.append(collector.numbers)
        worst = max(worst, max(abs(a - b) for a, b in zip(*numbers, strict=True)))
        largest = max(largest, max(map(abs, numbers[1])))
    return worst, largest
