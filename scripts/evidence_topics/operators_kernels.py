"""Every registered kernel against the definition, on every target that it is registered for."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from pyexport.lower.kernels import KERNELS
from pyexport.runners import available
from scripts.evidence_topics.figures import Context, Figure, Task, markdown_table
from scripts.kernel_cases.cases import (
    BRANCHES,
    EXERCISED,
    FLOATS,
    GOALS,
    MIXED,
    RAW,
    SPIKING,
    bench_of,
)
from scripts.kernel_cases.compare import NUMPY, Count, compare_bench
from scripts.kernel_cases.exercise import Exercise, exercise

QUICK = (NUMPY, "host-gcc", "host-clang")
CHIPS = (
    "host-sanitized", "cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33",
    "rv32imc", "rv32ec", "wasm32", "atmega328p",
)  # fmt: skip
SHORT = (NUMPY, "host-gcc", "cortex-m0", "rv32ec", "atmega328p")
BENCHES = 5  # of a kernel on this computer
COPIES = ("gather", "concat")  # which often cost nothing, and then run nothing
CHIP_BENCHES = {MIXED: 6, FLOATS[0]: 3, **dict.fromkeys((*RAW, *GOALS, *COPIES, *SPIKING), 3)}
RUNS = (
    *(
        (name, "host") for name in (*BRANCHES, FLOATS[0], *SPIKING)
    ),  # a chain exercises all float kernels
    *((name, "chips") for name in CHIP_BENCHES),
)
WHAT = "bytes and accumulators that differ, every registered kernel on its targets"
# What a comparison depends on: not the frontends, the trainers or the command line.
SOURCES = (
    "pyexport/artifact.py", "pyexport/codegen", "pyexport/fixedpoint.py", "pyexport/graph_check.py",
    "pyexport/integer", "pyexport/lower", "pyexport/program.py", "pyexport/runners",
    "pyexport/simulator", "pyexport/targets", "templates", "firmware/harness",
    "scripts/kernel_cases", "scripts/evidence_topics/operators_kernels.py",
)  # fmt: skip

ELSEWHERE = {"conv2d_tile_swar16": ("rv32imc",)}  # kernels that no short target is offered


def tasks() -> tuple[Task, ...]:
    """Return a task a run, so that an interrupted topic goes on with the next one."""
    runs = [
        Task(f"{place}: {name}", partial(_run, name=name, place=place), SOURCES)
        for name, place in RUNS
    ]
    return (*runs, Task("kernels", kernels, SOURCES))


def _run(context: Context, name: str, place: str) -> tuple[Figure, ...]:
    """Exercise one kernel, or all; the facts are kept for the summary, which makes the figure."""
    if not context.short:
        targets, benches = (QUICK, BENCHES) if place == "host" else (CHIPS, CHIP_BENCHES[name])
        result = exercise(name, targets, benches)
        result.save(context.folder / "kernels")
        _path(context, name, place).write_text(json.dumps(result.as_json()), encoding="utf-8")
    return ()


def kernels(context: Context) -> tuple[Figure, ...]:
    """Sum up; a kernel that no case covers, or that a target never ran, is a failure too."""
    targets = SHORT if context.short else QUICK + CHIPS
    runs = _short_runs() if context.short else _known_runs(context)
    problems = [f"{run['kernel']}: {run['problem']}" for run in runs if run["problem"]]
    problems += [f"{name}: {why}" for name in targets if (why := _missing(name))]
    problems += uncovered(runs)
    for problem in problems:
        context.say(problem)
    total = {key: sum(run[key] for run in runs) for key in ("nodes", "bytes", "sums", "at_ends")}
    differing = sum(run["differing"] + run["outside"] for run in runs)
    registered = {name for run in runs for name, _ in run["offered"]}
    return (
        Figure(
            WHAT,
            "0; every kernel runs on every target that it is registered for",
            f"{differing} of {total['bytes']:,} bytes and {total['sums']:,} accumulators; "
            f"{len(registered)} kernels on {len(targets) - 1} targets, {len(problems)} problems",
            not differing and not problems,
            (*_table(runs), "", *_explanation(total), *problems),
        ),
    )


def uncovered(runs: list[dict[str, Any]]) -> list[str]:
    """Return a line for each kernel without a case, and for each that some target never ran."""
    offered = {tuple(pair) for run in runs for pair in run["offered"]}
    ran = {tuple(pair) for run in runs for pair in run["ran"]}
    names = dict.fromkeys(kernel.name for kernel in KERNELS)  # several records may share one
    lost = [f"kernel {name} has no case" for name in names if name not in EXERCISED]
    known = {name for name, _ in offered}
    lost += [f"kernel {name} was never run" for name in names if name not in known]
    return lost + [f"kernel {k} was never run on {target}" for k, target in sorted(offered - ran)]


def _short_runs() -> list[dict[str, Any]]:
    """Return one case of each kernel, all integer ones of bytes in one header."""
    benches = {
        name: bench_of(name, Random("short"), 8 if name in ELSEWHERE else 2)
        for name in (MIXED, *GOALS, FLOATS[0], *SPIKING)
    }
    runs = []
    for name, bench in benches.items():
        count = Count()
        for target in SHORT:
            count.add(compare_bench(bench, (target,)))
        for target in ELSEWHERE.get(name, ()):  # only this kernel has to run there
            other = compare_bench(bench, (target,))
            other.offered &= {(name, target)}
            count.add(other)
        runs.append(Exercise(name, 1, count).as_json())
    return runs


def _known_runs(context: Context) -> list[dict[str, Any]]:
    paths = [_path(context, name, place) for name, place in RUNS]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def _missing(target: str) -> str | None:
    return None if target == NUMPY else available(target)


def _table(runs: list[dict[str, Any]]) -> tuple[str, ...]:
    rows = []
    for kernel in dict.fromkeys(run["kernel"] for run in runs):
        own = [run for run in runs if run["kernel"] == kernel]
        total = {
            key: sum(run[key] for run in own)
            for key in ("benches", "nodes", "bytes", "sums", "at_ends", "differing", "outside")
        }
        names = kernel if kernel == MIXED else f"`{kernel}`"
        if kernel in FLOATS:
            names = ", ".join(f"`{name}`" for name in FLOATS)
        counts = [f"{total[key]:,}" for key in ("benches", "nodes", "bytes", "sums", "at_ends")]
        rows.append((names, *counts, f"{total['differing'] + total['outside']:,}"))
    header = ("kernel", "benches", "kernel calls", "bytes", "accumulators",
              "at an end of their proof", "wrong")  # fmt: skip
    return markdown_table(header, rows)


def _explanation(total: dict[str, int]) -> tuple[str, ...]:
    return (
        "Hypothesis draws shapes, attributes, weights (all 127, all -127, all zero, random), "
        "biases as far out as 32 bits allow, multipliers of 0 to 32767, shifts of 1 to 30 and "
        "tables. Inputs are all least, all greatest, those at which single sums are greatest and "
        f"least, ties, and random; {total['at_ends']:,} sums reach an end of the range that was "
        "proved for their layer, and none leaves it. A bench is a model of up to 14 such operators "
        "beside each other; calls of all its kernels are counted. Each runs in the definition "
        "(plain Python), which is compared with its NumPy twin and with gcc and clang on this "
        "computer; benches of all kernels also with clang's sanitizers, and with Cortex-M0, M3, "
        "M4, M7 and M33, RV32IMC, WebAssembly and ATmega328P in emulators, which have more memory "
        "than the chips. Both builds run, the plain and the traced one. A bench that fails is "
        "made smaller and written to `build/evidence/kernels/`.",
    )


def _path(context: Context, name: str, place: str) -> Path:
    return context.folder / f"kernel-{name.replace(' ', '-')}-{place}.json"
