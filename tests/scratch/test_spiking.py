"""Spiking layers of the scratch engine: engines agree, and the float reference says the same."""

from __future__ import annotations

import itertools
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from pyexport.errors import PyexportError, UsageError
from pyexport.frontends import load_model
from pyexport.reference import forward, value_and_gradient
from pyexport.scratch import Adam, Dropout, Encode, Lif, Linear, Readout, ReLU, Sequential, load
from pyexport.scratch.node import Node
from scripts import event_streams, train_snn_scratch

MODES: list[dict[str, Any]] = [
    {"reset": reset, "reset_delay": delay, "compare": compare}
    for reset, delay in (
        ("subtract", True), ("zero", True), ("none", True),
        ("subtract", False), ("carry", False), ("zero", False),
    )
    for compare in ("gt", "ge")
]  # fmt: skip
MODES += [
    {"reset": "zero", "reset_delay": False, "v_reset": -0.25, "refractory": 2},
    {"reset": "subtract", "reset_delay": False, "refractory": 1},
    {"alpha": 0.5},
    {"alpha": 0.75, "reset": "zero", "reset_delay": False, "refractory": 3},
]
METHODS = ("count", "membrane_mean", "membrane_last", "first_spike")


def network(
    mode: dict[str, Any], method: str, encoding: str, engine: str, seed: int = 3
) -> Sequential:
    """Return a small spiking network whose neurons fire now and then."""
    return Sequential(
        Encode(encoding, 9),
        Linear(5, 7, gain=2.0),
        Lif(0.75, 0.5, **mode),
        Linear(7, 3, gain=2.0),
        Lif(0.875, 0.75, **mode),
        Readout(method),
        seed=seed,
        engine=engine,
    )


def points(count: int, seed: int) -> list[list[float]]:
    rng = Random(seed)
    return [[rng.random() for _ in range(5)] for _ in range(count)]


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_the_engines_agree(mode: dict[str, Any]) -> None:
    turns = itertools.cycle(METHODS)
    for encoding in ("direct", "rate", "latency"):
        method = next(turns)
        nets = [network(mode, method, encoding, engine) for engine in ("lists", "value")]
        for x in points(3, 1):
            assert nets[0](x) == pytest.approx(nets[1](x), abs=1e-12)
            assert nets[0].spikes(x) == nets[1].spikes(x)
            losses, gradients = zip(
                *(n.value_and_gradient(x, loss="cross_entropy", target=1) for n in nets),
                strict=True,
            )
            assert losses[0] == pytest.approx(losses[1])
            assert gradients[0] == pytest.approx(gradients[1], abs=1e-12)
        for net in nets:
            net.step_batch(points(3, 1), [0, 1, 2], loss="cross_entropy", optimizer=Adam(0.01))
        for ours, theirs in zip(nets[0].linears, nets[1].linears, strict=True):
            assert ours.bias == pytest.approx(theirs.bias, abs=1e-12)


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_the_exporter_reads_the_same_network(mode: dict[str, Any], tmp_path: Path) -> None:
    """A checkpoint becomes a graph with the same outputs, and the same gradients."""
    fired = 0.0
    for method, encoding in zip(METHODS, ("direct", "rate", "latency", "direct"), strict=True):
        net = network(mode, method, encoding, "lists")
        for layer in net.linears:  # what float32 holds too
            rounded = np.float32(layer.weight).astype(float).tolist()
            layer.load(rounded, np.float32(layer.bias).astype(float).tolist())
        rows = points(6, 2)
        net.save(tmp_path / "net.pt", input_range=(0.0, 1.0), calibration=rows)
        again = load(tmp_path / "net.pt")
        assert [again(x) for x in rows] == [net(x) for x in rows]
        graph = load_model(tmp_path / "net.pt").graph
        assert [node.op.kind for node in graph.nodes].count("lif") == 2
        outputs = forward(graph, np.array(rows))
        assert outputs == pytest.approx(np.array([net(x) for x in rows]), abs=1e-9)
        fired += sum(net.spikes(rows[0]))
        for x in rows[:2]:
            _, ours = net.value_and_gradient(x, loss="mse", target=[0.0, 0.0, 0.0])
            pull = 2.0 / 3.0 * forward(graph, np.array([x]))
            _, theirs = value_and_gradient(graph, np.array([x]), pull)
            assert ours == pytest.approx(theirs[0].tolist(), abs=1e-9)
    assert fired > 20


def test_encoders_by_hand() -> None:
    rate = Encode("rate", 4, 0.0, 16.0)
    assert rate._rate([16.0, 8.0, 4.0, 0.0], 16.0) == [
        [1.0, 1.0, 0.0, 0.0],
        [1.0, 0.0, 1.0, 0.0],
        [1.0, 1.0, 0.0, 0.0],
        [1.0, 0.0, 0.0, 0.0],
    ]
    latency = Encode("latency", 3, 0.0, 16.0)
    assert latency._latency([16.0, 12.0, 8.0, 1.0, 0.0], 16.0) == [
        [1.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 1.0, 1.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 1.0, 0.0],
    ]


def test_a_spiking_network_learns_the_moons() -> None:
    result = train_snn_scratch.train_moons(100, "lists", 0, 12)
    assert all(result.network.classify(row) == target for row, target in result.training)


def test_dropout_drops_spikes_of_each_step_on_its_own() -> None:
    lif = Lif(beta=1.0, threshold=0.5)
    net = Sequential(
        Encode("direct", 40),
        Linear(1, 8),
        lif,
        Dropout(0.5),
        Linear(8, 2),
        Lif(),
        Readout(),
        seed=1,
    )
    net.linears[0].load([[1.0]] * 8, [0.0] * 8)
    spikes: Any = Node([1.0])
    for layer in net.layers[:3]:
        spikes = layer.forward(spikes, training=False)
    assert set(spikes.data) == {1.0}
    kept: Any = net.layers[3].forward(spikes, training=True)
    assert set(kept.data) == {0.0, 2.0}
    assert len({tuple(part.data) for part in kept.parts}) > 20


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((Linear(2, 2), Lif(), Readout()), "a Lif fires on the currents of a Linear|no time steps"),
        ((Encode(), Linear(2, 2), ReLU(), Lif(), Readout()), "a Lif fires on the currents"),
        ((Encode(), Linear(2, 2), Lif()), "ends in several time steps; put a Readout"),
        ((Encode(), Linear(2, 2), Readout()), "a Readout reads what a Lif fires"),
        ((Encode(), Encode(), Linear(2, 2), Lif(), Readout()), "a second Encode"),
    ],
)
def test_spiking_layers_at_the_wrong_place_are_refused(layers: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Sequential(*layers)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Encode("morse"), "no encoding 'morse'; use one of direct, rate, latency"),
        (lambda: Encode("rate", 0), "steps is 0; use a whole number, 1 to 255"),
        (lambda: Encode("rate", 4, 1.0, 1.0), "give a low below a high"),
        (lambda: Lif(beta=1.5), "beta is 1.5; use a number of 0 to 1"),
        (lambda: Lif(alpha=-0.5), "alpha is -0.5; use a number of 0 to 1"),
        (lambda: Lif(threshold=0.0), "the threshold is 0.0; use a positive number"),
        (lambda: Lif(reset="never"), "no reset 'never'"),
        (lambda: Lif(compare="lt"), "no compare 'lt'"),
        (lambda: Lif(reset_delay=1), "reset_delay is 1; use True or False"),
        (lambda: Lif(refractory=2), "needs the reset in the same step"),
        (lambda: Lif(refractory=1.5, reset_delay=False), "use steps, 0 to 255"),
        (lambda: Lif(v_reset=0.5), 'other than 0 it needs reset="zero" in the same step'),
        (lambda: Lif(reset="zero", reset_delay=False, v_reset=1.0), "reaches the threshold"),
        (lambda: Lif(reset="carry"), "give reset_delay=False"),
        (lambda: Readout("loudest"), "no method 'loudest'"),
    ],
)
def test_wrong_numbers_are_refused(make: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"reset":"subtract"', b'"reset":"subtracT"', "reset is none of"),
        (b'"reset_delay":true', b'"reset_delay":1   ', "reset_delay is none of true, false"),
        (b'"steps":9', b'"steps":0', "layer 0: Encode: steps is 0"),
        (b'"method":"count"', b'"metHod":"count"', "does not state what it must"),
        (b'"threshold":0.5', b'"threshold":-.5', "is not JSON|cannot be read|damaged"),
        (b'"threshold":0.75', b'"threshold":-2.5', "layer 4: Lif: the threshold is -2.5"),
    ],
)
def test_a_damaged_checkpoint_is_refused(
    old: bytes, new: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "net.pt"
    network({}, "count", "direct", "lists").save(path, input_range=(0.0, 1.0))
    data = path.read_bytes()
    quoted = old if old in data else old.replace(b'"', b'\\"')
    assert data.count(quoted) >= 1
    path.write_bytes(data.replace(quoted, new if quoted == old else new.replace(b'"', b'\\"'), 1))
    for read in (load, load_model):
        with pytest.raises(PyexportError, match=message) as caught:
            read(path)
        assert "\n" not in str(caught.value)
        assert not isinstance(caught.value, UsageError) or read is load


def test_a_loss_on_time_steps_is_refused() -> None:
    steps = Encode("direct", 2).forward(
        Sequential(Linear(2, 2), engine="lists")._leaf([0, 1]), False
    )
    with pytest.raises(UsageError, match="put a Readout behind them"):
        steps.item()


def test_the_temporal_task_is_frozen() -> None:
    assert event_streams.fingerprint() == event_streams.FROZEN
