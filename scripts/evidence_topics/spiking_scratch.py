"""A spiking network trained in pure Python, exported, and run on chips."""

from __future__ import annotations

import pyexport
from pyexport.runners import open_runner
from pyexport.simulator import definition
from pyexport.simulator.fast import FastSimulator
from pyexport.simulator.plain import read_plain
from pyexport.verify import Suite, subject_from_header
from pyexport.verify.compare import compare_suite, simulate_suite
from pyexport.verify.suites import build_suites
from scripts.evidence_topics.figures import Context, Figure, markdown_table
from scripts.evidence_topics.processes import script

RUNNERS = ("host-gcc", "cortex-m0", "cortex-m4", "rv32imc", "atmega328p")
SEEDS = 3
MOST_SECONDS = 5.0


def moons(context: Context) -> tuple[Figure, ...]:
    """Train on the moons in a Python without packages; export one network and compare it."""
    seeds = range(1 if context.short else SEEDS)
    path = context.folder / "snn-moons.pt"
    runs = [
        script(context, "train_snn_scratch.py", "moons", "--seed", str(seed),
               *(("--output", str(path)) if seed == 0 else ()))
        for seed in seeds
    ]  # fmt: skip
    pyexport.export(path, context.folder, "snn_moons")
    subject = subject_from_header(context.folder / "snn_moons.h")
    suites = build_suites(subject.artifact, ("random", "corners"))
    rows = suites[0].rows[:300]
    suite = Suite("moons", rows)
    simulator = FastSimulator(subject.artifact.graph)
    plain = read_plain(subject.header.with_suffix(".px"))
    outputs = simulator.run(rows).tolist()
    wrong = sum(
        definition.run(plain, row).outputs != output
        for row, output in zip(rows.tolist(), outputs, strict=True)
    )
    lines, differing = [("definition", str(wrong), "plain Python")], wrong
    expected = simulate_suite(simulator, suite)
    for name in RUNNERS[:2] if context.short else RUNNERS:
        runner = open_runner(name, subject.header, subject.interface)
        result = compare_suite(subject.artifact, runner, suite, expected)
        differing += result.differing_rows
        lines.append((name, str(result.differing_rows), runner.compiler))
    slowest = max(float(run["seconds"]) for run in runs)
    least = min(float(run["training_accuracy"]) for run in runs)
    return (
        Figure(
            "spiking network trained in pure Python on the moons",
            f"100 % of the training points, under {MOST_SECONDS:g} s of CPU",
            f"{least:g} %, {slowest:.2f} s at most in {len(runs)} trainings",
            least == 100.0 and slowest < MOST_SECONDS,
        ),
        Figure(
            "the same exported: definition = host C = chips",
            "0 rows differ",
            f"{differing} of {len(rows)} rows differ",
            differing == 0,
            markdown_table(("where", "rows that differ", "made by"), lines),
        ),
    )
