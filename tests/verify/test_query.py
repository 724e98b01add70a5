"""Query attacks ask only what they may, ask the same again when a link breaks, and succeed."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from pyexport.errors import LinkError, UsageError
from pyexport.ir import Array
from pyexport.pairing import load_pair
from pyexport.runners import CutOffError, RunResult
from pyexport.simulator.fast import FastSimulator
from pyexport.verify.attack import AttackOptions, attack
from pyexport.verify.goal import Attacked, Goal
from pyexport.verify.oracle import RETRIES, Oracle
from pyexport.verify.pair import Pair
from pyexport.verify.patches import patch
from pyexport.verify.query import QueryOptions, query_attack
from pyexport.verify.starts import Starts, choose_starts
from scripts.link_simulator import Noise, NoisyLine
from tests.firmware.link_device import artifact, device
from tests.networks import chain_graph, layer
from tests.runners.test_board import board
from tests.verify.blobs import model, pair


class Device:
    """The integer model, which counts rows and loses its link where told."""

    name = "device"

    def __init__(self, both: Pair, breaks: Iterable[int] = ()) -> None:
        self.simulator = FastSimulator(both.artifact.graph)
        self.rows: list[bytes] = []
        self.breaks = list(breaks)  # rows that are answered before each break

    def run(self, inputs: Array) -> RunResult:
        outputs = self.simulator.run(inputs)
        answered = len(inputs) if not self.breaks else min(self.breaks.pop(0), len(inputs))
        self.rows += [row.tobytes() for row in inputs[:answered]]
        if answered < len(inputs):
            raise CutOffError("link: silence", RunResult(outputs[:answered], None, None))
        return RunResult(outputs, None, None)


def starts(count: int = 20) -> Starts:
    both, _ = pair()
    samples = both.artifact.samples
    assert samples is not None
    return choose_starts(both, samples.inputs, samples.targets, count=count)


def run(runner: object, budget: int = 150, targeted: bool = True, seed: int = 0) -> Attacked:
    chosen, (both, _) = starts(), pair()
    goal = Goal(both, chosen.targets if targeted else chosen.classes, targeted)
    oracle = Oracle(runner, 20, budget)  # type: ignore[arg-type]
    return query_attack(goal, oracle, chosen.rows, QueryOptions(budget, seed))


@pytest.mark.parametrize("targeted", [True, False])
def test_every_start_is_turned_within_its_questions(targeted: bool) -> None:
    both, _ = pair()
    asked = Device(both)
    found = run(asked, targeted=targeted)
    assert found.succeeded.all() and found.queries is not None
    assert found.hit(both.integer_classes(found.rows)).all()
    assert (both.legal(found.rows) == found.rows).all()
    assert found.queries.max() <= 150
    assert len(asked.rows) == found.queries.sum() == len(set(asked.rows))


def test_more_questions_bring_rows_nearer_and_near_what_gradients_find() -> None:
    both, _ = pair()
    few, many = (run(Device(both), budget, False) for budget in (40, 400))
    assert few.succeeded.all() and (many.distance <= few.distance + 1e-9).mean() > 0.9
    exact = attack(both, starts(), AttackOptions("minimal", untargeted=True))
    assert many.median <= 1.1 * exact.median


def test_the_same_seed_asks_the_same_questions() -> None:
    devices = [Device(pair()[0]) for _ in range(3)]
    for asked, seed in zip(devices, (4, 4, 5), strict=True):
        run(asked, seed=seed)
    assert devices[0].rows == devices[1].rows != devices[2].rows


def test_a_broken_link_is_asked_again_and_changes_nothing() -> None:
    both, _ = pair()
    whole = run(Device(both))
    broken = run(Device(both, breaks=[3, 0, 0, 0, 5, 7, 0, 1]))
    assert (whole.rows == broken.rows).all()
    assert (whole.queries == broken.queries).all()


def test_a_dead_link_ends_the_attack_with_a_line() -> None:
    with pytest.raises(LinkError, match=r"link: silence \(after \d+ questions\)"):
        run(Device(pair()[0], breaks=[2, *[0] * (RETRIES + 1)]))


def test_starts_that_a_search_does_not_turn_begin_at_known_rows() -> None:
    chosen, (both, _) = starts(6), pair()
    samples = both.artifact.samples
    assert samples is not None
    budget = 12
    goal = Goal(both, chosen.targets)

    def attacked(pool: Array | None) -> Attacked:
        oracle = Oracle(Device(both), 6, budget)  # type: ignore[arg-type]
        return query_attack(goal, oracle, chosen.rows, QueryOptions(budget), pool=pool)

    known = samples.inputs[np.argsort(samples.targets, kind="stable")][::20]
    assert attacked(known).share >= attacked(None).share
    assert attacked(known).share == 1.0


def test_a_noisy_serial_line_gives_the_rows_of_a_silent_one() -> None:
    both = Pair(chain_graph(64, [layer(64, 10)]), artifact())  # the float side is not asked
    rows = np.random.default_rng(5).integers(0, 17, size=(3, 64)).astype(np.uint8)
    classes = both.integer_classes(rows)
    goal = Goal(both, classes, targeted=False)
    results = []
    for bit_errors in (0.0, 1e-4):
        runner = board(NoisyLine(device(), Noise(bit_errors=bit_errors), 3))
        oracle = Oracle(runner, 3, 60)
        results.append(query_attack(goal, oracle, rows, QueryOptions(60, shape=(8, 8))))
    assert (results[0].rows == results[1].rows).all() and results[0].succeeded.all()
    assert (both.integer_classes(results[0].rows) != classes).all()


def test_what_cannot_be_asked_is_refused() -> None:
    both, _ = pair()
    with pytest.raises(UsageError, match="nothing can be asked"):
        attack(both, starts(2), AttackOptions("query"))
    floats, _ = load_pair(model(), scheme="float32")
    with pytest.raises(UsageError, match="no bytes"):
        attack(floats, starts(2), AttackOptions("query"), runner=Device(both))  # type: ignore
    with pytest.raises(UsageError):
        AttackOptions("query", queries=0)


@pytest.mark.parametrize("shape", [(8, 8), (4, 4, 4), (), (64,), (1, 64)])
def test_patches_are_squares_of_pictures_and_stretches_of_lines(shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(1)
    for share in (0.001, 0.1, 0.3, 1.0):
        for _ in range(20):
            places = patch(64, shape, share, random)
            assert len(set(places.tolist())) == len(places) > 0
            assert places.min() >= 0 and places.max() < 64
            if shape == (8, 8):
                rows, columns = set(places // 8), set(places % 8)
                assert len(rows) == len(columns) and len(places) == len(rows) ** 2
            if len(shape) < 2:
                assert np.ptp(places) == len(places) - 1 == max(1, round(share * 64)) - 1
