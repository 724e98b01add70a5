"""Suites, gradients and explanations of spiking networks, against the simulator alone."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from pyexport.gradients import of_graph
from pyexport.integer.spiking import QuantizedLif
from pyexport.ir import Dataset, Graph
from pyexport.operators.spiking import READOUTS
from pyexport.passes import run_passes
from pyexport.quantize import quantize_int8
from pyexport.quantize.stream import stream_step
from pyexport.simulator.fast import FastSimulator
from pyexport.streams import Stream
from pyexport.verify.neuron_story import told_by_neuron
from pyexport.verify.straight_through import of_integer_graph
from pyexport.verify.suites import SuiteOptions, build_suites
from pyexport.verify.thresholds import edges_met, edges_of, membrane_extremes, threshold_rows
from scripts.kernel_cases.zoo import artifact_of
from scripts.spiking_models import random_layers, spiking_graph

STEPS, N_IN = 5, 8
ROWS = np.random.default_rng(3).integers(0, 17, (120, N_IN)).astype(np.uint8)


@cache
def networks(encoding: str, method: str = "count", **more: Any) -> tuple[Graph, Graph]:
    first = 1 / 6 if encoding == "direct" else 1.0
    layers = random_layers((N_IN, 7, 3), gain=1.5)
    layers[0] = (layers[0][0] * first, layers[0][1])
    graph = run_passes(spiking_graph(layers, encoding, STEPS, method=method, beta=0.875, **more))
    return graph, quantize_int8(graph, (0.0, 16.0), Dataset(ROWS.astype(float))).graph


def fires_at_the_threshold(graph: Graph) -> Graph:
    """The planted bug of a wrong comparison, in the simulator's own network."""
    nodes = tuple(
        replace(n, op=replace(n.op, compare="ge")) if isinstance(n.op, QuantizedLif) else n
        for n in graph.nodes
    )
    return replace(graph, nodes=nodes)


@pytest.mark.parametrize("encoding", ["direct", "rate"])
def test_threshold_rows_meet_edges_that_random_rows_do_not(encoding: str) -> None:
    _, graph = networks(encoding)
    alone = edges_met(graph, ROWS)
    rows = threshold_rows(graph, ROWS)
    met = edges_met(graph, np.concatenate([rows, ROWS]))
    assert met > alone and met <= set(edges_of(graph))
    at = {e.neuron for e in met if e.node == "lif0" and e.side == 0}
    assert len(at) >= 4  # of 7; in units of a quarter weight not every current exists
    wrong = FastSimulator(fires_at_the_threshold(graph))
    assert not np.array_equal(wrong.run(rows), FastSimulator(graph).run(rows))


def test_extremes_charge_and_drain_every_neuron_of_the_first_layer() -> None:
    _, graph = networks("direct")
    op = graph.nodes[0].op
    assert isinstance(op, QuantizedLif)
    ends = FastSimulator(graph).trace(membrane_extremes(graph).astype(np.uint8)).accumulators
    drawn = FastSimulator(graph).trace(ROWS).accumulators
    assert ends is not None and drawn is not None
    size = STEPS * op.size
    each, other = (s[:, :size].reshape(-1, op.size) for s in (ends, drawn))
    assert (each.min(axis=0) <= other.min(axis=0)).all()
    assert (each.max(axis=0) >= other.max(axis=0)).all()
    assert (each.min(axis=0) >= op.low).all() and (each.max(axis=0) <= op.high).all()


@pytest.mark.parametrize("encoding", ["direct", "latency"])
def test_suites_of_a_network_and_of_its_stream_are_legal(encoding: str) -> None:
    _, graph = networks(encoding)
    names = ("random", "corners", "extremes", "boundary")
    options = SuiteOptions(random=50, corners=100)
    for suite in build_suites(artifact_of(graph, rows=ROWS), names, options):
        FastSimulator(graph).run(suite.rows)
    step = stream_step(graph).graph
    stream = replace(artifact_of(step, rows=ROWS[:2]), stream=Stream(STEPS, STEPS))
    suites = {s.name: s.rows for s in build_suites(stream, names, options)}
    for rows in suites.values():
        FastSimulator(step, STEPS).run(rows)
    if encoding == "direct":
        assert len(suites["boundary"]) % STEPS == 0
        assert edges_met(step, suites["boundary"], STEPS)


@pytest.mark.parametrize("encoding", ["direct", "rate", "latency"])
@pytest.mark.parametrize("method", READOUTS)
def test_gradients_through_integers_point_where_those_of_the_float_network_do(
    encoding: str, method: str
) -> None:
    graph, integer = networks(encoding, method)
    pull = np.random.default_rng(4).normal(size=3)

    def slopes(function: Any) -> Any:
        return function(ROWS.astype(float), lambda y: np.broadcast_to(pull, y.shape))[1]

    of_float, of_integers = slopes(of_graph(graph)), slopes(of_integer_graph(integer))
    of_float, of_integers = (g.reshape(len(ROWS), -1) for g in (of_float, of_integers))
    sizes = np.linalg.norm(of_float, axis=1) * np.linalg.norm(of_integers, axis=1)
    seen = sizes > 1e-9
    cosines = (of_float * of_integers).sum(axis=1)[seen] / sizes[seen]
    assert seen.mean() > 0.8
    assert np.median(cosines) > 0.9


@pytest.mark.parametrize("delay", [True, False])
def test_a_wrong_membrane_is_told_in_steps(delay: bool) -> None:
    _, graph = networks("direct", reset_delay=delay)
    sums = FastSimulator(graph).trace(ROWS).accumulators
    op = graph.nodes[0].op
    assert sums is not None and isinstance(op, QuantizedLif)
    each = sums[:, : STEPS * op.size].astype(np.int64)
    row, index = np.argwhere(each[:, op.size :] > np.tile(op.threshold, STEPS - 1))[0]
    index += op.size
    step, k = divmod(int(index), op.size)
    right = int(each[row, index])
    lines = told_by_neuron(graph, graph.nodes[0], ROWS[row], int(index), right - 1)
    before = int(each[row, index - op.size])
    if delay:
        assert lines[0].startswith(
            f"step {step}, neuron {k}: membrane {before} (0x{before & 0xFFFFFFFF:08X}) before"
        )
    assert f"makes {right} (0x{right & 0xFFFFFFFF:08X})" in lines[1]
    assert f"threshold {op.threshold[k]} " in lines[1] and lines[1].endswith("a spike (>)")
    assert f"tests {right - 1} (0x{(right - 1) & 0xFFFFFFFF:08X}), -1: " in lines[2]
