"""The hunt beside uniform random search, in pure Python too; and firmware beside simulator."""

from __future__ import annotations

import statistics
import subprocess
import sys

import numpy as np

import pyexport
from pyexport.frontends import load_model
from pyexport.gradients import of_graph
from pyexport.ir import Dataset
from pyexport.pairing import firmware, load_pair
from pyexport.simulator.fast import trace_sizes
from pyexport.verify import Suite
from pyexport.verify.compare import compare_suite, simulate_suite
from pyexport.verify.descent import noise
from pyexport.verify.gaps import random_gap
from pyexport.verify.hunt import hunt_classes, search_randomly
from pyexport.verify.hunting import HuntOptions, widest_gap
from scripts.evidence_topics.figures import Context, Figure, markdown_table
from scripts.evidence_topics.hunting_networks import DIGITS, Network

SUMS = 1 << 24  # accumulators that are compared at once

_PURE = """
import sys, time; sys.modules["numpy"] = None
from itertools import islice
from pathlib import Path
from pyexport.scratch.checkpoint_reader import load
from pyexport.scratch.inputs import Grid, disagreements
from pyexport.simulator import definition
from pyexport.simulator.plain import read_plain

model, px, count, step = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
net, plain = load(model, engine="lists"), read_plain(px)
scale = net.statements["input_scale"]
images, _ = net.statements["evaluation"]
rows = [[round(v) for v in row] for row in images][:200]

def integer_class(row):
    outputs = definition.run(plain, row).outputs
    return max(range(len(outputs)), key=outputs.__getitem__)

started = time.process_time()
found = list(islice(disagreements(net, integer_class, rows, Grid(0, 16, scale, 1.5 * step)), count))
print(len(set(found)), time.process_time() - started)
"""


def disagreements(context: Context, network: Network = DIGITS) -> tuple[Figure, ...]:
    """Hunt and search at random in turn, in one process, on one core."""
    pair, _ = load_pair(network.trained(context))
    samples = pair.artifact.samples
    assert samples is not None  # the training script stores its test images
    wanted, rows = (100_000, 50_000) if context.short else (network.hunted, network.random)
    lines, ratios = [], []
    runs = 2 if context.short else network.runs
    for seed in range(runs):
        hunted = hunt_classes(pair, of_graph(pair.graph), samples.inputs, wanted, seed)
        chance = search_randomly(pair, 1 << 30, rows, seed)
        ratios.append(hunted.rate / chance.rate)
        lines.append(
            (
                str(seed), f"{len(hunted.rows):,}", f"{hunted.lines:,}",
                f"{100 * len(hunted.rows) / hunted.tried:.1f} %", f"{hunted.rate:,.0f}",
                f"{100 * len(chance.rows) / chance.tried:.2f} %", f"{chance.rate:,.0f}",
            )
        )  # fmt: skip
    header = ("seed", "found", "lines", "of tried", "a second", "random, of tried", "a second")
    ratio = statistics.median(ratios)
    least = (
        5.0 if context.short else network.faster
    )  # a short hunt has not learned yet where to look
    return (
        Figure(
            f"distinct disagreements a second, hunt against uniform random{network.title}",
            f"at least {network.faster:.0f} times",
            f"{ratio:.1f} times (median of {runs} runs, least {min(ratios):.1f})",
            ratio >= least,
            (
                *markdown_table(header, lines),
                "",
                "Finds are distinct inputs; those of one line lie two unit moves around one point.",
            ),
        ),
    )


def pure_python(context: Context) -> tuple[Figure, ...]:
    """Hunt with the scratch engine and the plain definition, NumPy blocked."""
    model = context.folder / "hunting-scratch.pt"
    command = [sys.executable, str(context.root / "scripts" / "train_digits_scratch.py")]
    command += ["--splits", "1", "--output", str(model)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    exported = pyexport.export(model, context.folder / "hunting-scratch", "digits")
    quant = exported.artifact.graph.output.quant
    assert quant is not None  # int8
    count = 200 if context.short else 3_000
    px = context.folder / "hunting-scratch" / "digits.px"
    done = subprocess.run(
        [sys.executable, "-c", _PURE, str(model), str(px), str(count), repr(quant.scale)],
        check=True,
        capture_output=True,
        text=True,
        cwd=context.root,
    )
    found, seconds = done.stdout.split()
    rate = int(found) / float(seconds)
    return (
        Figure(
            "the same in pure Python, NumPy blocked: scratch network and definition",
            "at least 100 a second",
            f"{rate:,.0f} a second ({int(found):,} found)",
            rate >= 100.0 and int(found) == count,
        ),
    )


def gaps(context: Context, network: Network = DIGITS) -> tuple[Figure, ...]:
    """Find the largest gap, and calibrate with what was found."""
    source = load_model(network.trained(context))
    pair, _ = load_pair(source)
    samples, old = pair.artifact.samples, source.metadata.calibration
    assert samples is not None and old is not None  # the training script stores both
    options = HuntOptions(steps=network.gap_steps)
    found = widest_gap(pair, of_graph(pair.graph), samples.inputs, options)
    chance = random_gap(pair, 20_000 if context.short else network.gap_random)
    rows = np.concatenate([old.inputs, pair.real(found.worst).reshape(-1, *old.inputs.shape[1:])])
    after, _ = load_pair(source, calibration=Dataset(rows))
    lower = widest_gap(after, of_graph(after.graph), samples.inputs, options)
    right = [p.artifact.accuracy.exported_correct for p in (pair, after) if p.artifact.accuracy]
    ratio = found.size / chance.size
    return (
        Figure(
            f"largest gap of an output, hunt against {network.gap_random:,} uniform random inputs"
            + network.title,
            "at least 10 times",
            f"{ratio:.0f} times ({found.size:.1f} against {chance.size:.2f})",
            ratio >= 10.0,
        ),
        Figure(
            f"the largest gap after --recalibrate{network.title}",
            "reported, and lower",
            f"{lower.size:.2f}, from {found.size:.1f}; int8 right on {right[1]} of "
            f"{len(samples.inputs)} test images, before on {right[0]}",
            lower.size < found.size,
        ),
    )


def compared(context: Context, network: Network = DIGITS) -> tuple[Figure, ...]:
    """Compare finds and uniform random inputs on the host, accumulators too."""
    pair, exported = load_pair(network.trained(context))
    samples = pair.artifact.samples
    assert samples is not None  # the training script stores its test images
    count = 200_000 if context.short else network.compared
    hunted = hunt_classes(
        pair, of_graph(pair.graph), samples.inputs, min(count // 4, 2 * network.hunted)
    )
    differing = total = 0
    block = max(1, SUMS // sum(trace_sizes(pair.artifact.graph)))
    with firmware(exported) as runner:
        for start in range(0, count, block):
            size = min(block, count - start)
            rows = hunted.rows[start : start + size]
            more = pair.integers(noise(size - len(rows), pair.limits, start))
            suite = Suite("hunt", np.concatenate([rows, more]))
            expected = simulate_suite(pair.simulator, suite)
            result = compare_suite(exported.artifact, runner, suite, expected)
            differing, total = differing + result.differing_rows, total + result.rows
    return (
        Figure(
            f"inputs compared, simulator = host C: outputs, classes, accumulators{network.title}",
            f"0 of {network.compared:,} differ",
            f"{differing} of {total:,} differ ({min(len(hunted.rows), count):,} of them hunted)",
            differing == 0 and total == count,
        ),
    )
