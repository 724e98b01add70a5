"""FGSM, PGD and the minimal norm stay legal and in their ball, and are as strong as they can be."""

from __future__ import annotations

import numpy as np
import pytest

from pyexport.errors import UsageError
from pyexport.gradients import ValueAndGradient, of_graph, of_scratch, of_torch
from pyexport.ir import Linear
from pyexport.pairing import load_pair
from pyexport.scratch import MLP
from pyexport.verify.attack import AttackOptions, attack, ball_of
from pyexport.verify.ball import Ball
from pyexport.verify.bounded import PGDOptions, fgsm, pgd
from pyexport.verify.goal import MODELS, Goal
from pyexport.verify.minimal import MinimalOptions, minimal
from pyexport.verify.near import near_starts
from pyexport.verify.pair import Pair
from pyexport.verify.starts import Starts, choose_starts
from pyexport.verify.straight_through import of_integer_graph
from tests.networks import chain, layer, uneven
from tests.verify.blobs import pair

ONES = np.ones(4)


def starts(count: int = 30) -> Starts:
    both, _ = pair()
    samples = both.artifact.samples
    assert samples is not None
    return choose_starts(both, samples.inputs, samples.targets, count=count)


def goal(targeted: bool = False, on: str = "integer") -> Goal:
    chosen = starts()
    return Goal(pair()[0], chosen.targets if targeted else chosen.classes, targeted, on)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_legal_rows_of_a_ball_lie_in_it_and_are_the_nearest(norm: str) -> None:
    both, _ = load_pair(uneven())  # columns of very different steps
    random = np.random.default_rng(5)
    low, high = both.limits
    origins = both.integers(low + random.random((200, 5)) * (high - low))
    assert both.step is not None and np.ptp(both.step) > 0.0
    ball = Ball(norm, 7.6, both.step)
    rows = np.clip(ball.sample(both.real(origins), random), low, high)
    rows = ball.project(both.real(origins) + 3.0 * (rows - both.real(origins)), both.real(origins))
    legal = ball.legal(both, np.clip(rows, low, high), origins)
    moves = legal.astype(np.int64) - origins.astype(np.int64)
    order = {"linf": np.inf, "l2": 2}[norm]
    assert np.linalg.norm(moves, order, axis=1).max() <= 7.6
    assert (both.legal(legal) == legal).all()
    rounded = both.integers(np.clip(rows, low, high)).astype(np.int64) - origins
    fits = np.linalg.norm(rounded, order, axis=1) <= 7.6
    assert (moves[fits] == rounded[fits]).all()  # only rows that left the ball are changed
    assert fits.any() and not fits.all()


def test_the_steepest_move_of_a_ball_has_length_one_and_gains_the_dual_norm() -> None:
    slope = np.random.default_rng(3).normal(size=(6, 4))
    one, two = (Ball(norm, 1.0, ONES).steepest(slope) for norm in ("linf", "l2"))
    np.testing.assert_allclose((one * slope).sum(axis=1), -np.abs(slope).sum(axis=1))
    np.testing.assert_allclose((two * slope).sum(axis=1), -np.linalg.norm(slope, axis=1))
    assert (Ball("l2", 1.0, ONES).steepest(np.zeros((1, 4))) == 0.0).all()


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_pgd_is_stronger_than_fgsm_and_both_stay_in_the_ball(norm: str, targeted: bool) -> None:
    both, model, wanted = pair()[0], of_graph(pair()[0].graph), goal(targeted)
    rows = starts().rows
    shares = []
    for epsilon in (15.0, 30.0, 45.0):
        ball = Ball(norm, epsilon, ONES)
        one = fgsm(wanted, model, rows, ball)
        many = pgd(wanted, model, rows, ball, PGDOptions(20, 2))
        for found in (one, many):
            moved = both.real(found.rows) - both.real(rows)
            assert np.linalg.norm(moved, {"linf": np.inf, "l2": 2}[norm], axis=1).max() <= epsilon
            assert (both.legal(found.rows) == found.rows).all()
            assert found.rows.dtype == rows.dtype
            assert (found.hit(both.integer_classes(found.rows)) == found.succeeded).all()
        assert many.share >= one.share
        shares.append(many.share)
    assert shares == sorted(shares) and shares[-1] > shares[0]


def test_the_same_seed_gives_the_same_rows() -> None:
    model, wanted, ball = of_graph(pair()[0].graph), goal(), Ball("linf", 20.0, ONES)
    one, other = (pgd(wanted, model, starts().rows, ball, PGDOptions(5, 3, 9)) for _ in range(2))
    assert (one.rows == other.rows).all()


def test_the_minimal_norm_of_a_linear_model_is_its_margin_over_its_slope() -> None:
    weight = layer(6, 2, seed=4)
    source = chain(6, [weight], input_range=(-8.0, 8.0), calibration=np.zeros((2, 6)))
    flat, _ = load_pair(source, scheme="float32")
    rows = np.random.default_rng(2).uniform(-1.0, 1.0, size=(20, 6)).astype(np.float32)
    classes = flat.float_classes(flat.real(rows))
    outputs = flat.float_outputs(flat.real(rows))
    slope = weight.weight[1].astype(float) - weight.weight[0].astype(float)
    exact = np.abs(outputs[:, 1] - outputs[:, 0]) / np.linalg.norm(slope)
    found = minimal(Goal(flat, classes, False), of_graph(flat.graph), rows, MinimalOptions(200))
    assert found.succeeded.all()
    assert (found.distance >= exact * (1.0 - 1e-5)).all()
    assert (found.distance <= exact * 1.03).all()


@pytest.mark.parametrize("targeted", [False, True])
def test_the_minimal_norm_is_below_what_pgd_needs(targeted: bool) -> None:
    both, model, wanted = pair()[0], of_graph(pair()[0].graph), goal(targeted)
    pool = both.artifact.samples
    assert pool is not None
    found = minimal(wanted, model, starts().rows, MinimalOptions(100), pool=pool.inputs)
    assert found.share == 1.0
    assert (found.hit(both.integer_classes(found.rows))).all()
    ball = Ball("l2", 0.95 * found.median, ONES)
    assert pgd(wanted, model, starts().rows, ball, PGDOptions(50, 3)).share <= 0.6
    loose = minimal(wanted, model, starts().rows, MinimalOptions(0, shrink=False))
    assert found.median < loose.median


@pytest.mark.parametrize("on", MODELS)
def test_success_is_that_of_the_models_asked_for(on: str) -> None:
    both, model = pair()[0], of_graph(pair()[0].graph)
    found = minimal(goal(on=on), model, starts().rows, MinimalOptions(60))
    by = {
        "float": found.hit(both.float_classes(both.real(found.rows))),
        "integer": found.hit(both.integer_classes(found.rows)),
    }
    by["both"] = by["float"] & by["integer"]
    assert (by[on] == found.succeeded).all() and found.succeeded.any()


def torch_gradients(both: Pair) -> ValueAndGradient:
    torch = pytest.importorskip("torch")
    layers = []
    for node in both.graph.nodes:
        assert isinstance(node.op, Linear)
        one = torch.nn.Linear(node.op.weight.shape[1], node.op.weight.shape[0]).double()
        with torch.no_grad():
            one.weight.copy_(torch.tensor(node.op.weight))
            one.bias.copy_(torch.tensor(node.op.bias))
        layers += [one, torch.nn.ReLU()]
    return of_torch(torch.nn.Sequential(*layers[:-1]))


def scratch_gradients(both: Pair) -> ValueAndGradient:
    net = MLP(4, 12, 3, seed=1, engine="lists")
    for one, node in zip(net.linears, both.graph.nodes, strict=True):
        assert isinstance(node.op, Linear)
        one.load(node.op.weight.tolist(), node.op.bias.tolist())
    return of_scratch(net)


SOURCES = {
    "torch": torch_gradients,
    "scratch": scratch_gradients,
    "integer": lambda both: of_integer_graph(both.artifact.graph),
}


@pytest.mark.parametrize("source", SOURCES)
def test_gradients_of_any_source_are_as_strong(source: str) -> None:
    both, wanted, ball = pair()[0], goal(), Ball("linf", 30.0, ONES)
    model = SOURCES[source](both)
    exact = pgd(wanted, of_graph(both.graph), starts().rows, ball, PGDOptions(15))
    found = pgd(wanted, model, starts().rows, ball, PGDOptions(15))
    assert found.share == pytest.approx(exact.share, abs=0.04) and found.share > 0.3


def test_an_epsilon_counts_the_inputs_unit_bytes_or_a_share_of_its_span() -> None:
    both, _ = load_pair(chain(5, [layer(5, 3)], input_range=(-0.5, 0.5), calibration=np.eye(5) / 2))
    assert both.step is not None
    assert (ball_of(both, AttackOptions("pgd", epsilon=0.1)).unit == 1.0).all()
    assert (ball_of(both, AttackOptions("pgd", epsilon=8, in_bytes=True)).unit == both.step).all()
    whole = ball_of(both, AttackOptions("pgd"))
    np.testing.assert_allclose(whole.epsilon * whole.unit, both.span / 8)


def test_attacks_by_name_and_wrong_options() -> None:
    both, _ = pair()
    for method in ("near", "fgsm", "pgd", "minimal"):
        options = AttackOptions(method, untargeted=True, gradients="integer", steps=10)
        assert len(attack(both, starts(6), options).rows) == 6
    for wrong in (
        {"method": "none"}, {"norm": "l1"}, {"gradients": "torch"}, {"on": "none"},
        {"method": "pgd", "norm": "l2"},
        {"method": "pgd", "steps": 0}, {"restarts": 0}, {"seed": -1},
    ):  # fmt: skip
        with pytest.raises(UsageError):
            AttackOptions(**wrong)
    with pytest.raises(UsageError, match="distance above 0"):
        Ball("linf", 0.0, ONES)


def test_cross_entropy_still_has_a_slope_where_the_class_is_certain() -> None:
    sure = np.array([[0.0, 60.0, -3.0]])
    gradient = Goal(pair()[0], np.array([1]), targeted=False).pull()(sure)
    assert gradient[0, 1] > 0.0 and gradient.sum() == pytest.approx(0.0, abs=1e-40)


def test_near_untargeted_leaves_the_class_no_farther_than_any_target() -> None:
    both, _ = pair()
    chosen = starts(12)
    found = attack(both, chosen, AttackOptions("near", untargeted=True))
    assert found.share == 1.0 and not found.targeted
    for classes in (
        both.float_classes(both.real(found.rows)), both.integer_classes(found.rows),
    ):  # fmt: skip
        assert (classes != chosen.classes).all()
    others = [
        near_starts(both, of_graph(both.graph), chosen.rows, (chosen.classes + k) % 3).distance
        for k in (1, 2)
    ]
    assert (found.distance <= 1.05 * np.minimum(*others)).mean() >= 0.75
    assert found.median <= 1.05 * np.median(np.minimum(*others))
