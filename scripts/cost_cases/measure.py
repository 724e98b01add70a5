"""Counts every drawn network on one target, with every kernel that computes its layers."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from pyexport.artifact import Artifact, quantize_inputs
from pyexport.choices import Choices
from pyexport.ir import Array, Dataset
from pyexport.kernel_choice import Observed, observed_in
from pyexport.lower import lower
from pyexport.lower.costs import step_work
from pyexport.lower.kernels import KERNELS
from pyexport.lower.kernels.linear_ldi16 import WEIGHT_BYTES
from pyexport.pipeline import Export, ExportOptions, export_model, render_artifact
from pyexport.program import Step
from pyexport.runners.compilers import compiler_for
from pyexport.targets import get_target
from pyexport.verify.subject import header_interface
from scripts.cost_cases.batch import LEVEL, Case, Counted, count_cases
from scripts.cost_cases.draws import FAMILIES
from scripts.cost_cases.fit import Equation, equation

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
BATCH = 24  # headers of one image
MANY, CALLED_STEP = 14, 2  # a product that is a call is counted long, and digits explain it
SPARSE = (  # families whose zeros count
    *(
        "linear",
        "digits_linear",
        "narrow_linear",
        "conv",
        "uneven_conv",
        "conv_pool",
        "flat",
        "small_cnn",
    ),
)
SPIKING = ("spiking", "direct_spiking", "other_spiking", "current_spiking")
SPIKING_TARGETS = ("cortex-m4", "rv32imc")
STEP_BYTES = 1_000  # of code, of a step of these: more than others take
BATCH_BYTES = 40_000  # of tables and weights in code: an AVR reads with 16-bit addresses


@dataclass(frozen=True, eq=False)
class Drawn:
    """A quantized network, the rows that it is counted on, and what is seen in each."""

    name: str
    artifact: Artifact
    rows: Array
    seen: tuple[Observed, ...]


@dataclass(frozen=True, eq=False)
class Build:
    """One network with one choice of kernels."""

    drawn: Drawn
    export: Export

    @property
    def kernels(self) -> tuple[str, ...]:
        """The kernels of its steps, without those that have nothing to do."""
        return tuple(s.kernel for s in self.steps if not s.is_free)

    @property
    def steps(self) -> list[Step]:
        """All steps."""
        return [step for step in self.export.program.steps if isinstance(step, Step)]


@dataclass(frozen=True, eq=False)
class Sample:
    """What one build cost."""

    build: Build
    counted: Counted
    equations: tuple[Equation, ...]  # one a row


@cache
def drawn_networks(families: tuple[str, ...], step: int = 1) -> tuple[Drawn, ...]:
    """Return the networks of the families, the same ones every time: of many every step-th."""
    return tuple(
        _drawn(family.__name__, number, family)
        for family, count in FAMILIES.items()
        if family.__name__ in families
        for number in range(0, count, step if count >= MANY else 1)
    )


def _drawn(name: str, number: int, family: Callable[[Random], object]) -> Drawn:
    from scripts.cost_cases.net import Net

    net = family(Random(f"{name} {number}"))
    assert isinstance(net, Net)
    options = ExportOptions(
        "net", lanes=net.lanes, scheme=net.scheme, weights=net.weights, check_fits=False
    )
    artifact = export_model(net.model(), options).artifact
    reals = net.rows()
    rows = quantize_inputs(artifact, Dataset(reals.reshape(len(reals), *net.shape)))
    if name not in SPARSE + SPIKING:
        rows = rows[:2]
    seen = tuple(observed_in(artifact.graph, row[None], "one row") for row in rows)
    return Drawn(f"{name} {number}", artifact, rows, seen)


def builds(target: str, families: tuple[str, ...], priced: Container[str] = ()) -> Iterator[Build]:
    """Return every network with every kernel that computes a layer of it on a target.

    priced: kernels to leave out; then networks are not built by what a goal alone chooses either.
    """
    chip = get_target(target)
    number = 0
    for drawn in drawn_networks(families, 1 if chip.multiplies else CALLED_STEP):
        graph = drawn.artifact.graph
        seen: set[str] = set()
        wanted: list[Choices] = [Choices(goal=goal) for goal in ("size", "speed", "constant-time")]
        names = dict.fromkeys(
            k.name for n in graph.nodes for k in KERNELS if k.matches(n, graph, chip)
        )
        if priced:
            wanted, names = [], dict.fromkeys(name for name in names if name not in priced)
        wanted += [Choices(goal=g, kernels=(n,)) for n in names for g in ("speed", "constant-time")]
        for choices in wanted:
            program = lower(graph, chip, choices)
            steps = repr([(s.kernel, s.params) for s in program.steps if isinstance(s, Step)])
            if steps not in seen:
                seen.add(steps)
                named = replace(drawn.artifact, name=f"k{number}", target=target, choices=choices)
                number += 1
                yield Build(drawn, render_artifact(named, check=False))


EVERY = tuple(family.__name__ for family in FAMILIES)


def families_of(target: str) -> tuple[str, ...]:
    """Return the families whose counts explain what a target takes.

    Prices of spiking kernels were 14 % off whole networks in the mean on ATmega328P, 35 % at most,
    and 6.5 % on Cortex-M0, 12.5 % at most; those of RV32EC, which list digits, have no counts.
    """
    explained = target in SPIKING_TARGETS
    return tuple(name for name in EVERY if explained or name not in SPIKING)


def measure(
    target: str,
    folder: Path,
    say: Callable[[str], None] = lambda text: None,
    families: tuple[str, ...] = EVERY,
    priced: Container[str] = (),
) -> list[Sample]:
    """Return what every build costs on a target; folder keeps counts of headers known before.

    priced: kernels that have prices already; then only builds of others are counted.
    """
    path = folder / f"{target}.json"
    known: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    every = [one for one in builds(target, families, priced) if not priced or _is_new(one, priced)]
    keys = {id(build): _key(target, build) for build in every}
    missing = [build for build in every if keys[id(build)] not in known]
    done = 0
    for batch in _batches(missing):
        for build, counted in zip(batch, count_cases(target, list(map(_case, batch))), strict=True):
            known[keys[id(build)]] = [counted.counts, counted.stack, counted.code]
        done += len(batch)
        path.write_text(json.dumps(known), encoding="utf-8")
        say(f"{target}: {done} of {len(missing)} networks counted")
    found = []
    for build in every:
        counts, stack, code = known[keys[id(build)]]
        counted = Counted(tuple(counts), stack, code)
        found.append(Sample(build, counted, _equations(target, build, counted)))
    return found


def _is_new(build: Build, priced: Container[str]) -> bool:
    return bool(build.kernels) and all(kernel not in priced for kernel in build.kernels)


def _case(build: Build) -> Case:
    export = build.export
    interface = header_interface(export.artifact, export.program)
    return Case(export.header, interface, build.drawn.rows)


def _key(target: str, build: Build) -> str:
    """Return what decides a count: the code, the rows, the compiler."""
    compiler = compiler_for(get_target(target), "gcc").version
    digest = hashlib.sha256(f"{target} {compiler} {LEVEL}".encode())
    name = build.export.artifact.name
    code = _COMMENT.sub("", build.export.header).replace(f"{name}_", "").replace(name.upper(), "")
    digest.update(code.encode())
    digest.update(build.drawn.rows.tobytes())
    return digest.hexdigest()[:24]


def _batches(all_builds: Iterable[Build]) -> Iterator[list[Build]]:
    batch: list[Build] = []
    size = 0
    for build in all_builds:
        bytes_of = build.export.program.const_bytes + _weights_in_code(build)
        bytes_of += STEP_BYTES * len(build.kernels) * (build.drawn.name.split()[0] in SPIKING)
        if batch and (len(batch) == BATCH or size + bytes_of > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(build)
        size += bytes_of
    if batch:
        yield batch


def _weights_in_code(build: Build) -> int:
    """Return the bytes of code that weights take which are no table."""
    kept = [dict(step.params).get("weights", "") for step in build.steps]
    return sum(WEIGHT_BYTES * len(str(digits)) // 2 for digits in kept)


def _equations(target: str, build: Build, counted: Counted) -> tuple[Equation, ...]:
    graph = build.export.artifact.graph
    nodes = {node.name: node for node in graph.nodes}
    multiplies = get_target(target).multiplies
    found = []
    for count, seen in zip(counted.counts, build.drawn.seen, strict=True):
        digits = None if multiplies else seen.digits
        works = [
            (
                step.kernel,
                step_work(step, nodes[step.node], graph, seen.shares, digits, seen.firing),
            )
            for step in build.steps
            if not step.is_free
        ]
        found.append(equation(works, count))
    return tuple(found)


def scratch_free_stack(sample: Sample) -> int:
    """Return the bytes of stack beside the scratch."""
    return max(sample.counted.stack - sample.build.export.program.arena_bytes, 0)


def spread(errors: list[float]) -> tuple[float, float]:
    """Return the mean and the largest magnitude."""
    sizes = np.abs(errors)
    return float(sizes.mean()), float(sizes.max())
