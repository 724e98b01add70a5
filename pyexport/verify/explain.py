"""Explains a first difference: the arithmetic of that neuron step by step, and a smallest input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyexport.artifact import Artifact
from pyexport.fixedpoint import clamp, round_shift_right
from pyexport.integer.conv import QuantizedConv2d
from pyexport.integer.spiking import QuantizedLif
from pyexport.ir import Array, Node, QuantizedLinear
from pyexport.rows import input_tensors, row_dtype, row_limits
from pyexport.runners import Runner
from pyexport.simulator.fast import FastSimulator, trace_sizes
from pyexport.verify.compare import (
    Comparison,
    Mismatch,
    compare_suite,
    differs,
    simulate_suite,
)
from pyexport.verify.compare_units import open_unit
from pyexport.verify.neuron_story import told_by_neuron
from pyexport.verify.obligations import OBLIGED
from pyexport.verify.shrink import shrink
from pyexport.verify.subject import Subject
from pyexport.verify.suites import Suite
from pyexport.verify.window_story import told_by_windows

SHOWN = 12  # values of an input that a sentence lists


@dataclass(frozen=True, eq=False)
class Explanation:
    """The difference on the smallest input that was found to show one, and how it comes about."""

    mismatch: Mismatch  # on that input
    lines: tuple[str, ...]

    @property
    def rows(self) -> Array:
        """The input, (1, row size)."""
        return self.mismatch.inputs[None]


def explain_first(
    subject: Subject,
    runner: Runner,
    comparisons: tuple[Comparison, ...],
    suites: tuple[Suite, ...],
    compiled: tuple[str | None, str | None],
) -> Explanation | None:
    """Return the explanation of the first difference, if there is one."""
    for comparison, suite in zip(comparisons, suites, strict=False):
        if comparison.first is not None:
            whose = subject if suite.unit is None else suite.unit
            if suite.unit is not None:
                runner = open_unit(suite.unit, runner.name, *compiled)
            return explain(whose.artifact, runner, comparison.first)
    return None


def explain(artifact: Artifact, runner: Runner, mismatch: Mismatch) -> Explanation:
    """Return the explanation of a difference between a runner and the simulator.

    The input is brought towards zeros as long as the runner still differs somewhere. Inputs of a
    model with states are not: there a row means nothing without those before it.
    """
    simulator = FastSimulator(artifact.graph, artifact.steps)
    row = first = mismatch.inputs[None]
    if not artifact.graph.states and artifact.scheme == "int8":
        row = _smallest(artifact, runner, simulator, row)
        suite = Suite(mismatch.suite, row)
        expected = simulate_suite(simulator, suite, artifact.least_yes)
        alone = compare_suite(artifact, runner, suite, expected).first
        if alone is None:
            line = "alone, that input shows no difference: what ran before it matters"
            return Explanation(mismatch, (line,))
        mismatch = alone
    lines = [f"smallest input found: {described(artifact, row[0])}"]
    node = next((n for n in artifact.graph.nodes if n.name == mismatch.node), None)
    if node is not None and not artifact.graph.states and artifact.scheme == "int8":
        lines += _steps(artifact, runner, simulator, node, mismatch, first)
    return Explanation(mismatch, tuple(lines))


def _smallest(artifact: Artifact, runner: Runner, simulator: FastSimulator, row: Array) -> Array:
    low, high = row_limits(artifact.graph)
    tensors = input_tensors(artifact.graph)
    zeros = [np.full(t.size, 0 if t.quant is None else t.quant.zero_point) for t in tensors]
    quiet = np.clip(np.concatenate(zeros), low, high)[None]
    dtype = row_dtype(tensors)

    def holds(rows: Array, _: Array) -> Array:
        suite = Suite("", np.ascontiguousarray(rows.astype(dtype)))
        expected = simulate_suite(simulator, suite, artifact.least_yes)
        plain = runner.run(suite.rows)
        wrong = differs(expected.outputs, plain.outputs).any(axis=1)
        if plain.classes is not None:
            wrong |= plain.classes.astype(np.int64) != expected.classes
        if runner.traces:
            sums = runner.trace(suite.rows).accumulators
            if sums is not None:
                wrong |= differs(expected.accumulators, sums).any(axis=1)
        return np.asarray(wrong)

    if holds(quiet, np.zeros(1))[0]:
        return np.asarray(quiet.astype(dtype))
    return np.ascontiguousarray(shrink(row, quiet, holds).astype(dtype))


def described(artifact: Artifact, row: Array) -> str:
    tensors = input_tensors(artifact.graph)
    zeros = [np.full(t.size, 0 if t.quant is None else t.quant.zero_point) for t in tensors]
    moved = np.flatnonzero(row != np.concatenate(zeros))
    if not len(moved):
        return "all zeros"
    values = ", ".join(f"[{i}] = {row[i].item():g}" for i in moved[:SHOWN].tolist())
    more = f" and {len(moved) - SHOWN} more" if len(moved) > SHOWN else ""
    return f"{values}{more}; the other {len(row) - len(moved)} values are zero"


def _steps(
    artifact: Artifact,
    runner: Runner,
    simulator: FastSimulator,
    node: Node,
    mismatch: Mismatch,
    first: Array,
) -> list[str]:
    """Return how the value comes about; first: the input before it was made smaller."""
    traced = simulator.trace(mismatch.inputs[None]).accumulators
    assert traced is not None  # trace() always returns them
    if mismatch.what == "output" and isinstance(node.op, OBLIGED):
        acc = int(of_node(artifact, traced, node)[mismatch.index])
        steps = rounding(artifact, node, mismatch.index, acc)
        return [f"the sum agrees; {steps}; the device gives {mismatch.actual}"]
    if mismatch.what != "accumulator":
        return []
    if isinstance(node.op, QuantizedLif):
        row, actual = mismatch.inputs, int(mismatch.actual)
        return told_by_neuron(artifact.graph, node, row, mismatch.index, actual)
    lines = [f"the device's sum is {int(mismatch.actual) - int(mismatch.expected):+d} off"]
    if isinstance(node.op, QuantizedConv2d):

        def wrong(rows: Array) -> Array | None:
            given, wanted = (side.trace(rows).accumulators for side in (runner, simulator))
            if given is None or wanted is None:
                return None
            return np.asarray(given.astype(np.int64) - wanted.astype(np.int64))

        told = by_windows(artifact, node, (mismatch.inputs[None], first), wrong)
        return [f"{lines[0]}, {told}" if told else lines[0]]
    sums = runner.trace(mismatch.inputs[None]).accumulators
    if sums is None or not isinstance(node.op, QuantizedLinear):
        return lines
    off = (sums.astype(np.int64) - traced.astype(np.int64))[0]
    here = of_node(artifact, off[None], node)
    before = next((n for n in artifact.graph.nodes if node.inputs[0] in n.outputs), None)
    found = one_input(node.op.weight.astype(np.int64), here)
    if before is None or found is None:
        return lines
    index, change = found
    lines[0] += f", as if its input {index}, from {before.name}, were {change:+d} off"
    if isinstance(before.op, OBLIGED):
        acc = int(of_node(artifact, traced, before)[index])
        lines.append(
            f"{before.name} neuron {index}: its sum agrees; "
            f"{rounding(artifact, before, index, acc)}; look at its rounding and limits"
        )
    return lines


def by_windows(
    artifact: Artifact, node: Node, rows: tuple[Array, ...], off: Callable[[Array], Array | None]
) -> str:
    """Return what explains the wrong sums of a convolution, "" if nothing single does.

    off says of rows by how much each sum of the model is off. The larger input may show which of
    several does; where it has another bug too, the smaller one is asked alone.
    """
    for asked in (np.concatenate(rows), rows[0]):
        sums = off(asked)
        if sums is None:
            return ""
        own = np.stack([of_node(artifact, one[None], node) for one in sums])
        told = told_by_windows(artifact.graph, node, asked, own)
        if told:
            return told
    return ""


def of_node(artifact: Artifact, traced: Array, node: Node) -> Array:
    """Return the part of one row of sums that is a node's."""
    start = 0
    for other, size in zip(artifact.graph.nodes, trace_sizes(artifact.graph), strict=True):
        if other is node:
            return np.asarray(traced[0, start : start + size])
        start += size
    raise AssertionError(f"no node {node.name}")


def one_input(weight: Array, off: Array) -> tuple[int, int] | None:
    """Return the one input, and its change, that explains what all sums are off by."""
    for index in range(weight.shape[1]):
        column = weight[:, index]
        used = np.flatnonzero(column)
        if not len(used) or off[used[0]] % column[used[0]]:
            continue
        change = int(off[used[0]] // column[used[0]])
        if change and (column * change == off).all():
            return index, change
    return None


def rounding(artifact: Artifact, node: Node, index: int, acc: int) -> str:
    """Return how the simulator makes a byte of a sum."""
    op: Any = node.op
    quant = artifact.graph.tensor(node.outputs[0]).quant
    assert quant is not None  # integer layers have quantized outputs
    channel = index % len(op.multiplier)
    multiplier, shift = int(op.multiplier[channel]), int(op.shift[channel])
    product = ((acc << op.pre_shift) * multiplier) >> 16
    rounded = round_shift_right(product, shift)
    moved = rounded + quant.zero_point
    zero = f" + {quant.zero_point} = {moved}" if quant.zero_point else ""
    shifted = f" << {op.pre_shift}" if op.pre_shift else ""
    return (
        f"(0x{acc & 0xFFFFFFFF:08X}{shifted}) * {multiplier} >> 16 = {product}, "
        f"({product} + {1 << shift >> 1}) >> {shift} = {rounded}{zero}, "
        f"in {quant.low}..{quant.high}: {clamp(moved, quant.low, quant.high)}"
    )
