"""A runner without a compiler: the simulator itself, with faults put into its answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from pyexport.artifact import Artifact
from pyexport.errors import UsageError
from pyexport.ir import Array
from pyexport.runners import Finding, Measurement, RunResult
from pyexport.simulator.fast import FastSimulator, argmax


def unchanged(result: RunResult) -> RunResult:
    return result


@dataclass
class FakeRunner:
    """Follows the protocol of runners; what it is told to get wrong, it gets wrong."""

    artifact: Artifact
    name: str = "host"
    compiler: str = "none 1.0 -Os"
    traces: bool = True
    edit_run: Callable[[RunResult], RunResult] = unchanged
    edit_trace: Callable[[RunResult], RunResult] = unchanged
    last_tie: bool = False  # argmax takes the last of equal values
    selftest_passes: bool = True
    findings: tuple[Finding, ...] = ()
    calls: list[str] = field(default_factory=list)

    def run(self, inputs: Array) -> RunResult:
        self.calls.append("run")
        outputs = FastSimulator(self.artifact.graph).run(inputs)
        return self.edit_run(RunResult(outputs, self.argmax(outputs), None))

    def trace(self, inputs: Array) -> RunResult:
        self.calls.append("trace")
        traced = FastSimulator(self.artifact.graph).trace(inputs)
        result = RunResult(traced.outputs, self.argmax(traced.outputs), traced.accumulators)
        return self.edit_trace(result)

    def argmax(self, outputs: Array) -> Array:
        if self.last_tie:
            width = outputs.shape[1]
            return (width - 1 - outputs[:, ::-1].argmax(axis=1)).astype(np.uint16)
        return argmax(outputs).astype(np.uint16)

    def selftest(self) -> bool:
        return self.selftest_passes

    def measure(self, inputs: Array) -> Measurement:
        if self.name.startswith("host"):
            raise UsageError("nothing is measured here")
        return Measurement(
            self.name, self.compiler, 3000, 2000, 0, 72, "instructions", 9.5, 9, len(inputs)
        )

    def check(self) -> tuple[Finding, ...]:
        return self.findings


def edited(array_of: str, row: int, index: int, add: int) -> Callable[[RunResult], RunResult]:
    """Return an edit that adds to one number of "outputs" or "accumulators"."""

    def edit(result: RunResult) -> RunResult:
        changed = np.array(getattr(result, array_of))
        if row < len(changed):  # the fault is tied to its place in the batch
            changed[row, index] += add
        return replace(result, **{array_of: changed})

    return edit
