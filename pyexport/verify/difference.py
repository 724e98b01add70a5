"""Compares two sides on the same inputs: two artifacts, or one that runs in two places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np

from pyexport.artifact import Artifact
from pyexport.errors import UsageError
from pyexport.ir import Array, Graph, Node, Tensor
from pyexport.rows import input_tensors, output_tensors, row_limits
from pyexport.runners import Runner, RunResult
from pyexport.simulator.fast import FastSimulator, trace_sizes
from pyexport.verify.compare import Comparison, Expected, class_words, compare_suite
from pyexport.verify.explain import Explanation
from pyexport.verify.suites import Suite


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two: an artifact, and what evaluates it; None: its simulator."""

    label: str
    artifact: Artifact
    runner: Runner | None = None

    @property
    def traces(self) -> bool:
        """Whether it tells accumulators."""
        return self.runner is None or self.runner.traces

    def ask(self, rows: Array, *, traced: bool) -> RunResult:
        """Return outputs and classes of rows, and accumulators if traced."""
        if self.runner is not None:
            return self.runner.trace(rows) if traced else self.runner.run(rows)
        result = self._simulator.trace(rows)
        words = class_words(result.outputs, self.artifact.least_yes, _outputs(self))
        return RunResult(result.outputs, words, result.accumulators if traced else None)

    @cached_property
    def _simulator(self) -> FastSimulator:
        return FastSimulator(self.artifact.graph, self.artifact.steps)


@dataclass(frozen=True, eq=False)
class Difference:
    """What the comparison of two sides gave."""

    left: str
    right: str
    parameters: str  # the first number that differs in both graphs, "" if none does
    comparisons: tuple[Comparison, ...]
    why_no_sums: str = ""  # why accumulators were not compared
    explanation: Explanation | None = None  # of the first difference

    @property
    def rows(self) -> int:
        """Inputs compared."""
        return sum(c.rows for c in self.comparisons)

    @property
    def differing_rows(self) -> int:
        """Inputs with any difference."""
        return sum(c.differing_rows for c in self.comparisons)

    @property
    def ok(self) -> bool:
        """Whether both gave the same everywhere, for all rows."""
        return not self.differing_rows and not self.cut_off

    @property
    def cut_off(self) -> str:
        """Why not all rows were compared, "" if they were."""
        return next((c.cut_off for c in self.comparisons if c.cut_off), "")

    @property
    def sentence(self) -> str:
        """Return the first difference, "" if there is none."""
        first = next((c.first for c in self.comparisons if c.first is not None), None)
        if first is None:
            return self.cut_off
        text = first.sentence(self.left, self.right)
        return f"{text}; {self.differing_rows} of {self.rows} rows differ"


def compare_sides(left: Side, right: Side, suites: Sequence[Suite]) -> Difference:
    """Return the comparison of two sides; rows that are not legal for the right one are left out.

    Raises UsageError if their inputs or outputs do not match, or if no row is left.
    """
    _check_ports(left, right)
    graphs = left.artifact.graph, right.artifact.graph
    low, high = row_limits(graphs[1])
    silent = [side.label for side in (left, right) if not side.traces]
    why = f"{silent[0]} tells none" if silent else ""
    layers = [[(n.name, size) for n, size in _sized(graph)] for graph in graphs]
    if layers[0] != layers[1]:
        why = "the layers differ"
    comparisons: list[Comparison] = []
    for suite in suites:
        if comparisons and comparisons[-1].cut_off:
            break
        legal = ((suite.rows >= low) & (suite.rows <= high)).all(axis=1)
        part = replace(suite, rows=np.ascontiguousarray(suite.rows[legal]))
        if not len(part.rows):
            continue
        expected = _expected(left, part, with_sums=not why)
        comparisons.append(
            compare_suite(left.artifact, _Asked(right, with_sums=not why), part, expected)
        )
    if not comparisons:
        raise UsageError(
            f"{right.label}: no row of {left.label} is legal for it; their ranges differ"
        )
    return Difference(left.label, right.label, _parameters(*graphs), tuple(comparisons), why)


class _Asked:
    """A side as the runner that compare_suite asks."""

    def __init__(self, side: Side, *, with_sums: bool) -> None:
        self.traces = with_sums
        self._side = side

    def run(self, inputs: Array) -> RunResult:
        return self._side.ask(inputs, traced=False)

    def trace(self, inputs: Array) -> RunResult:
        return self._side.ask(inputs, traced=True)


def _expected(side: Side, suite: Suite, *, with_sums: bool) -> Expected:
    """Return what the left side gives, as compare_suite takes it from the simulator."""
    plain = side.ask(suite.rows, traced=False)
    traced = side.ask(suite.rows, traced=True).accumulators if with_sums else None
    none = np.zeros((len(suite.rows), 0), np.int32)
    words = plain.classes
    if words is None:
        words = class_words(plain.outputs, side.artifact.least_yes, _outputs(side))
    return Expected(plain.outputs, words.astype(np.int64), none if traced is None else traced)


def _check_ports(left: Side, right: Side) -> None:
    for what, tensors in (("input", input_tensors), ("output", output_tensors)):
        ports = [
            [(t.shape, t.dtype) for t in tensors(side.artifact.graph)] for side in (left, right)
        ]
        if ports[0] != ports[1]:
            raise UsageError(
                f"{left.label} and {right.label} have {what}s of other shapes or types; only "
                "models that take and give the same can be compared"
            )


def _sized(graph: Graph) -> list[tuple[Node, int]]:
    return list(zip(graph.nodes, trace_sizes(graph), strict=True))


def _outputs(side: Side) -> tuple[Tensor, ...]:
    return output_tensors(side.artifact.graph)


def _parameters(left: Graph, right: Graph) -> str:
    """Return the first number of the same layer that differs, "" if there is none."""
    others = {node.name: node for node in right.nodes}
    for node in left.nodes:
        other = others.get(node.name)
        if other is None or type(other.op) is not type(node.op):
            return f"{node.name}: only one of both has this layer"
        for field in fields(node.op):  # type: ignore[arg-type]
            a, b = getattr(node.op, field.name), getattr(other.op, field.name)
            if np.shape(a) != np.shape(b):
                return f"{node.name}: {field.name} has another shape"
            wrong = np.asarray(np.asarray(a) != np.asarray(b))
            if wrong.any():
                at = np.unravel_index(int(wrong.argmax()), wrong.shape) if wrong.ndim else ()
                place = f"[{', '.join(str(int(i)) for i in at)}]" if at else ""
                pair = [np.asarray(v)[at] for v in (a, b)]
                return (
                    f"{node.name}: {field.name}{place} is {pair[0]} and {pair[1]}; "
                    f"{int(wrong.sum())} of {wrong.size} differ"
                )
    return ""
