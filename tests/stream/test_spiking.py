"""One step of a spiking network: T steps from a reset are its sequence, bytes and membranes."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest

from pyexport.artifact import parse_artifact, write_artifact
from pyexport.integer.spiking import QuantizedLif, SpikingOp
from pyexport.ir import Dataset, Graph
from pyexport.operators.spiking import READOUTS
from pyexport.passes import run_passes
from pyexport.quantize import quantize_int8
from pyexport.quantize.stream import stream_step
from pyexport.simulator import definition
from pyexport.simulator.fast import FastSimulator
from pyexport.simulator.plain import read_plain
from pyexport.streams import Stream
from scripts.kernel_cases.spiking_nets import draw_net
from scripts.kernel_cases.zoo import artifact_of
from scripts.spiking_models import random_layers, spiking_graph
from tests.integer.test_spiking import rows as drawn

STEPS = 7


def in_steps(rows: Any, graph: Graph, steps: int) -> Any:
    """Rows of a whole sequence as rows of steps: one value is held."""
    flat = rows.reshape(len(rows), -1)
    held = len(graph.input.shape) == 1
    return np.repeat(flat, steps, axis=0) if held else flat.reshape(len(rows) * steps, -1)


@pytest.mark.parametrize("part", range(2))
def test_the_steps_of_any_network_are_its_sequence(part: int) -> None:
    seen = 0
    for seed in range(25):
        graph = draw_net(Random(f"stream {part} {seed}"))
        spiking = [n.op for n in graph.nodes if isinstance(n.op, SpikingOp)]
        step = stream_step(graph)
        rows = drawn(graph, seed)
        whole = FastSimulator(graph).trace(rows)
        steps = FastSimulator(step.graph, step.steps).trace(in_steps(rows, graph, step.steps))
        assert whole.accumulators is not None and steps.accumulators is not None
        per_step = steps.outputs.reshape(len(rows), step.steps, -1)
        if graph.output.dtype == "u16":
            assert np.array_equal(per_step[:, -1], whole.outputs)
        else:
            assert np.array_equal(per_step.reshape(len(rows), -1), whole.outputs)
        layers = [op for op in spiking if isinstance(op, QuantizedLif)]
        start, into = 0, 0
        sums = steps.accumulators.reshape(len(rows), step.steps, -1)
        for op in layers:
            n = op.size
            wanted = whole.accumulators[:, start : start + step.steps * n]
            assert np.array_equal(sums[:, :, into : into + n].reshape(len(rows), -1), wanted)
            start, into = start + step.steps * n, into + n
        seen += len(step.graph.states)
    assert seen > 50


def streamed(encoding: str, method: str = "count", **more: Any) -> tuple[Graph, Any]:
    delta = encoding == "delta"
    layers = random_layers((8 if delta else 4, 6, 3), gain=1.0)
    more = {"beta": 0.875, "events": 2.0 if delta else 0.0, **more}
    graph = run_passes(spiking_graph(layers, encoding, STEPS, method=method, **more))
    rows = np.random.default_rng(1).integers(0, 17, (30, *graph.input.shape)).astype(float)
    return quantize_int8(graph, (0.0, 16.0), Dataset(rows)).graph, rows.astype(np.uint8)


@pytest.mark.parametrize("encoding", ["direct", "rate", "latency", "delta"])
@pytest.mark.parametrize("method", READOUTS)
def test_the_definition_keeps_the_same_states(encoding: str, method: str, tmp_path: Any) -> None:
    whole, rows = streamed(encoding, method)
    step = stream_step(whole)
    sequence = in_steps(rows, whole, STEPS)[: 3 * STEPS]
    artifact = replace(artifact_of(step.graph, rows=sequence), stream=Stream(STEPS, STEPS))
    path = tmp_path / "net.px"
    path.write_bytes(write_artifact(artifact))
    assert parse_artifact(path.read_bytes(), "net.px").graph.states == step.graph.states
    plain, memory = read_plain(path), None
    fast = FastSimulator(step.graph, STEPS).trace(sequence)
    assert fast.accumulators is not None
    for number, row in enumerate(sequence.tolist()):
        result = definition.run(plain, row, None if number % STEPS == 0 else memory)
        memory = result.memory
        assert result.outputs == fast.outputs[number].tolist()
        assert list(result.accumulators.values()) == fast.accumulators[number].tolist()
    assert np.array_equal(
        fast.outputs[STEPS - 1 :: STEPS], FastSimulator(whole).run(rows.reshape(30, -1)[:3])
    )


def test_states_have_names_and_first_values() -> None:
    layers = ["lif0_membrane", "lif1_membrane", "readout0_sums", "readout0_counts"]
    first = {"rate": "accumulator", "latency": "counter", "delta": "reference"}
    names = {"direct": layers}
    names |= {encoding: [f"encode0_{word}", *layers] for encoding, word in first.items()}
    for encoding, wanted in names.items():
        states = stream_step(streamed(encoding)[0]).graph.states
        assert [s.name for s in states] == wanted
        assert states[0].initial == (16 if encoding == "rate" else 0)
    states = stream_step(
        streamed("rate", "first_spike", reset_delay=False, refractory=2, alpha=0.5)[0]
    ).graph.states
    assert [s.name for s in states][1:4] == ["lif0_membrane", "lif0_synaptic", "lif0_refractory"]
    assert [s.name for s in states][-2:] == ["readout0_firsts", "readout0_step"]


def test_behind_the_sequence_counts_stay_and_latency_is_silent() -> None:
    whole, rows = streamed("latency")
    step = FastSimulator(stream_step(whole).graph)
    long = np.repeat(rows.reshape(30, -1)[:1], 5 * STEPS, axis=0)
    outputs = step.run(long)
    bits = 16 - STEPS.bit_length()
    assert (outputs[STEPS:] >> bits <= STEPS).all()
    whole, rows = streamed("direct")
    outputs = FastSimulator(stream_step(whole).graph).run(np.full((5000, 4), 16, np.uint8))
    assert (outputs >> bits).max() == STEPS


def test_without_a_proof_for_any_length_a_stream_saturates() -> None:
    """Neurons without a leak are proved for the steps of a sequence alone."""
    whole, _ = streamed("direct", beta=1.0, reset="none")
    assert not any(n.op.saturating for n in whole.nodes if isinstance(n.op, QuantizedLif))
    step = stream_step(whole).graph
    assert all(n.op.saturating for n in step.nodes if isinstance(n.op, QuantizedLif))
    sums = FastSimulator(step).trace(np.full((2000, 4), 16, np.uint8)).accumulators
    op = next(n.op for n in step.nodes if isinstance(n.op, QuantizedLif))
    assert sums is not None and sums[:, :6].max() == op.high


def test_without_a_readout_a_step_gives_its_spikes() -> None:
    whole, _ = streamed("direct", method="")
    assert stream_step(whole).graph.output.shape == (1, 3)
