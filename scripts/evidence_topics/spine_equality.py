"""Equality and accuracy: the definition, the host compilers and the emulated chips."""

from __future__ import annotations

import statistics

import numpy as np

from pyexport.runners import open_runner
from pyexport.simulator import definition
from pyexport.simulator.fast import FastSimulator
from pyexport.simulator.plain import read_plain
from pyexport.verify import Suite
from pyexport.verify.compare import compare_suite, simulate_suite
from scripts.evidence_topics.digits import digits_rows, exported, random_rows
from scripts.evidence_topics.figures import Context, Figure, markdown_table

SEEDS = 5
DIGITS = 1_797  # images of the data set
TEST_IMAGES = 360  # of these, held out from training
HOST_RANDOM = 100_000
CHIP_RANDOM = 1_000


def equality_with_the_definition(context: Context) -> tuple[Figure, ...]:
    """Compare the plain Python definition with the fast simulator."""
    subject = exported(context)
    count = 1_000 if context.short else HOST_RANDOM
    rows = np.concatenate([digits_rows(subject.artifact), random_rows(subject.artifact, count)])
    fast = FastSimulator(subject.artifact.graph).trace(rows)
    assert fast.accumulators is not None  # trace() always returns them
    plain = read_plain(subject.header.with_suffix(".px"))
    differing = 0
    for row, outputs, sums in zip(rows.tolist(), fast.outputs, fast.accumulators, strict=True):
        result = definition.run(plain, row)
        same = result.outputs == outputs.tolist()
        differing += not (same and list(result.accumulators.values()) == sums.tolist())
    return (
        Figure(
            "definition = fast simulator",
            f"0 differ, {DIGITS:,} digits and {count:,} random",
            f"{differing} of {len(rows):,} rows differ",
            differing == 0 and len(rows) == DIGITS + count,
        ),
    )


def equality_on_targets(context: Context, names: tuple[str, ...], chips: bool) -> Figure:
    """Compare runners with the fast simulator: outputs, classes and accumulators."""
    subject = exported(context)
    artifact = subject.artifact
    digits = artifact.samples.inputs if chips and artifact.samples else digits_rows(artifact)
    count = CHIP_RANDOM if chips else HOST_RANDOM
    suites = (Suite("digits", digits), Suite("random", random_rows(artifact, count)))
    simulator = FastSimulator(artifact.graph)
    expected = [simulate_suite(simulator, suite) for suite in suites]
    lines: list[tuple[str, ...]] = []
    differing = 0
    wanted_rows = (TEST_IMAGES if chips else DIGITS) + count
    complete = True
    for name in names:
        context.say(f"running on {name}")
        runner = open_runner(name, subject.header, subject.interface)
        results = [
            compare_suite(artifact, runner, suite, answer)
            for suite, answer in zip(suites, expected, strict=True)
        ]
        wrong = sum(r.differing_rows for r in results)
        differing += wrong
        complete &= sum(r.rows for r in results) == wanted_rows
        lines.append(
            (
                name,
                f"{sum(r.rows for r in results):,}",
                f"{sum(r.output_bytes for r in results):,}",
                f"{sum(r.accumulators for r in results):,}",
                str(wrong),
                runner.compiler,
            )
        )
    header = ("target", "rows", "output bytes", "accumulators", "rows that differ", "compiler")
    rows = f"{TEST_IMAGES if chips else DIGITS:,} digits and {count:,} random"
    return Figure(
        f"{'emulated chips' if chips else 'host compilers'} = simulator",
        f"0 differ, {rows}",
        f"{differing} rows differ on {len(names)} targets, {wanted_rows:,} rows each",
        differing == 0 and complete,
        markdown_table(header, lines),
    )


def accuracy(context: Context) -> tuple[Figure, ...]:
    """Train and export five seeds: float accuracy and what the integers cost."""
    seeds = range(1 if context.short else SEEDS)
    shares = []
    for seed in seeds:
        result = exported(context, seed).artifact.accuracy
        assert result is not None  # the training script stores its test images
        shares.append((100 * result.float_correct / result.rows,
                       100 * result.exported_correct / result.rows))  # fmt: skip
    float_mean = statistics.mean(f for f, _ in shares)
    gap = max(abs(f - q) for f, q in shares)
    rows = [(str(s), f"{f:.2f} %", f"{q:.2f} %") for s, (f, q) in zip(seeds, shares, strict=True)]
    return (
        Figure(
            "digits accuracy, float, mean of five seeds",
            "at least 96 %",
            f"{float_mean:.2f} % ({len(shares)} seeds)",
            float_mean >= 96.0,
            markdown_table(("seed", "float", "int8"), rows),
        ),
        Figure(
            "int8 against float, worst seed",
            "within 0.3 points",
            f"{gap:.2f} points",
            gap <= 0.3,
        ),
    )
