"""A thousand steps of a recurrent layer: no byte differs, and no state leaves its range."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pyexport.integer.recurrent import GRU_STATE
from pyexport.ir import Constant, Graph, Gru, Lstm, Node, QuantParams, Tensor
from pyexport.pipeline import render_artifact
from pyexport.quantize.rules import RULES, Request
from pyexport.simulator.fast import FastSimulator
from scripts.kernel_cases.zoo import artifact_of
from tests.codegen.compile_c import CompiledModel

STEPS, N_IN, N = 1000, 2, 4
INPUT = QuantParams("s8", 1 / 32, 0, -128, 127)


def network(kind: str, gain: float) -> Graph:
    """Return a layer whose every hidden value is an output; a large gain saturates its gates."""
    random = np.random.default_rng(5)
    op: Lstm | Gru
    if kind == "lstm":
        weights = random.normal(size=(16, N_IN)), random.normal(size=(16, N))
        op = Lstm(gain * weights[0], gain * weights[1], random.normal(size=16) + 1.0)
    else:
        weights = random.normal(size=(12, N_IN)), random.normal(size=(12, N))
        bias = random.normal(size=12)
        op = Gru(gain * weights[0], gain * weights[1], bias, bias)
    zero = Node("z", Constant(np.zeros(N)), (), ("zero",))
    states = ("zero",) * (2 if kind == "lstm" else 1)
    names = ("every", "h", "c")[: 1 + len(states)]
    tensors = (
        Tensor("x", (STEPS, N_IN)), Tensor("zero", (N,)), Tensor("every", (STEPS, N)),
        *(Tensor(name, (N,)) for name in names[1:]),
    )  # fmt: skip
    node = Node("r", op, ("x", *states), names, "net.rnn")
    graph = Graph(tensors, (zero, node), ("x",), ("every",))
    ranges = dict.fromkeys(names, (-3.0, 3.0))
    outcome = RULES[type(op)](Request(node, (INPUT, INPUT, INPUT), graph, ranges, True))
    shapes = {t.name: t.shape for t in (*tensors, *outcome.tensors)}
    made = [Tensor(name, shapes[name], q.dtype, q) for name, q in outcome.params.items()]
    source = Tensor("x", (STEPS, N_IN), "s8", INPUT)
    return Graph((source, *made), outcome.nodes, ("x",), ("every",))


@pytest.mark.parametrize("gain", [0.5, 8.0])
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_no_byte_or_sum_differs(kind: str, gain: float, tmp_path: Path) -> None:
    graph = network(kind, gain)
    rows = np.random.default_rng(6).integers(-128, 128, (3, STEPS * N_IN)).astype(np.int8)
    rows = np.concatenate([rows, np.full((1, STEPS * N_IN), 127, np.int8)])
    wanted = FastSimulator(graph).trace(rows)
    compiled = CompiledModel(render_artifact(artifact_of(graph)), tmp_path)
    outputs, sums = compiled.trace(rows)
    assert wanted.accumulators is not None
    assert np.array_equal(outputs, wanted.outputs)
    assert np.array_equal(sums, wanted.accumulators)
    assert len(np.unique(outputs)) > 40


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_a_memory_that_is_driven_one_way_stops_at_its_limit(kind: str) -> None:
    """The cell of an LSTM that always adds saturates; the state of a GRU stays a mean."""
    graph = network(kind, 8.0)
    last = graph.nodes[0].outputs[-1]
    ends = Graph(graph.tensors, graph.nodes, ("x",), (last,))
    rows = np.full((2, STEPS * N_IN), 127, np.int8)
    rows[1] = -128
    states = FastSimulator(ends).run(rows).astype(int)
    assert states.min() == -GRU_STATE.high  # reached on both sides, not wrapped
    assert states.max() == GRU_STATE.high
