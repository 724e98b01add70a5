"""Explains the first difference of two sides: what each does to that neuron, on a small input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pyexport.integer.conv import QuantizedConv2d
from pyexport.ir import Array, QuantizedLinear
from pyexport.rows import input_tensors, row_dtype, row_limits
from pyexport.simulator.fast import FastSimulator
from pyexport.verify.compare import Mismatch, differs
from pyexport.verify.difference import Difference, Side, compare_sides
from pyexport.verify.explain import Explanation, by_windows, described, of_node, one_input, rounding
from pyexport.verify.obligations import OBLIGED
from pyexport.verify.shrink import shrink
from pyexport.verify.suites import Suite


def explain_sides(left: Side, right: Side, found: Difference) -> Explanation | None:
    """Return the explanation of the first difference; None if there is none.

    Rows of models with states, and float32, are not made smaller; nor has their arithmetic steps.
    """
    first = next((c.first for c in found.comparisons if c.first is not None), None)
    if first is None:
        return None
    sides = left, right
    if any(s.artifact.graph.states or s.artifact.scheme != "int8" for s in sides):
        return Explanation(first, ())
    with_sums = not found.why_no_sums
    row = _smallest(left, right, first.inputs[None], with_sums=with_sums)
    (alone,) = compare_sides(left, right, [Suite(first.suite, row)]).comparisons
    if alone.first is None:
        line = "alone, that input shows no difference: what ran before it matters"
        return Explanation(first, (line,))
    mismatch = replace(alone.first, row=first.row)
    lines = [f"smallest input found: {described(left.artifact, row[0])}"]
    lines += _steps(left, right, mismatch, (row, first.inputs[None]))
    return Explanation(mismatch, tuple(lines))


def _smallest(left: Side, right: Side, row: Array, *, with_sums: bool) -> Array:
    limits = [row_limits(side.artifact.graph) for side in (left, right)]
    low = np.maximum(limits[0][0], limits[1][0])
    high = np.minimum(limits[0][1], limits[1][1])
    tensors = input_tensors(left.artifact.graph)
    zeros = [np.full(t.size, 0 if t.quant is None else t.quant.zero_point) for t in tensors]
    quiet = np.clip(np.concatenate(zeros), low, high)[None]
    dtype = row_dtype(tensors)

    def holds(rows: Array, _: Array) -> Array:
        asked = np.ascontiguousarray(rows.astype(dtype))
        a, b = (side.ask(asked, traced=False) for side in (left, right))
        wrong = differs(a.outputs, b.outputs).any(axis=1)
        if a.classes is not None and b.classes is not None:
            wrong |= a.classes.astype(np.int64) != b.classes.astype(np.int64)
        if with_sums:
            c, d = (side.ask(asked, traced=True).accumulators for side in (left, right))
            if c is not None and d is not None:
                wrong |= differs(c, d).any(axis=1)
        return np.asarray(wrong)

    if holds(quiet, np.zeros(1))[0]:
        return np.ascontiguousarray(quiet.astype(dtype))
    return np.ascontiguousarray(shrink(row, quiet, holds).astype(dtype))


def _steps(left: Side, right: Side, mismatch: Mismatch, rows: tuple[Array, Array]) -> list[str]:
    """Return what makes both values differ, as far as the parameters of both tell.

    rows: the smallest input, and the one that it was made of.
    """
    row, _ = rows
    if mismatch.what == "class":
        return ["all outputs agree: the class is chosen otherwise"]
    sides = left, right
    nodes = [
        next((n for n in s.artifact.graph.nodes if n.name == mismatch.node), None) for s in sides
    ]
    if nodes[0] is None or nodes[1] is None:
        return []
    if mismatch.what == "output":
        return [_rounded(side, mismatch.node, mismatch.index, row) for side in sides]
    lines = [f"{right.label}'s sum is {int(mismatch.actual) - int(mismatch.expected):+d} off"]
    sums = [side.ask(row, traced=True).accumulators for side in sides]
    ops = [node.op for node in nodes if node is not None]
    if sums[0] is None or sums[1] is None:
        return lines
    if isinstance(ops[0], QuantizedConv2d):
        channel = mismatch.index % len(ops[0].bias)
        own = _own_numbers(ops[0], ops[1], channel)
        if own:
            return [*lines, f"{mismatch.node} channel {channel}: {own}"]

        def wrong(asked: Array) -> Array | None:
            given, wanted = (side.ask(asked, traced=True).accumulators for side in (right, left))
            if given is None or wanted is None:
                return None
            return np.asarray(given.astype(np.int64) - wanted.astype(np.int64))

        told = by_windows(left.artifact, nodes[0], rows, wrong)
        return [f"{lines[0]}, {told}" if told else lines[0]]
    if not isinstance(ops[0], QuantizedLinear):
        return lines
    own = _own_numbers(ops[0], ops[1], mismatch.index)
    if own:
        return [*lines, f"{mismatch.node} neuron {mismatch.index}: {own}"]
    off = (sums[1].astype(np.int64) - sums[0].astype(np.int64))[0]
    graph = left.artifact.graph
    before = next((n for n in graph.nodes if nodes[0].inputs[0] in n.outputs), None)
    one = one_input(ops[0].weight.astype(np.int64), of_node(left.artifact, off[None], nodes[0]))
    if before is None or one is None:
        return lines
    lines[0] += f", as if its input {one[0]}, from {before.name}, were {one[1]:+d} off"
    if isinstance(before.op, OBLIGED):
        lines += [_rounded(side, before.name, one[0], row) for side in sides]
    return lines


def _rounded(side: Side, name: str, index: int, row: Array) -> str:
    """Return how a side's parameters make a byte of one neuron's sum of a row."""
    artifact = side.artifact
    node = next(n for n in artifact.graph.nodes if n.name == name)
    traced = FastSimulator(artifact.graph, artifact.steps).trace(row).accumulators
    if not isinstance(node.op, OBLIGED) or traced is None:
        return f"{side.label}: {name} has no weights: what it reads differs, or how it is taken"
    steps = rounding(artifact, node, index, int(of_node(artifact, traced, node)[index]))
    who = "its simulator computes" if side.runner is None else "what its simulator computes is"
    return f"{side.label}, {name} neuron {index}: {who} {steps}"


def _own_numbers(left: QuantizedLinear | QuantizedConv2d, right: object, neuron: int) -> str:
    """Return in what a neuron's own weights and bias differ on both sides, "" if in nothing."""
    if not isinstance(right, type(left)) or left.weight.shape != right.weight.shape:
        return "the layers have other shapes"
    told = []
    for what, a, b in (
        ("weight", left.weight[neuron], right.weight[neuron]),
        ("bias", left.bias[neuron : neuron + 1], right.bias[neuron : neuron + 1]),
    ):
        wrong = np.argwhere(a != b)
        if len(wrong):
            at = tuple(int(i) for i in wrong[0])
            place = f" {at[0] if len(at) == 1 else list(at)}" if what == "weight" else ""
            more = f", and {len(wrong) - 1} more differ" if len(wrong) > 1 else ""
            told.append(f"its {what}{place} is {int(a[at])} and {int(b[at])}{more}")
    return "; ".join(told)
