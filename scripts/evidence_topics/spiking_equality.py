"""Spikes and membranes on every implementation: definition, simulator, host and chips."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import pyexport
from pyexport.runners import open_runner
from pyexport.simulator import definition
from pyexport.simulator.fast import FastSimulator
from pyexport.simulator.plain import read_plain
from pyexport.verify import Subject, Suite, subject_from_header
from pyexport.verify.compare import compare_suite, simulate_suite
from scripts.evidence_topics.figures import Context, Figure, markdown_table

TARGETS = ("host-gcc", "cortex-m0", "cortex-m4", "rv32imc", "atmega328p")
SHORT_TARGETS = ("host-gcc", "cortex-m0")
IMAGES, STREAMS = 360, 1_000


def equality(context: Context, models: tuple[tuple[str, Path], ...]) -> tuple[Figure, ...]:
    """Compare the test images and random streams of some models, membranes of each step included.

    models: title and file; those of the event streams take random streams instead of images
    """
    lines: list[tuple[str, ...]] = []
    differing = 0
    for number, (title, path) in enumerate(models):
        name = f"snn_equal_{number}"
        pyexport.export(path, context.folder, name)
        subject = subject_from_header(context.folder / f"{name}.h")
        suite = _rows(subject, title, context.short)
        context.say(f"{title}: {len(suite.rows)} rows")
        simulator = FastSimulator(subject.artifact.graph)
        wrong = _definition(subject, simulator, suite)
        differing += wrong
        lines.append((title, "definition", f"{len(suite.rows):,}", "-", str(wrong), "plain Python"))
        expected = simulate_suite(simulator, suite)
        for target in SHORT_TARGETS if context.short else TARGETS:
            runner = open_runner(target, subject.header, subject.interface)
            found = compare_suite(subject.artifact, runner, suite, expected)
            differing += found.differing_rows + (found.rows != len(suite.rows))
            lines.append(
                (
                    title,
                    target,
                    f"{found.rows:,}",
                    f"{found.accumulators:,}",
                    str(found.differing_rows),
                    runner.compiler,
                )
            )
    header = ("network", "where", "rows", "membranes", "rows that differ", "made by")
    total = sum(int(line[3].replace(",", "")) for line in lines if line[3] != "-")
    return (
        Figure(
            "spikes and membranes: definition = host = Cortex-M0/M4 = RV32 = ATmega328P",
            f"0 differ, {IMAGES} images and {STREAMS:,} random streams"
            + " (some of them: short form)" * context.short,
            f"{differing} rows differ; {total:,} membranes and sums compared",
            differing == 0,
            markdown_table(header, lines),
        ),
    )


def _rows(subject: Subject, title: str, short: bool) -> Suite:
    """Return the stored test images, or for a model of 0 and 1 over time random streams."""
    artifact = subject.artifact
    samples = artifact.samples
    assert samples is not None  # stored by the scripts that train them
    quant = artifact.graph.input.quant
    assert quant is not None
    if (quant.low, quant.high) != (0, 1):
        return Suite(title, samples.inputs[: 20 if short else IMAGES])
    random = np.random.default_rng(9)
    count = 40 if short else STREAMS
    rates = random.random((count, 1)) ** 2  # from silence to an event at every place
    return Suite(title, (random.random((count, samples.inputs.shape[1])) < rates).astype(np.uint8))


def _definition(subject: Subject, simulator: FastSimulator, suite: Suite) -> int:
    """Return how many rows the plain Python definition computes otherwise, membranes included."""
    plain = read_plain(subject.header.with_suffix(".px"))
    fast = simulator.trace(suite.rows)
    assert fast.accumulators is not None  # trace() always returns them
    differing = 0
    for row, outputs, sums in zip(
        suite.rows.tolist(), fast.outputs.tolist(), fast.accumulators.tolist(), strict=True
    ):
        result = definition.run(plain, row)
        differing += not (result.outputs == outputs and list(result.accumulators.values()) == sums)
    return differing
