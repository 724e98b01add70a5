"""Counts of spiking kernels, by hand: what fires in which step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pyexport.lower.costs import step_costs
from pyexport.lower.spike_work import Spikes, events, latency, most_firing, pairs, readout
from pyexport.pipeline import ExportOptions, export_model
from pyexport.simulator.fast import FastSimulator
from pyexport.targets.costs import read_costs
from scripts.spiking_models import random_layers, spiking_graph, spiking_model

P: dict[str, Any] = {
    "n": 20, "n_in": 10, "steps": 2, "size": 8, "packed_in": 1, "packed_out": 1, "mask_dtype": "u8",
    "reset": "subtract", "reset_delay": 1, "leak": "3", "shift_leak": 1, "synaptic": "none",
    "threshold": "", "refractory": 0, "saturating": 0, "workspace_dtype": "s16", "direct": 0,
    "membranes_dtype": "", "bias_dtype": "s16", "fraction": 2,
}  # fmt: skip
READ = np.zeros((2, 10))
READ[0, 2] = READ[0, 9] = READ[1, 9] = 1.0  # two spikes in the first step, one in the second


def test_only_columns_of_inputs_that_fired_are_added() -> None:
    work = events(P, Spikes(READ, None))
    assert work["events"] == 3
    assert work["columns"] == 3 * 3  # 20 neurons are three blocks
    assert work["weights"] == 3 * 3 * 8
    assert work["biases"] == work["neurons, subtract, delayed"] == 2 * 20
    none = events(P, Spikes(np.zeros((2, 10)), None))
    assert (none["events"], none["neurons, subtract, delayed"]) == (0, 40)
    every = events(P, Spikes())
    assert every["events"] == 2 * 10


def test_words_are_searched_up_to_their_last_spike_or_by_halves() -> None:
    assert events(P, Spikes(READ, None))["bits up to the last spike"] == 3 + 2 + 2
    half = events(P, Spikes(np.full((1, 10), 0.5), None))["bits up to the last spike"]
    assert half == pytest.approx(8 - (1 - 0.5**8) + 2 - (1 - 0.5**2))  # of independent bits
    wide = events({**P, "mask_dtype": "u32"}, Spikes(READ, None))
    assert wide["halves left out"] == 1 + 2 + 2  # places 2 and 9 have one and two digits of 1


def test_a_pair_acts_where_one_of_two_neurons_fires() -> None:
    made = np.zeros((2, 20))
    made[0, 0] = made[0, 1] = made[1, 5] = 1.0
    work = pairs({**P, "mask_dtype": "u32"}, Spikes(READ, made))
    assert (work["pairs that fire, subtract, delayed"], work["spikes"]) == (2, 3)


def test_spikes_of_encoders_and_readouts() -> None:
    assert latency(P, Spikes(None, READ))["spikes, in words"] == 3
    params = {**P, "method": "count", "counts": 1, "in_dtype": "s16"}
    assert readout(params, Spikes(READ, None))["spikes, count, in words"] == 3


def test_a_latency_network_costs_more_where_more_fires() -> None:
    rows = np.random.default_rng(5).integers(1, 17, (12, 40)).astype(np.float64)
    graph = spiking_graph(random_layers((40, 34, 10), gain=2.0), "latency", 6, beta=0.875)
    made = export_model(spiking_model(graph, rows), ExportOptions("net", target="cortex-m4"))
    integers, table = made.artifact.graph, read_costs("cortex-m4")
    assert table is not None
    (encoder, *_) = integers.nodes
    assert most_firing(integers)[encoder.outputs[0]].sum() == pytest.approx(40)  # one an input
    simulator = FastSimulator(integers)
    dark = np.where(np.arange(40) < 35, 0, rows).astype(np.uint8)
    few, many = simulator.firing(dark), simulator.firing(rows.astype(np.uint8))
    assert few[encoder.outputs[0]].sum() == pytest.approx(5)
    costs = [step_costs(integers, made.program, table, {}, seen) for seen in (few, many)]
    for less, more in zip(*costs, strict=True):
        assert less.mean is not None and more.mean is not None and more.worst is not None
        assert less.mean <= more.mean <= more.worst
        assert less.worst == pytest.approx(more.worst)
