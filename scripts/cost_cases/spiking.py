"""Draws spiking networks: an encoder or a stream of spikes, neurons, and a readout or their spikes.

Spikes lie in words between two spiking layers only, so most networks have several kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np

from pyexport.ir import Array, Constant, Dataset, Encode, Graph, Lif, Metadata, Model, Readout
from pyexport.statements import Statements
from scripts.cost_cases.net import CALIBRATION_ROWS, Net
from scripts.spiking_models import Builder

HIGH = 16.0
EVENTS = (0.02, 0.1, 0.35)  # of the places of a stream, that have one, row by row
PLAIN: tuple[dict[str, Any], ...] = (  # the modes that scripts train: shifts, delayed subtractions
    {"beta": (0.875,)},
    {"beta": (0.9375,)},
    {"beta": (0.75, 0.875, 0.9375, 0.96875)},
)
MODES: tuple[dict[str, Any], ...] = (
    {"beta": (0.875,), "reset_delay": False},
    {"beta": (0.75,), "reset": "zero"},
    {"beta": (0.875,), "reset": "zero", "reset_delay": False},
    {"beta": (0.9375,), "reset": "none"},
    {"beta": (0.875,), "reset": "carry", "reset_delay": False},
)
OTHERS: tuple[dict[str, Any], ...] = (
    {"beta": (0.9,)},
    {"beta": (0.9, 0.8, 0.95)},
    {"beta": (0.9,), "alpha": (0.5,)},
    {"beta": (0.875,), "alpha": (0.75,)},
    {"beta": (0.9,), "alpha": (0.8, 0.7)},
    {"beta": (0.875,), "reset_delay": False, "refractory": 2},
    {"beta": (1.0,)},
    {"beta": (0.95,), "alpha": (0.9,)},
)


@dataclass
class SpikingNet(Net):
    """A finished spiking network; its rows are bytes for an encoder, or a stream of spikes."""

    graph: Graph | None = None
    streams: bool = False
    shares: Sequence[float] = field(default=EVENTS)

    def model(self) -> Model:
        """Return the model, with calibration rows of its input."""
        assert self.graph is not None
        rows = np.concatenate([self._drawn() for _ in range(CALIBRATION_ROWS // 3)])
        data = Dataset(rows.reshape(len(rows), *self.shape))
        stated = Statements(input_range=self.input_range)
        return Model(self.graph, Metadata("case.pt", "ab" * 32, "cases", stated, calibration=data))

    def rows(self) -> Array:
        """Return real input rows, of a few shares of zeros, or of few, some and many events."""
        return self._drawn()

    def _drawn(self) -> Array:
        if not self.streams:
            return self._reals(3)
        draws = np.random.default_rng(self.random.randrange(1 << 30))
        size = int(np.prod(self.shape))
        return np.stack([draws.random(size) < share for share in EVENTS]).astype(float)


def _net(random: Random, encoding: str, modes: Sequence[dict[str, Any]], sizes: list[int]) -> Net:
    steps = random.choice([4, 4, 6, 8]) if encoding == "direct" else random.choice([6, 8, 10, 16])
    n_in, streams = sizes[0], encoding == ""
    if streams:
        steps = random.choice([8, 16, 24, 32])
    delta = encoding == "delta"
    shape = (steps, n_in) if streams or delta else (n_in,)
    high = 1.0 if streams else HIGH
    method = random.choice(["count", "count", "membrane_mean", "membrane_last", "first_spike", ""])
    b, x = Builder(shape), "x"
    if delta:
        (zero,) = b.add(Constant(np.zeros(n_in)))
        x = b.add(Encode("delta", steps, 0.0, HIGH, random.choice([3.0, 6.0])), x, zero)[0]
        sizes = [2 * n_in, *sizes[1:]]
    elif not streams:
        (x,) = b.add(Encode(encoding, steps, 0.0, HIGH), x)
    draws = np.random.default_rng(random.randrange(1 << 30))
    gain, membranes = random.choice([0.6, 1.0, 1.6]), ""
    chosen = random.choice(modes)
    for layer, (columns, n) in enumerate(pairwise(sizes)):
        weight = gain * draws.normal(0.15, 1.0, (n, columns)) / np.sqrt(columns)
        if encoding == "direct" and layer == 0:
            weight /= HIGH / 2
        x = b.linear(x, weight, draws.normal(0.0, 0.1, n))
        last = layer == len(sizes) - 2
        mode = {"beta": chosen["beta"], "reset": "none"} if last and "mem" in method else chosen
        x, membranes, *_ = b.lif(x, _neurons(mode, n))
    output = x
    if method:
        (output,) = b.add(Readout(method), x, membranes)
    return SpikingNet(random, shape, (0.0, high), graph=b.graph(output), streams=streams)


def _neurons(mode: dict[str, Any], n: int) -> Lif:
    fields: dict[str, Any] = dict(mode)
    for name in ("beta", "alpha"):
        if name in mode:
            fields[name] = np.resize(mode[name], n)
    return Lif(threshold=np.ones(n), **fields)


def _sizes(random: Random, first: Sequence[int]) -> list[int]:
    layers = random.choice([1, 2, 2, 2])
    hidden = [random.choice([8, 12, 16, 24, 32, 40, 48, 64]) for _ in range(layers - 1)]
    return [random.choice(first), *hidden, random.choice([2, 4, 8, 10, 10, 16])]


def spiking(random: Random) -> Net:
    """A stream of spikes, or numbers as spikes, and neurons that leak by a shift."""
    encoding = random.choice(["", "", "rate", "latency", "latency", "delta"])
    return _net(random, encoding, (*PLAIN, *PLAIN, *MODES), _sizes(random, [8, 12, 16, 24, 32, 64]))


def direct_spiking(random: Random) -> Net:
    """The same numbers in every step, added up once."""
    modes = (*PLAIN, *PLAIN, *MODES, *OTHERS)
    return _net(random, "direct", modes, _sizes(random, [2, 8, 12, 16, 24, 32, 64, 64]))


def other_spiking(random: Random) -> Net:
    """Neurons of other modes: factors, synaptic currents, refractory steps."""
    encoding = random.choice(["", "", "rate", "latency", "delta"])
    return _net(random, encoding, OTHERS, _sizes(random, [8, 12, 16, 24, 32, 64]))


def current_spiking(random: Random) -> Net:
    """Neurons that read numbers, other ones in every step."""
    net = _net(random, "", (*PLAIN, *MODES[:2], OTHERS[0]), _sizes(random, [3, 6, 8, 12, 16]))
    assert isinstance(net, SpikingNet)
    net.streams, net.input_range = False, random.choice([(0.0, 15.0), (0.0, 255.0), (-8.0, 7.0)])
    return net
