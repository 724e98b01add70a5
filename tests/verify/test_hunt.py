"""The hunt finds real, distinct, legal disagreements, their causes, and the largest gap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pyexport.errors import UnsupportedOperatorError, UsageError
from pyexport.gradients import of_graph
from pyexport.ir import Dataset, Model
from pyexport.pairing import load_pair
from pyexport.sensor import FRONT_END, passed_on, sensor_limits
from pyexport.simulator.fast import FastSimulator
from pyexport.verify.causes import causes, gap_shares
from pyexport.verify.descent import noise
from pyexport.verify.gaps import random_gap
from pyexport.verify.hunt import hunt_classes, search_randomly
from pyexport.verify.hunting import HuntOptions, hunt
from pyexport.verify.pair import Pair
from pyexport.verify.straight_through import LEAK, of_integer_graph
from tests.networks import image, uneven
from tests.verify.blobs import model, pair

FEW = HuntOptions(wanted=200, small=8, steps=60, random=20_000)


def known() -> np.ndarray:
    samples = pair()[1].artifact.samples
    assert samples is not None
    return samples.inputs


def test_finds_are_distinct_legal_and_real() -> None:
    both, _ = pair()
    found = hunt_classes(both, of_graph(both.graph), known(), 300, seed=2)
    assert len(found.rows) >= 300
    assert len(np.unique(found.rows, axis=0)) == len(found.rows)
    assert found.rows.min() >= 0 and found.rows.max() <= 100
    assert (both.float_classes(both.real(found.rows)) == found.float_classes).all()
    assert (FastSimulator(both.artifact.graph).run(found.rows).argmax(axis=1)
            == found.integer_classes).all()  # fmt: skip
    assert (found.float_classes != found.integer_classes).all()


def test_the_same_seed_finds_the_same() -> None:
    both, _ = pair()
    one, other = (hunt_classes(both, of_graph(both.graph), known(), 100, 5) for _ in range(2))
    assert (one.rows == other.rows).all()


def test_a_hunt_tries_far_fewer_inputs_than_chance() -> None:
    both, _ = pair()
    hunted = hunt_classes(both, of_graph(both.graph), known(), 500)
    chance = search_randomly(both, 1 << 30, 50_000)
    share = len(hunted.rows) / hunted.tried
    assert share > 5 * len(chance.rows) / chance.tried


def test_a_whole_hunt_brings_finds_near_and_says_why() -> None:
    both, _ = pair()
    result = hunt(both, known(), FEW)
    assert result.random_gap is not None and result.gap.size > result.random_gap.size
    small = result.small
    assert (small.float_classes != small.integer_classes).all()
    assert len(np.unique(small.starts, axis=0)) == len(small.rows)
    assert {cause.node for cause in result.causes} <= {"linear0", "linear1"}
    row = result.gap.row[None]
    gap = both.float_outputs(both.real(row)) - both.integer_outputs(row)
    assert abs(gap[0, result.gap.output]) == pytest.approx(result.gap.size)


def test_the_shares_of_a_gap_make_the_gap() -> None:
    both, _ = pair()
    gap = random_gap(both, 2_000)
    shares = gap_shares(both, gap.row, gap.output)
    assert sum(share.change for share in shares) == pytest.approx(
        gap.integer_value - gap.float_value
    )


@pytest.mark.parametrize("source", [uneven(), uneven(-1.0, 1), image()])
def test_shares_behind_a_front_end_or_a_normalization_make_the_gap(source: Model) -> None:
    """The exporter's own front end is a layer of the export alone; the model's is one of both."""
    both, _ = load_pair(source)
    own = [node.source for node in both.artifact.graph.nodes].count(FRONT_END)
    assert own == len(both.artifact.graph.nodes) - len(both.graph.nodes)
    gap = random_gap(both, 500)
    shares = gap_shares(both, gap.row, gap.output)
    assert len(shares) == len(both.artifact.graph.nodes)
    assert sum(share.change for share in shares) == pytest.approx(
        gap.integer_value - gap.float_value
    )
    found = causes(both, both.integers(noise(40, both.limits, 0)))
    assert {cause.node for cause in found} <= {"", *(n.name for n in both.artifact.graph.nodes)}


def test_a_front_end_passes_its_input_on_within_a_step() -> None:
    both, _ = load_pair(uneven())
    graph = both.artifact.graph
    front = graph.nodes[0]
    rows = both.integers(noise(50, both.limits, 2))
    values = FastSimulator(replace(graph, nodes=(front,), outputs=front.outputs)).run(rows)
    passed = passed_on(front, graph, rows, values)
    low, high = sensor_limits(graph)
    assert (np.abs(passed - rows) <= 1.01 * (high - low) / 200.0).all()


def test_a_layer_that_clips_is_named() -> None:
    """Calibration rows near the middle make the layers clip elsewhere."""
    source = model()
    narrow = Dataset(50.0 + (known() - 50.0) / 2.0)
    clipped, _ = load_pair(source, calibration=narrow)
    found = hunt_classes(clipped, of_graph(clipped.graph), known(), 100)
    assert any(cause.clips for cause in causes(clipped, found.rows))
    gap = hunt(clipped, known(), replace(FEW, random=0)).gap
    shares = gap_shares(clipped, gap.row, gap.output)
    by_limits = sum(abs(share.by_limits) for share in shares)
    assert by_limits > 0.5 * gap.size


def test_a_float32_export_and_rows_of_one_class_are_refused() -> None:
    both, _ = pair()
    with pytest.raises(UsageError, match="one class"):
        one = replace_class(both)
        hunt_classes(one, of_graph(one.graph), known())
    floats, _ = load_pair(model(), scheme="float32")
    with pytest.raises(UsageError, match="float32"):
        hunt_classes(floats, of_graph(floats.graph), known())


def replace_class(both: Pair) -> Pair:
    """Return the pair with a float model that gives every row its last class."""
    last = both.graph.nodes[-1]
    bias = np.array([0.0, 0.0, 1e6])
    nodes = (*both.graph.nodes[:-1], replace(last, op=replace(last.op, bias=bias)))
    return replace(both, graph=replace(both.graph, nodes=nodes))


def test_straight_through_values_are_exact_and_slopes_those_of_the_layers() -> None:
    both, _ = pair()
    climbed = of_integer_graph(both.artifact.graph)
    rows = known()
    outputs, gradient = climbed(both.real(rows), lambda y: np.eye(3)[y.argmax(axis=1)])
    assert (outputs == both.integer_outputs(rows)).all()
    _, wanted = of_graph(both.graph)(both.real(rows), lambda y: np.eye(3)[outputs.argmax(axis=1)])
    cosine = (gradient * wanted).sum(axis=1)
    cosine /= np.linalg.norm(gradient, axis=1) * np.linalg.norm(wanted, axis=1)
    assert np.median(cosine) > 0.98 and 0.0 < LEAK < 0.1


def test_a_float32_graph_has_no_integer_gradients() -> None:
    floats, _ = load_pair(model(), scheme="float32")
    with pytest.raises(UnsupportedOperatorError):
        of_integer_graph(floats.artifact.graph)
