"""Where a spiking network and its export part: layer, step, and how near the membrane is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pyexport.integer.spiking import QuantizedLif
from pyexport.ir import Array, Dataset, Lif
from pyexport.passes import run_passes
from pyexport.quantize import quantize_int8
from pyexport.verify.cause import count_causes, parting
from pyexport.verify.causes import causes, gap_shares
from pyexport.verify.pair import Pair
from pyexport.verify.spikes import float_trains, integer_trains
from scripts.kernel_cases.zoo import artifact_of
from scripts.spiking_models import random_layers, spiking_graph

STEPS, N_IN = 6, 8
ROWS = np.random.default_rng(5).integers(0, 17, (1000, N_IN)).astype(np.uint8)


def pair_of(encoding: str, planted: str = "", method: str = "count") -> Pair:
    """Return a network and its export, in which a layer may have a wrong threshold."""
    layers = random_layers((N_IN, 9, 3), gain=1.5)
    layers[0] = (layers[0][0] / (6.0 if encoding == "direct" else 1.0), layers[0][1])
    graph = run_passes(spiking_graph(layers, encoding, STEPS, method=method, beta=0.875))
    exported = quantize_int8(graph, (0.0, 16.0), Dataset(ROWS.astype(float))).graph
    nodes = tuple(
        replace(node, op=replace(node.op, threshold=node.op.threshold * 5 // 4))
        if isinstance(node.op, QuantizedLif) and node.name == planted
        else node
        for node in exported.nodes
    )
    return Pair(graph, artifact_of(replace(exported, nodes=nodes)))


def disagreements(pair: Pair) -> Array:
    return ROWS[pair.float_classes(pair.real(ROWS)) != pair.integer_classes(ROWS)]


@pytest.mark.parametrize("encoding", ["direct", "rate", "latency"])
@pytest.mark.parametrize("layer", [0, 1])
def test_a_layer_with_a_wrong_threshold_is_named(encoding: str, layer: int) -> None:
    right = pair_of(encoding)
    planted = [n.name for n in right.artifact.graph.nodes if isinstance(n.op, QuantizedLif)][layer]
    pair = pair_of(encoding, planted)
    rows = disagreements(pair)
    assert len(rows) > 10
    found = causes(pair, rows)
    named = [cause.node for cause in found]
    assert named.count(planted) > 0.8 * len(rows)
    assert len(disagreements(right)) < 0.5 * len(rows)


def test_the_step_is_the_first_in_which_spikes_of_the_first_layer_differ() -> None:
    pair = pair_of("rate", "lif0")
    rows = disagreements(pair)
    checked = 0
    most = next(n.op.threshold.max() for n in pair.graph.nodes if isinstance(n.op, Lif))
    for row, cause in zip(rows, causes(pair, rows), strict=True):
        if cause.node != "lif0":
            continue
        ours = float_trains(pair.graph, pair.real(row[None]))[0].spikes
        sums = pair.simulator.trace(row[None]).accumulators
        assert sums is not None
        theirs = integer_trains(pair.artifact.graph, sums)[0].spikes
        assert cause.step == int((ours != theirs).any(axis=1).argmax())
        assert cause.step is not None  # the threshold is a quarter too high, and so are its resets
        assert 0.0 <= cause.distance <= 0.26 * most * (1 + cause.step)
        checked += 1
    assert checked > 10


def test_rounding_parts_spikes_of_membranes_near_the_threshold() -> None:
    pair = pair_of("rate")
    rows = disagreements(pair)
    found = causes(pair, rows)
    assert len(found) and all(cause.node for cause in found)
    partings = [parting(cause, found) for cause, _ in count_causes(found)]
    near = [when.distance for when in partings if when is not None]
    assert near and max(near) < 0.1
    counted = sum(n for when in partings if when is not None for _, n in when.steps)
    assert counted == sum(cause.step is not None for cause in found)


@pytest.mark.parametrize("method", ["count", "membrane_mean"])
def test_shares_of_a_spiking_network_make_the_gap(method: str) -> None:
    pair = pair_of("rate", method=method)
    shares = gap_shares(pair, ROWS[0], 1)
    assert len(shares) == 4  # encoder, two layers of neurons, readout
    real = pair.real(ROWS[:1])
    gap = pair.integer_outputs(ROWS[:1])[0, 1] - pair.float_outputs(real)[0, 1]
    assert sum(share.change for share in shares) == pytest.approx(gap)
