"""Costs: memory on every chip, the time of an export, the speed of the simulator."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time

from pyexport.runners import open_runner
from pyexport.verify.session import MEASURED_ROWS
from pyexport.verify.subject import input_bytes, output_bytes
from scripts.evidence_topics.digits import exported, trained
from scripts.evidence_topics.figures import Context, Figure, markdown_table

AVR_LIMIT = 300  # bytes
EXPORT_LIMIT = 0.7  # seconds
RATE_WANTED = 250_000  # inferences a second
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def memory(context: Context, chips: tuple[str, ...]) -> tuple[Figure, ...]:
    """Measure every chip: tables in RAM, foreign helpers, and the memory of one inference."""
    subject = exported(context)
    samples = subject.artifact.samples
    assert samples is not None  # the training script stores its test images
    rows = samples.inputs[:MEASURED_ROWS]
    lines, problems, in_ram, avr_total = [], [], 0, 0
    for name in chips:
        runner = open_runner(name, subject.header, subject.interface)
        cost = runner.measure(rows)
        problems += [f"{name}: {f.name}: {f.detail}" for f in runner.check() if not f.ok]
        in_ram += cost.ram_static_bytes
        if name == "atmega328p":
            avr_total = cost.ram_static_bytes + cost.stack_bytes
            avr_total += input_bytes(subject.artifact) + output_bytes(subject.artifact)
        lines.append(
            (
                name,
                f"{cost.flash_bytes:,}",
                f"{cost.parameters_bytes:,}",
                str(cost.ram_static_bytes),
                str(cost.stack_bytes),
                f"{cost.count_mean:,.0f} {cost.unit}",
                cost.compiler,
            )
        )
    header = ("target", "flash", "of it tables", "static RAM", "stack", "an inference", "compiler")
    return (
        Figure(
            "parameters in RAM; 64-bit or libc helpers on the predict path",
            "0 bytes; none",
            f"{in_ram} bytes; {len(problems)} findings",
            in_ram == 0 and not problems,
            (*markdown_table(header, lines), *("", *problems)),
        ),
        Figure(
            "ATmega328P: static RAM, stack, input and output of one inference",
            f"at most {AVR_LIMIT} bytes",
            f"{avr_total} bytes",
            0 < avr_total <= AVR_LIMIT,
        ),
    )


def export_time(context: Context) -> tuple[Figure, ...]:
    """Time scripts/export.py as a whole process."""
    model = trained(context)
    script = str(context.root / "scripts" / "export.py")
    folder = context.folder / "timed"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    seconds = []
    for _ in range(10):
        started = time.perf_counter()
        command = [sys.executable, script, str(model), "--name", "digits", "--output", str(folder)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
        seconds.append(time.perf_counter() - started)
    shutil.rmtree(folder)
    seconds = sorted(seconds[1:])  # the first one wrote the bytecode
    median = statistics.median(seconds)
    return (
        Figure(
            "export.py on a saved digits model",
            f"under {EXPORT_LIMIT} s wall",
            f"{seconds[0]:.2f} s (best of 9 runs, median {median:.2f} s)",
            seconds[0] < EXPORT_LIMIT,
        ),
    )


_RATE = """
import sys, time
import numpy as np
from pathlib import Path
from pyexport.artifact import read_artifact
from pyexport.simulator.fast import FastSimulator
artifact = read_artifact(Path(sys.argv[1]))
simulator = FastSimulator(artifact.graph)
rows = np.random.default_rng(0).integers(0, 17, size=(200_000, 64)).astype(np.uint8)
simulator.run(rows[:4096])
best = min(
    (lambda started: (simulator.run(rows), time.perf_counter() - started)[1])(time.perf_counter())
    for _ in range(5)
)
print(len(rows) / best)
"""


def simulator_rate(context: Context) -> tuple[Figure, ...]:
    """Measure the fast simulator in a process with one thread."""
    px = exported(context).header.with_suffix(".px")
    environment = os.environ | ONE_THREAD | {"PYTHONPATH": str(context.root)}
    command = [sys.executable, "-c", _RATE, str(px)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    rate = float(done.stdout)
    return (
        Figure(
            "fast simulator, digits, one core",
            f"at least {RATE_WANTED:,} inferences a second",
            f"{rate:,.0f} (best of 5 runs)",
            rate >= RATE_WANTED,
        ),
    )
