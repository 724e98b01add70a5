"""Runs a bench in the definition and on targets, and counts what differs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from pyexport.artifact import Artifact, write_artifact
from pyexport.errors import DoesNotFitError
from pyexport.ir import Array
from pyexport.lower.kernels import KERNELS
from pyexport.lower.selecting import matching_kernels
from pyexport.pipeline import render_artifact
from pyexport.program import Program, Step
from pyexport.runners import open_runner
from pyexport.runners.catalog import target_of
from pyexport.simulator import definition
from pyexport.simulator.fast import FastSimulator
from pyexport.simulator.plain import read_plain
from pyexport.targets import Target
from pyexport.verify.subject import header_interface
from scripts.kernel_cases.bench import Bench
from scripts.kernel_cases.floats import FloatBench
from scripts.kernel_cases.spiking import SpikingBench
from scripts.kernel_cases.zoo import artifact_of

NUMPY = "NumPy"  # the definition's fast twin, beside the targets that run C


@dataclass
class Count:
    """What was compared; two counts add up."""

    nodes: int = 0  # run by C, of any kernel
    bytes: int = 0
    sums: int = 0
    differing: int = 0  # bytes and sums
    outside: int = 0  # sums of the definition that leave the range that was proved
    at_ends: int = 0  # those at an end of it
    ran: set[tuple[str, str]] = field(default_factory=set)  # kernels and targets
    offered: set[tuple[str, str]] = field(default_factory=set)  # where a kernel says it could run

    def add(self, other: Count) -> None:
        """Add another count to this one."""
        self.nodes += other.nodes
        self.bytes += other.bytes
        self.sums += other.sums
        self.differing += other.differing
        self.outside += other.outside
        self.at_ends += other.at_ends
        self.ran |= other.ran
        self.offered |= other.offered

    @property
    def is_right(self) -> bool:
        """Whether nothing differs and no proof is wrong."""
        return not self.differing and not self.outside


@dataclass(frozen=True, eq=False)
class Answer:
    """What one of them computes for some rows: outputs, and accumulators in trace order."""

    outputs: Array
    sums: Array


def compare_bench(bench: Bench | FloatBench | SpikingBench, targets: Iterable[str]) -> Count:
    """Return what differs on a bench's own rows."""
    rows = bench.rows()
    return compare(artifact_for(bench, rows), rows, targets)


def artifact_for(bench: Bench | FloatBench | SpikingBench, rows: Array) -> Artifact:
    """Return the artifact of a bench, for its goal and kernels."""
    artifact = artifact_of(bench.graph(), rows=rows)
    choices = replace(artifact.choices, goal=bench.goal, kernels=bench.kernels)
    return replace(artifact, choices=choices)


def compare(artifact: Artifact, rows: Array, targets: Iterable[str]) -> Count:
    """Return what differs from the definition on the targets; raises what a target raises."""
    wanted = defined(artifact, rows)
    count = Count()
    for target in targets:
        if target == NUMPY:
            found = FastSimulator(artifact.graph, len(rows)).trace(rows)
            assert found.accumulators is not None
            _compare(count, wanted, found.outputs, found.accumulators)
            continue
        with exported(artifact, target) as (program, header):
            interface = replace(header_interface(artifact, program), steps=_stream(artifact, rows))
            runner = open_runner(target, header, interface, roomy=True)
            traced = runner.trace(rows) if program.trace_sizes else runner.run(rows)
            sums = traced.accumulators
            _compare(count, wanted, traced.outputs, wanted.sums[:, :0] if sums is None else sums)
            _compare(count, wanted, runner.run(rows).outputs, None)
            _hold(count, program, wanted.sums)
        ran = [s.kernel for s in program.steps if isinstance(s, Step) and not s.is_free]
        count.nodes += len(ran)
        count.ran |= {(kernel, target) for kernel in ran}
        count.offered |= {(kernel, target) for kernel in _offered(artifact, target)}
    return count


def _offered(artifact: Artifact, target: str) -> set[str]:
    """Return the kernels that say they compute some node on a target for the artifact's goal."""
    graph, goal = artifact.graph, artifact.choices.goal
    record = target_of(target)
    chip = record if record.is_chip else None
    return {
        kernel.name
        for kernel in KERNELS
        for node in graph.nodes
        if goal in kernel.goals and kernel.matches(node, graph, chip)
    }


def defined(artifact: Artifact, rows: Array) -> Answer:
    """Return what the definition computes, from the artifact's bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.px"
        path.write_bytes(write_artifact(artifact))
        model = read_plain(path)
    results: list[definition.Result] = []
    for row in rows:  # of a stream one after the other
        memory = results[-1].memory if results and artifact.graph.states else None
        results.append(definition.run(model, row.tolist(), memory))
    output = artifact.graph.output
    number = np.float32 if output.quant is None else np.int64
    outputs = np.array([result.outputs for result in results], number)
    sums = [list(result.accumulators.values()) for result in results]
    return Answer(outputs, np.array(sums, number).reshape(len(rows), -1))


@contextmanager
def exported(artifact: Artifact, target: str) -> Iterator[tuple[Program, Path]]:
    """Yield the program and the header of an artifact for a target.

    A chip's header is specialized for it, but for an artifact that its memory does not hold: that
    has a portable header, and runs on the same core with more memory.
    """
    record = target_of(target)
    try:
        made = render_artifact(_aimed(artifact, record if record.is_chip else None))
    except DoesNotFitError:
        made = render_artifact(_aimed(artifact, None))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{artifact.name}.h"
        path.write_text(made.header, encoding="utf-8")
        yield made.program, path


def _stream(artifact: Artifact, rows: Array) -> int:
    """Return how many rows make one stream, 0 for a model that keeps nothing."""
    return len(rows) if artifact.graph.states else 0


def _aimed(artifact: Artifact, chip: Target | None) -> Artifact:
    """Return an artifact for a chip, which asks only for kernels that compute something there."""
    graph, choices = artifact.graph, artifact.choices
    offered = {k.name for node in graph.nodes for k in matching_kernels(node, graph, chip)}
    wanted = tuple(name for name in choices.kernels if name in offered)
    target = chip.name if chip is not None else None
    return replace(artifact, target=target, choices=replace(choices, kernels=wanted))


def _hold(count: Count, program: Program, sums: Array) -> None:
    """Count the sums outside and at the ends of the bounds that a program states."""
    starts = np.cumsum([0, *program.trace_sizes])
    for step in program.steps:
        if isinstance(step, Step) and step.trace >= 0 and sums.dtype != np.float32:
            own = sums[:, starts[step.trace] : starts[step.trace + 1]]
            count.outside += int(np.count_nonzero((own < step.acc_low) | (own > step.acc_high)))
            count.at_ends += int(np.count_nonzero((own == step.acc_low) | (own == step.acc_high)))


def _compare(count: Count, wanted: Answer, outputs: Array, sums: Array | None) -> None:
    pairs = [(wanted.outputs, outputs)] + ([] if sums is None else [(wanted.sums, sums)])
    for right, found in pairs:
        assert right.shape == found.shape, f"{found.shape} instead of {right.shape}"
        if right.dtype == np.float32:  # bit by bit: a zero has a sign
            differs = right.view(np.uint32) != found.astype(np.float32).view(np.uint32)
        else:
            differs = right != found.astype(np.int64)
        count.differing += int(np.count_nonzero(differs))
    count.bytes += outputs.size
    count.sums += 0 if sums is None else sums.size
