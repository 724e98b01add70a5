"""What one network costs on one emulated chip: the cheapest of the compilers and levels, exactly.

Each build is counted on a few rows; the one that takes least is then compared with the simulator
and counted on all of them. The same C, compilers and rows give the same counts, so that a count
whose header did not change need not be made again.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pyexport.codegen.context import plain_steps
from pyexport.ir import Array
from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.runners import open_runner
from pyexport.runners.compilers import compiler_problem, find_compiler
from pyexport.runners.protocol import Runner
from pyexport.simulator.fast import FastSimulator
from pyexport.targets import get_target
from pyexport.verify import Subject, build_suites
from scripts.benchmark_models import LEVELS, Network
from scripts.benchmark_search import costliest, without_zeros

TARGETS = ("cortex-m4", "cortex-m0", "rv32imc", "rv32ec", "atmega328p")
# how an export is made: its goal, and the bits of its final sums
VARIANTS = (("size", 32), ("balanced", 16), ("speed", 16), ("constant-time", 16))
OPTIMIZE = ("-Os", "-O2")
PROBES = 3  # samples that every build is counted on, beside both corners
EXTREMES = ((5_000, 40), (50_000, 12), (1_000_000, 6))  # products -> rows at the ends of sums
LONG = 200_000  # of an inference that is counted on fewer rows without any 0
FEW = 6
RULES = 2  # goes up when other rows are counted, or in another way


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
    ram: int = 0  # static
    rows: int = 0  # whose bytes were compared with the simulator's
    same: str = ""  # of two counts with equal text neither can differ from the other
    fits: bool = True  # the chip

    @property
    def key(self) -> str:
        """What makes it the same count as an earlier one."""
        return " ".join(
            filter(None, (self.network, self.target, self.goal, str(self.lanes), self.wanted))
        )


def count(
    network: Network,
    target: str,
    goal: str,
    lanes: int,
    wanted: tuple[str, ...] = (),
    known: dict[str, Any] | None = None,
) -> Count:
    """Return the cheapest build; raises ValueError if one differs from the simulator.

    known: earlier counts by what makes them the same; one of the same C is returned as it is.
    """
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
    accuracy = export.artifact.accuracy
    assert accuracy is not None  # the networks are stored with evaluation rows
    same = sameness(export.header, target, (*OPTIMIZE, str(RULES)))
    earlier = (known or {}).get(same)
    best = _counted(network, export, target, goal) if earlier is None else _costs(earlier)
    steps = [step for step in plain_steps(export.program) if not step.is_free]
    return Count(
        network=network.name,
        target=target,
        goal=goal,
        lanes=lanes,
        kernels=", ".join(dict.fromkeys(step.kernel for step in steps)),
        per_mac=round(best["mean"] / network.macs, 3),
        accuracy=round(accuracy.exported_correct / accuracy.rows, 4),
        float_accuracy=round(accuracy.float_correct / accuracy.rows, 4),
        wanted=" ".join(wanted),
        same=same,
        fits=_fits(best, target),
        **best,
    )


def by_sameness(*counts: dict[str, Any]) -> dict[str, Any]:
    """Return stored counts by what makes them the same."""
    return {one["same"]: one for stored in counts for one in stored.values() if one.get("same")}


def sameness(header: str, target: str, rules: tuple[str, ...]) -> str:
    """Return a hash of the C without its comments, of the compilers, and of how it is counted."""
    code = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
    text = "\0".join([code, target, *compiler_versions(target), *rules])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


COSTS = ("compiler", "unit", "mean", "dense", "worst", "least", "flash", "ram", "stack", "rows")


def _costs(earlier: dict[str, Any]) -> dict[str, Any]:
    return {name: earlier[name] for name in COSTS}


def _fits(costs: dict[str, Any], target: str) -> bool:
    chip = get_target(target)
    return bool(
        costs["flash"] <= chip.flash_bytes and costs["ram"] + costs["stack"] <= chip.ram_bytes
    )


def compiler_versions(target: str) -> list[str]:
    """Return the compilers that a count on a target is made with here, each with its version."""
    return [find_compiler(name).version for name in _compilers(target)]


def _compilers(target: str) -> list[str]:
    """Return the compilers that are installed for a target."""
    record = get_target(target)
    names = ["zig"] if record.zig_flags else []
    names += [record.gcc] if record.gcc else []
    return [name for name in names if compiler_problem(name) is None]


def _counted(network: Network, export: Export, target: str, goal: str) -> dict[str, Any]:
    samples, hard = network.samples, _hard(network, export)
    probes = np.concatenate([samples[:PROBES], hard[:2]])
    with tempfile.TemporaryDirectory(prefix="pyexport-") as folder:
        header = Path(folder) / f"{network.name}.h"
        header.write_text(export.header, encoding="utf-8")
        subject = Subject(export.artifact, export.program, header, header.name)
        found: list[tuple[bool, float, Runner]] = []
        for compiler in _compilers(target):
            for level in OPTIMIZE:
                runner = open_runner(
                    target,
                    subject.header,
                    subject.interface,
                    compiler=compiler,
                    optimize=level,
                    roomy=True,
                )
                probe = runner.measure(probes)
                varies = goal == "constant-time" and probe.count_min != probe.count_max
                found.append((varies, probe.count_mean, runner))
        _, mean, runner = min(found, key=lambda one: one[:2])
        dense = without_zeros(samples)
        dense = dense if mean < LONG else dense[:FEW]
        rows = np.concatenate([samples, dense, hard])
        wanted = FastSimulator(export.artifact.graph).run(rows)
        if not np.array_equal(runner.run(rows).outputs, wanted):
            raise ValueError(f"{network.name}, {target}, {runner.compiler}: bytes differ")
        usual, full, extreme = (runner.measure(some) for some in (samples, dense, hard))
    return {
        "compiler": usual.compiler,
        "unit": usual.unit,
        "mean": round(float(usual.count_mean), 1),
        "dense": round(float(full.count_mean), 1),
        "worst": int(max(one.count_max for one in (usual, full, extreme))),
        "least": int(min(one.count_min for one in (usual, full, extreme))),
        "flash": usual.flash_bytes,
        "ram": usual.ram_static_bytes,
        "stack": max(usual.stack_bytes, extreme.stack_bytes),
        "rows": len(rows),
    }


def _hard(network: Network, export: Export) -> Array:
    """Return inputs that are all least, all greatest, at the ends of sums, and searched ones."""
    corners = np.stack([np.zeros_like(network.samples[0]), np.full_like(network.samples[0], 16)])
    rows = build_suites(export.artifact, ("extremes",))[0].rows
    most = next(most for macs, most in EXTREMES if network.macs < macs)
    step = max(1, len(rows) // most)
    searched = _SEARCHED.get(export.artifact.identity)
    if searched is None:
        searched = costliest(export.artifact.graph, network.samples, LEVELS)
        _SEARCHED[export.artifact.identity] = searched
    return np.concatenate([corners, rows[::step][:most], searched])


_SEARCHED: dict[str, Array] = {}  # by the identity of an artifact: goals share it
