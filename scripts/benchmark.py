#!/usr/bin/env python3
"""Counts what networks cost on emulated chips: python scripts/benchmark.py [--check].

Instructions come from unicorn and cycles of AVR from simavr; both are exact, so that a figure that
grows is no noise. Every header's bytes are compared with the simulator first. Without --check the
figures are written to docs/evidence/kernels.json and benchmark.md, the previous ones beside them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from pyexport.errors import PyexportError
from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.runners import open_runner
from pyexport.runners.compilers import compiler_problem
from pyexport.simulator.fast import FastSimulator
from pyexport.targets import get_target
from pyexport.verify import Subject, build_suites
from scripts.benchmark_models import LEVELS, NETWORKS, Network, load_network
from scripts.benchmark_peers import PEERS
from scripts.benchmark_search import costliest, without_zeros

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "evidence"
TARGETS = ("cortex-m4", "cortex-m0", "rv32imc", "rv32ec", "atmega328p")
# how an export is made: its goal, and the bits of its final sums
VARIANTS = (("size", 32), ("balanced", 16), ("speed", 16), ("constant-time", 16))
MAX_GROWTH = 1.02  # of a count, before --check fails
MOST_EXTREMES, FEW_EXTREMES = 40, 6  # rows that reach the ends of accumulators
LARGE_MACS = 50_000  # a network that is counted on fewer of them


@dataclass(frozen=True)
class Count:
    """What one network costs on one target with one choice of kernels."""

    network: str
    target: str
    goal: str
    lanes: int
    kernels: str  # of the layers, in order, without repeats
    compiler: str  # that counts least, and its level
    unit: str
    mean: float  # over the 20 samples
    worst: int  # over samples, corners, and inputs that reach the ends of sums
    least: int
    per_mac: float
    flash: int
    stack: int
    accuracy: float  # of the exported network on its evaluation rows
    float_accuracy: float
    wanted: str = ""  # kernels that were asked for by name
    dense: float = 0.0  # mean over the samples with 1 for every 0; 0.0: not counted

    @property
    def key(self) -> str:
        """What makes it the same count as an earlier one."""
        return " ".join(
            filter(None, (self.network, self.target, self.goal, str(self.lanes), self.wanted))
        )


def count(
    network: Network, target: str, goal: str, lanes: int, wanted: tuple[str, ...] = ()
) -> Count:
    """Return the cheapest build; raises ValueError if one differs from the simulator."""
    options = ExportOptions(
        network.name,
        optimize=goal,
        lanes=lanes,
        weights=network.weights,
        kernels=wanted,
        target=target,
        check_fits=False,
    )
    export = export_model(network.model, options)
    with tempfile.TemporaryDirectory(prefix="pyexport-") as folder:
        header = Path(folder) / f"{network.name}.h"
        header.write_text(export.header, encoding="utf-8")
        subject = Subject(export.artifact, export.program, header, header.name)
        found = [
            _build(network, export, subject, target, compiler, level)
            for compiler in _compilers(target)
            for level in ("-Os", "-O2")
        ]
    kernels = dict.fromkeys(step.kernel for step in export.program.steps)  # type: ignore[union-attr]
    best = min(found, key=lambda one: float(one["mean"]))
    accuracy = export.artifact.accuracy
    assert accuracy is not None  # the networks are stored with evaluation rows
    return Count(
        network=network.name,
        target=target,
        goal=goal,
        lanes=lanes,
        kernels=", ".join(kernels),
        per_mac=round(best["mean"] / network.macs, 3),
        accuracy=round(accuracy.exported_correct / accuracy.rows, 4),
        float_accuracy=round(accuracy.float_correct / accuracy.rows, 4),
        wanted=" ".join(wanted),
        **best,
    )


def _compilers(target: str) -> list[str]:
    """Return the compilers that are installed for a target."""
    record = get_target(target)
    names = ["zig"] if record.zig_flags else []
    names += [record.gcc] if record.gcc else []
    return [name for name in names if compiler_problem(name) is None]


def _build(
    network: Network, export: Export, subject: Subject, target: str, compiler: str, level: str
) -> dict[str, Any]:
    runner = open_runner(
        target, subject.header, subject.interface, compiler=compiler, optimize=level, roomy=True
    )
    suite = build_suites(export.artifact, ("extremes",))[0]
    most = MOST_EXTREMES if network.macs < LARGE_MACS else FEW_EXTREMES
    step = max(1, len(suite.rows) // most)
    searched = costliest(export.artifact.graph, network.samples, LEVELS)
    hard = np.concatenate([_corners(network.samples), suite.rows[::step][:most], searched])
    dense = without_zeros(network.samples)
    rows = np.concatenate([network.samples, dense, hard])
    if not np.array_equal(runner.run(rows).outputs, FastSimulator(export.artifact.graph).run(rows)):
        raise ValueError(f"{network.name}, {target}, {runner.compiler}: bytes differ")
    usual, extreme = runner.measure(network.samples), runner.measure(hard)
    full = runner.measure(dense if network.macs < LARGE_MACS else dense[:FEW_EXTREMES])
    return {
        "compiler": usual.compiler,
        "unit": usual.unit,
        "mean": round(float(usual.count_mean), 1),
        "dense": round(float(full.count_mean), 1),
        "worst": int(max(one.count_max for one in (usual, full, extreme))),
        "least": int(min(one.count_min for one in (usual, full, extreme))),
        "flash": usual.flash_bytes,
        "stack": max(usual.stack_bytes, extreme.stack_bytes),
    }


def _corners(samples: Any) -> Any:
    """Return the inputs that are all least, and all greatest: none of these is zero."""
    return np.stack([np.zeros_like(samples[0]), np.full_like(samples[0], 16)])


def markdown(counts: list[Count], before: dict[str, Any]) -> str:
    """Return the page: a table a network, with the previous mean beside each."""
    lines = [
        "# Kernels on three networks",
        "",
        "What one inference costs on emulated chips, by `python scripts/benchmark.py`. The mean is",
        "over 20 test images, whose numbers are fixed, as are the weights; dense is the mean over",
        "these with 1 for every 0; the worst case is the most of all these, of inputs that reach",
        "the ends of a sum, and of inputs searched for what they cost; constant: all of them take",
        "as many. Peer is the best other library that was counted, on a network of equal accuracy,",
        "and how many times more it needs than our mean. Instructions are",
        "counted by unicorn, cycles of the ATmega by simavr. Each row names the best of the",
        "compilers here (zig cc, GNU) at -Os and -O2. All bytes equal the simulator's.",
        "",
    ]
    for name in dict.fromkeys(one.network for one in counts):
        rows = [one for one in counts if one.network == name]
        first = rows[0]
        lines += [
            f"## Network {name.upper()}: {NETWORKS[name][0]}",
            "",
            f"{round(first.mean / first.per_mac):,} multiply-accumulates; float "
            f"{100 * first.float_accuracy:.2f} % right.",
            "",
            "| target | optimize, lanes | kernels | mean | before | dense | worst | per MAC "
            "| peer | flash | stack | right | compiler |",
            "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
        ]
        for one in rows:
            old = before.get(one.key, {}).get("mean")
            unit = " cycles" if one.unit == "cycles" else ""
            lines.append(
                f"| {one.target} | {one.goal}, {one.lanes}{_by_name(one)} | {one.kernels} "
                f"| {one.mean:,.0f}{unit} "
                f"| {f'{old:,.0f}' if old is not None else '-'} "
                f"| {f'{one.dense:,.0f}' if one.dense else '-'} | {_worst(one)} "
                f"| {one.per_mac:.2f} | {_peer(one)} | {one.flash:,} | {one.stack:,} "
                f"| {100 * one.accuracy:.2f} % | {one.compiler} |"
            )
        lines.append("")
    return "\n".join(lines)


def _worst(one: Count) -> str:
    return f"{one.worst:,}" + (", constant" if one.least == one.worst else "")


def _peer(one: Count) -> str:
    """Return the best other library, and how many times more it needs."""
    known = PEERS.get((one.network, one.target))
    return f"{known[0]} {known[1]:,}, {known[1] / one.mean:.1f}x" if known else "-"


def _by_name(one: Count) -> str:
    return f", {one.wanted} by name" if one.wanted else ""


def grown(counts: list[Count], before: dict[str, Any]) -> list[str]:
    """Return what now costs over 2 % more with the same compiler, one line each."""
    lines = []
    for one in counts:
        old = before.get(one.key)
        if old is None or old["compiler"] != one.compiler:
            continue
        for field in ("mean", "worst"):
            if getattr(one, field) > old[field] * MAX_GROWTH:
                lines.append(f"{one.key}: {field} {old[field]:,} -> {getattr(one, field):,}")
    return lines


def main() -> int:
    """Count, print and store; returns 1 if --check finds a count that grew."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("networks", nargs="*", default=list(NETWORKS), help="a, b, b4, c")
    parser.add_argument("--targets", nargs="+", default=list(TARGETS))
    parser.add_argument("--goals", nargs="+", default=[goal for goal, _ in VARIANTS])
    parser.add_argument("--kernel", action="append", default=[], help="take it where it matches")
    parser.add_argument("--check", action="store_true", help="fail if a count grew; write nothing")
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder of the two files")
    arguments = parser.parse_args()
    path = arguments.output / "kernels.json"
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    counts = []
    for name in arguments.networks:
        network = load_network(name)
        for target in arguments.targets:
            for goal, lanes in VARIANTS:
                if goal not in arguments.goals:
                    continue
                try:
                    one = count(network, target, goal, lanes, tuple(arguments.kernel))
                except PyexportError as error:
                    print(f"{name} {target} {goal}: {error}", file=sys.stderr)
                    continue
                counts.append(one)
                print(f"{one.key}: {one.mean:,.0f} {one.unit}, worst {one.worst:,}", flush=True)
    if arguments.check:
        problems = grown(counts, before)
        for line in problems:
            print(f"GREW: {line}", file=sys.stderr)
        return 1 if problems else 0
    after = {**before, **{one.key: asdict(one) for one in counts}}
    arguments.output.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(after, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    shown = [Count(**after[key]) for key in _ordered(after)]
    text = markdown(shown, before)
    (arguments.output / "benchmark.md").write_text(text, encoding="utf-8")
    return 0


def _ordered(counts: dict[str, Any]) -> list[str]:
    """Return the keys in the order of networks, targets and variants."""
    goals = [goal for goal, _ in VARIANTS]

    def place(key: str) -> tuple[int, int, int, str]:
        one = counts[key]
        targets = list(TARGETS)
        return (
            list(NETWORKS).index(one["network"]),
            targets.index(one["target"]) if one["target"] in targets else len(targets),
            goals.index(one["goal"]),
            one.get("wanted", ""),
        )

    return sorted(counts, key=place)


if __name__ == "__main__":
    sys.exit(main())
