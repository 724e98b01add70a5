"""Samples: moons, splits by class and batches are what their seed says, and nothing is lost."""

import math

import pytest

from pyexport.errors import UsageError
from pyexport.scratch.data import Samples, batches, check_targets, moons, split


def numbered(count: int, classes: int = 3) -> Samples:
    return Samples([[float(i)] for i in range(count)], [i % classes for i in range(count)])


def test_moons_without_noise_lie_on_two_half_circles():
    for (x, y), kind in moons(101, noise=0.0, seed=1):
        if kind:
            x, y = 1.0 - x, 0.5 - y
        assert math.hypot(x, y) == pytest.approx(1.0)
        assert y >= -1e-12


def test_moons_have_two_halves_in_mixed_order():
    samples = moons(101)
    assert samples.targets.count(0) == 51
    assert samples.targets.count(1) == 50
    assert samples.targets != sorted(samples.targets)


def test_moons_follow_the_seed():
    assert moons(50, seed=3) == moons(50, seed=3)
    assert moons(50, seed=3) != moons(50, seed=4)


def test_noise_spreads_the_points():
    radii = [math.hypot(x, y) for (x, y), kind in moons(400, noise=0.2) if kind == 0]
    spread = math.sqrt(sum((r - 1) ** 2 for r in radii) / len(radii))
    assert 0.15 < spread < 0.25


def test_a_split_loses_and_repeats_no_sample():
    samples = numbered(100)
    parts = split(samples, (0.6, 0.2, 0.2), seed=5)
    values = [row[0] for part in parts for row, _ in part]
    assert sorted(values) == [float(i) for i in range(100)]


def test_every_part_of_a_split_has_every_class_in_proportion():
    for part, share in zip(split(numbered(300), (0.7, 0.1, 0.2)), (0.7, 0.1, 0.2), strict=True):
        assert [part.targets.count(c) for c in range(3)] == [round(100 * share)] * 3


def test_a_split_follows_the_seed():
    samples = numbered(90)
    assert split(samples, (0.5, 0.5), 1) == split(samples, (0.5, 0.5), 1)
    assert split(samples, (0.5, 0.5), 1) != split(samples, (0.5, 0.5), 2)


def test_a_split_may_leave_samples_out():
    (part,) = split(numbered(90), (0.5,))
    assert len(part) == 45


def test_batches_hold_every_sample_once():
    parts = list(batches(numbered(50), 16, seed=2))
    assert [len(part) for part in parts] == [16, 16, 16, 2]
    assert sorted(row[0] for part in parts for row, _ in part) == [float(i) for i in range(50)]


def test_batches_follow_the_seed():
    samples = numbered(50)
    assert list(batches(samples, 7, 1)) == list(batches(samples, 7, 1))
    assert list(batches(samples, 7, 1)) != list(batches(samples, 7, 2))


def test_rows_and_targets_stay_together():
    samples = numbered(60)
    for part in (*split(samples, (0.3, 0.7)), *batches(samples, 9), samples.part(5, 20)):
        assert all(int(row[0]) % 3 == target for row, target in part)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Samples([[1.0]], []), "1 inputs and 0 targets"),
        (lambda: moons(1), "at least 2 points"),
        (lambda: split(numbered(9), (0.6, 0.6)), "sum to more than 1"),
        (lambda: split(numbered(9), (-0.1, 0.6)), "negative"),
        (lambda: split(numbered(9), ()), "shares"),
        (lambda: list(batches(numbered(9), 0)), "at least 1 sample"),
        (lambda: list(batches(Samples([], []), 4)), "no samples"),
        (lambda: check_targets(numbered(9), 2, "digits"), "digits: sample 2 has class 2"),
        (lambda: check_targets(Samples([[1.0]], [-1]), 2, "x"), "class -1"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(call, message):
    with pytest.raises(UsageError, match=message) as caught:
        call()
    assert str(caught.value).isprintable()
