"""Spiking networks become integers: fused layers, proved limits, the float network's classes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pyexport.errors import QuantizationError, UnsupportedOperatorError
from pyexport.integer.shape import QuantizedGather
from pyexport.integer.spiking import QuantizedEncode, QuantizedLif, QuantizedReadout
from pyexport.ir import Clamp, Dataset, Encode, Graph, Lif, Linear, Readout
from pyexport.operators.spiking import READOUTS
from pyexport.passes import run_passes
from pyexport.quantize import quantize_int8
from pyexport.quantize.rules.spiking import latency_limits
from pyexport.reference import evaluate
from pyexport.simulator.fast import FastSimulator
from scripts.kernel_cases import spiking_nets
from scripts.spiking_models import Builder, random_layers, spiking_graph

ROWS = np.random.default_rng(1).integers(0, 17, (200, 12)).astype(float)
EVENTS = (np.random.default_rng(2).random((200, 6, 12)) < 0.3).astype(float)
LAYERS = random_layers((12, 20, 4), gain=1.5)
SCALED = [(LAYERS[0][0] / 8, LAYERS[0][1]), LAYERS[1]]  # for values of 0..16


def quantized(graph: Graph, rows: Any = ROWS, high: float = 16.0, **more: Any) -> Any:
    return quantize_int8(run_passes(graph), (0.0, high), Dataset(rows), **more)


def nodes(graph: Graph, kind: type[Any]) -> list[Any]:
    return [n.op for n in graph.nodes if isinstance(n.op, kind)]


@pytest.mark.parametrize(
    ("encoding", "once", "rows", "high"),
    [
        ("direct", False, ROWS, 16.0), ("direct", True, ROWS, 16.0), ("rate", False, ROWS, 16.0),
        ("latency", False, ROWS, 16.0), ("", False, EVENTS, 1.0),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("reset", "delay"), spiking_nets.MODES)
def test_spikes_are_those_of_the_float_network_but_for_a_few(
    encoding: str, once: bool, rows: Any, high: float, reset: str, delay: bool
) -> None:
    layers = SCALED if encoding == "direct" else LAYERS
    graph = run_passes(
        spiking_graph(
            layers,
            encoding,
            6,
            high=high,
            current_once=once,
            beta=0.875,
            reset=reset,
            reset_delay=delay,
        )
    )
    integer = quantized(graph, rows, high).graph
    assert [type(n.op) for n in integer.nodes if not isinstance(n.op, QuantizedEncode)] == [
        QuantizedLif, QuantizedLif, QuantizedReadout,
    ]  # fmt: skip
    assert len(integer.tensor(integer.nodes[-3].inputs[0]).shape) == (
        1 if encoding == "direct" else 2
    )
    real = evaluate(graph, rows)
    flat = rows.reshape(len(rows), -1).astype(np.uint8)
    found, _ = FastSimulator(integer).values(flat)
    fired = real["lif0_out"].reshape(len(rows), -1)
    assert 0.02 < fired.mean() < 0.9
    assert (found["lif0_out"] != fired).mean() < 0.01
    same = found[integer.outputs[0]].argmax(1) == real[graph.outputs[0]].argmax(1)
    assert same.mean() > 0.95


def test_a_leak_that_no_shift_gives_is_a_factor() -> None:
    for beta, shift, leak in (
        (0.875, True, 3),
        (0.5, True, 1),
        (0.9, False, 29491),
        (1.0, False, 32768),
        (0.0, False, 0),
    ):
        integer = quantized(spiking_graph(SCALED, "direct", 4, beta=beta)).graph
        for op in nodes(integer, QuantizedLif):
            assert (op.shift_leak, set(op.leak.tolist())) == (shift, {leak})


def test_rows_have_units_of_their_own_but_where_membranes_meet() -> None:
    hidden, last = nodes(
        quantized(spiking_graph(SCALED, "direct", 4, beta=0.875)).graph, QuantizedLif
    )
    assert len(set(hidden.unit.tolist())) == 20 and not hidden.membranes
    assert (np.abs(hidden.weight).max(axis=1) == 127).all()
    assert len(set(last.unit.tolist())) == 1 and last.membranes
    assert hidden.fraction < 2 and hidden.low >= -32768 and hidden.high <= 32767
    real = hidden.weight * hidden.unit[:, None] * 2**hidden.fraction  # one unit of x is 1
    assert np.abs(real - SCALED[0][0]).max() <= hidden.unit.max() * 2
    assert np.allclose(hidden.threshold * hidden.unit, 1.0, atol=hidden.unit.max())


def test_a_wide_factor_leak_takes_fewer_bits_below_a_weight() -> None:
    wide = [(np.where(np.arange(12) < 3, 4.0, 0.0) * np.ones((4, 1)), np.zeros(4))]
    op = nodes(quantized(spiking_graph(wide, "direct", 8, beta=0.9)).graph, QuantizedLif)[0]
    assert not op.saturating and op.fraction < 2 and op.high <= 65535


def test_without_a_proof_membranes_saturate_beyond_what_calibration_saw() -> None:
    large = [(4.0 * np.ones((4, 60)), np.zeros(4))]
    rows = np.zeros((20, 60))
    rows[:, :3] = 5.0
    op = nodes(quantized(spiking_graph(large, "direct", 8, beta=0.9), rows).graph, QuantizedLif)[0]
    assert op.saturating and (op.low, op.high) == (-65535, 65535)


def test_a_threshold_that_no_membrane_reaches_never_fires() -> None:
    """A leaky integrator as a readout: nothing resets it."""
    for compare in ("gt", "ge"):
        graph = spiking_graph(
            SCALED[:1],
            "direct",
            4,
            beta=0.875,
            threshold=1e9,
            method="membrane_mean",
            compare=compare,
        )
        integer = quantized(graph).graph
        values, _ = FastSimulator(integer).values(ROWS.astype(np.uint8))
        assert not values["lif0_out"].any()
        graph = run_passes(graph)
        real = evaluate(graph, ROWS)[graph.outputs[0]]
        scores = integer.output.quant.dequantize(values[integer.outputs[0]])
        assert np.abs(scores - real).max() < 0.02 * np.abs(real).max()


@pytest.mark.parametrize("method", READOUTS)
def test_every_readout_gives_the_float_networks_class(method: str) -> None:
    graph = run_passes(spiking_graph(SCALED, "direct", 8, beta=0.875, method=method))
    integer = quantized(graph).graph
    out = FastSimulator(integer).run(ROWS.astype(np.uint8))
    assert integer.output.dtype == "u16"
    same = out.argmax(1) == evaluate(graph, ROWS)[graph.outputs[0]].argmax(1)
    assert same.mean() > 0.95


@pytest.mark.parametrize(
    ("steps", "low", "high"), [(1, 0, 16), (2, 0, 1), (10, 0, 16), (10, -7, 200), (300, 0, 255)]
)
def test_the_limits_of_latency_are_those_of_trying_every_byte(
    steps: int, low: int, high: int
) -> None:
    found = latency_limits(steps, low, high)
    assert found == spiking_nets.latency_limits(steps, low, high)
    assert found[-1] == low + 1


def test_encoders_spike_as_the_float_ones_do() -> None:
    for encoding in ("rate", "latency"):
        graph = run_passes(spiking_graph(LAYERS, encoding, 9, beta=0.875))
        values, _ = FastSimulator(quantized(graph).graph).values(ROWS.astype(np.uint8))
        real = evaluate(graph, ROWS)["encode0_out"].reshape(200, -1)
        assert np.array_equal(values["encode0_out"], real)
    layers = random_layers((24, 5))
    moving = np.random.default_rng(4).integers(0, 17, (50, 9, 12)).astype(float)
    graph = run_passes(spiking_graph(layers, "delta", 9, events=3.0, beta=0.875))
    integer = quantized(graph, moving).graph
    values, _ = FastSimulator(integer).values(moving.reshape(50, -1).astype(np.uint8))
    assert np.array_equal(
        values["encode0_out"], evaluate(graph, moving)["encode0_out"].reshape(50, -1)
    )


def test_direct_encoding_of_what_is_no_layer_of_neurons_repeats() -> None:
    b = Builder((12,))
    (x,) = b.add(Encode("direct", 3), "x")
    integer = quantized(b.graph(x)).graph
    assert [type(n.op) for n in integer.nodes] == [QuantizedGather]
    out = FastSimulator(integer).run(ROWS.astype(np.uint8))
    assert np.array_equal(out, np.tile(ROWS, 3))


def test_without_calibration_the_limits_are_those_of_every_legal_input() -> None:
    graph = run_passes(spiking_graph(SCALED, "direct", 4, beta=0.875))
    assert nodes(quantize_int8(graph, (0.0, 16.0), None).graph, QuantizedLif)


def test_what_has_no_integers_is_refused_with_the_way_out() -> None:
    lif = Lif(np.full(12, 0.875), np.ones(12))
    b = Builder((6, 12))
    spikes, *_ = b.lif("x", lif)
    with pytest.raises(UnsupportedOperatorError, match=r"net\.\d+\): neurons need a linear layer"):
        quantized(b.graph(spikes), EVENTS, 1.0)

    graph = spiking_graph(SCALED, "direct", 4, beta=0.875, current_once=True)
    relu = [
        replace(n, op=Linear(n.op.weight, n.op.bias, 0.0)) if isinstance(n.op, Linear) else n
        for n in graph.nodes
    ]
    with pytest.raises(UnsupportedOperatorError, match="without an activation"):
        quantized(replace(graph, nodes=tuple(relu)))

    b = Builder((6, 12))
    x = b.linear("x", *LAYERS[0])
    _, membranes, *_ = b.lif(x, Lif(np.full(20, 0.875), np.ones(20)))
    (y,) = b.add(Clamp(0.0, 1.0), membranes)
    with pytest.raises(UnsupportedOperatorError, match="reads its membranes"):
        quantized(b.graph(y), EVENTS, 1.0)

    b = Builder((6, 12))
    x = b.linear("x", *LAYERS[0])
    one, *_ = b.lif(x, Lif(np.full(20, 0.875), np.ones(20)))
    _, other, *_ = b.lif(x, Lif(np.full(20, 0.5), np.ones(20)))
    (y,) = b.add(Readout("count"), one, other)
    with pytest.raises(UnsupportedOperatorError, match="of one layer"):
        quantized(b.graph(y), EVENTS, 1.0)

    with pytest.raises(QuantizationError, match="is one byte of the input"):
        quantized(spiking_graph(LAYERS, "rate", 4, high=0.01, beta=0.875))


def test_a_layer_behind_a_readout_is_refused() -> None:
    graph = spiking_graph(random_layers((4, 3)), "rate", 5, beta=0.5)
    b = Builder((4,))
    b.tensors, b.nodes = list(graph.tensors), list(graph.nodes)
    name = b.linear(graph.output.name, np.ones((2, 3)), np.zeros(2))
    with pytest.raises(UnsupportedOperatorError, match="a layer reads its scores"):
        quantize_int8(run_passes(b.graph(name)), (0.0, 16.0), None)


def test_a_refractory_time_that_no_byte_counts_is_refused() -> None:
    with pytest.raises(ValueError, match=r"refractory of 256 steps, not 0\.\.255"):
        Lif(np.full(1, 0.5), np.ones(1), reset_delay=False, refractory=256)
