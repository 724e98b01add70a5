"""Memory plans against their lower bound, and what export says of a model that does not fit."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pyexport
from pyexport.errors import DoesNotFitError
from pyexport.footprint import check_budget
from pyexport.ir import Model
from pyexport.lower.memory import plan_memory
from pyexport.memory_picture import memory_picture
from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.runners import open_runner
from pyexport.targets import get_target
from pyexport.verify.subject import header_interface
from scripts.evidence_topics.digits import trained
from scripts.evidence_topics.figures import Context, Figure, markdown_table
from scripts.memory_plans.branching import branching
from scripts.memory_plans.machine import run_plan

GRAPHS = 1_000
SHORT_GRAPHS = 60
RATIO = 1.05
FIT_MODELS = ("digits", "series_gestures", "gru_gestures")
FIT_TARGETS = ("cortex-m0", "atmega328p")
RAM_ERROR = 16  # bytes


def arena(context: Context, examples: tuple[tuple[str, Export], ...] = ()) -> tuple[Figure, ...]:
    """Plan random branching graphs and example models; run each plan on labelled bytes."""
    count = SHORT_GRAPHS if context.short else GRAPHS
    ratios = []
    for seed in range(count):
        problem = branching(seed)
        plan = plan_memory(problem)
        run_plan(problem, plan)  # raises AssertionError where a byte is lost
        ratios.append((plan.size / plan.lower_bound if plan.lower_bound else 1.0, seed))
        if seed % 100 == 99:
            context.say(f"planned {seed + 1} graphs")
    worst, at = max(ratios)
    exact = sum(ratio == 1.0 for ratio, _ in ratios)
    models = examples or (("digits", _export(context, "digits", None)),)
    lines, far = [], 1.0
    for name, example in models:
        program = example.program
        ratio = program.arena_bytes / program.arena_lower_bound if program.arena_bytes else 1.0
        far = max(far, ratio)
        peak = memory_picture(program)
        lines.append(
            (
                name,
                f"{program.arena_bytes:,}",
                f"{program.arena_lower_bound:,}",
                f"{ratio:.3f}",
                peak.steps[peak.peak],
            )
        )
    header = ("model", "scratch", "lower bound", "ratio", "peak while")
    return (
        Figure(
            "arena against the lower bound, random branching graphs",
            f"at most {RATIO} times each",
            f"at most {worst:.3f} times (graph {at}); {exact:,} of {count:,} at the bound",
            worst <= RATIO,
        ),
        Figure(
            "arena against the lower bound, example models",
            f"at most {RATIO} times each",
            f"at most {far:.3f} times",
            far <= RATIO,
            markdown_table(header, lines),
        ),
    )


def does_not_fit(context: Context) -> tuple[Figure, ...]:
    """Ask for one byte less of RAM than a chip really uses, and read the line that refuses it."""
    lines, worst, problems = [], 0, []
    models = FIT_MODELS[:1] if context.short else FIT_MODELS
    for name, target in product(models, FIT_TARGETS):
        export = _export(context, name, target)
        used = _used(context.folder / f"fits-{name}-{target}", export, target)
        line = _refusal(export, target, used - 1)
        found = re.search(r"it needs (\d+), (\d+) more", line)
        layers = [node.name for node in export.artifact.graph.nodes]
        if found is None or "\n" in line or not any(layer in line for layer in layers):
            problems.append(f"{name}, {target}: {line or 'not refused'}")
            continue
        worst = max(worst, abs(int(found[1]) - used))
        lines.append((name, target, str(used), found[1], line.replace("|", "/")))
    header = ("model", "target", "used on the emulated chip", "stated", "the line")
    return (
        Figure(
            "a model that does not fit: RAM stated, against the emulator",
            f"one line that names layers, exit 1, right by at most {RAM_ERROR} bytes",
            f"off by at most {worst} bytes; {len(problems)} lines wrong",
            worst <= RAM_ERROR and not problems,
            (*markdown_table(header, lines), *problems),
        ),
    )


def _export(context: Context, name: str, target: str | None) -> Export:
    digits = name == "digits"
    path = trained(context) if digits else context.root / "examples" / "models" / f"{name}.pt2"
    model: Model = pyexport.load(path)
    return export_model(model, ExportOptions(name, target=target))


def _used(folder: Path, export: Export, target: str) -> int:
    """Return the bytes of RAM that an inference used on the chip itself, with its own memory."""
    header = export.write(folder)[0]
    interface = header_interface(export.artifact, export.program)
    cost = open_runner(target, header, interface).measure(export.artifact.vectors.inputs)
    buffers = interface.input_bytes + interface.output_bytes
    return cost.ram_static_bytes + cost.stack_bytes + buffers


def _refusal(export: Export, target: str, ram: int) -> str:
    try:
        check_budget(export, get_target(target), None, ram)
    except DoesNotFitError as error:
        return str(error) if error.exit_code == 1 else ""
    return ""
