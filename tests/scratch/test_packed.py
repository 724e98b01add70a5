"""The packed engine: close to float lists, exact, and safe from lane overflow."""

from __future__ import annotations

import math
import warnings
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyexport.errors import InvalidModelError, UsageError
from pyexport.scratch import MLP, SGD, Adam, Sequential
from pyexport.scratch.backends.packed import ClippedWeightsWarning, PackedMatrix
from pyexport.scratch.backends.plan import Plan, plan_layer


def fake_image(rng: Random, size: int = 784) -> bytes:
    """Return pixels of which a fifth are not zero, as in MNIST."""
    return bytes(rng.randrange(1, 256) if rng.random() < 0.2 else 0 for _ in range(size))


def twins(*sizes: int, **options: object) -> tuple[Sequential, Sequential]:
    """Return a packed network, and one of float lists with the very same weights."""
    packed = MLP(*sizes, engine="packed", **options)  # type: ignore[arg-type]
    lists = MLP(*sizes, engine="lists")
    for one, other in zip(packed.linears, lists.linears, strict=True):
        other.load(one.weight, one.bias)
    return packed, lists


def collect_gradients(net: Sequential, x: bytes, label: int, loss: str) -> list[float]:
    """Return the gradient of every weight and bias for one sample."""
    collected: list[float] = []

    class Collector:
        def step(self, layers: object) -> None:
            for parameters in net.parameters:
                weight, bias = parameters.gradient()
                collected.extend(number for row in (*weight, bias) for number in row)
                parameters.forget()

    net.step(x, label, loss=loss, optimizer=Collector())
    return collected


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("loss", ["cross_entropy", "rmse", "mse", "hinge"])
def test_gradients_are_those_of_float_lists(loss: str, bits: int) -> None:
    packed, lists = twins(784, 32, 16, 10, input_bits=bits)
    rng = Random(1)
    for _ in range(10):
        x, label = bytes(k >> 8 - bits << 8 - bits for k in fake_image(rng)), rng.randrange(10)
        assert packed(x) == pytest.approx(lists(x), abs=2e-4)
        ours = collect_gradients(packed, x, label, loss)
        theirs = collect_gradients(lists, x, label, loss)
        assert max(abs(a - b) for a, b in zip(ours, theirs, strict=True)) <= 1e-4


def test_steps_are_those_of_float_lists() -> None:
    packed, lists = twins(784, 32, 16, 10)
    rng = Random(2)
    for _ in range(5):
        x, label = fake_image(rng), rng.randrange(10)
        for net in (packed, lists):
            net.step(x, label, loss="cross_entropy", optimizer=SGD(0.02))
    for one, other in zip(packed.linears, lists.linears, strict=True):
        for row, wanted in zip((*one.weight, one.bias), (*other.weight, other.bias), strict=True):
            assert row == pytest.approx(wanted, abs=2e-5)


@pytest.mark.parametrize("bits", range(1, 16))
def test_bytes_are_256ths_at_every_resolution(bits: int) -> None:
    packed, lists = twins(256, 4, input_bits=bits)
    x = bytes(range(256))
    lost = max(8 - bits, 0)
    seen = bytes(k >> lost << lost for k in x)  # rounded down to what the bits hold
    assert packed(x) == pytest.approx(lists(seen), abs=1e-4)
    ours = collect_gradients(packed, x, 1, "cross_entropy")
    theirs = collect_gradients(lists, seen, 1, "cross_entropy")
    assert ours == pytest.approx(theirs, abs=1e-4)


@pytest.mark.parametrize("bits", [8, 4])
def test_an_all_black_image_moves_only_the_biases_of_the_first_layer(bits: int) -> None:
    net = MLP(9, 5, 3, input_bits=bits)
    net.linears[0].load(net.linears[0].weight, [0.5] * 5)
    before = net.linears[0].weight
    assert net(bytes(9)) == pytest.approx(net([0.0] * 9))
    net.step(bytes(9), 1, loss="cross_entropy", optimizer=SGD(0.1))
    assert net.linears[0].weight == before
    assert net.linears[0].bias != [0.5] * 5


def test_input_gradients_are_those_of_float_lists() -> None:
    packed, lists = twins(20, 12, 4)
    x = fake_image(Random(3), 20)
    for _ in range(2):
        loss, ours = packed.value_and_gradient(x, loss="cross_entropy", target=1)
        wanted, theirs = lists.value_and_gradient(x, loss="cross_entropy", target=1)
        assert loss == pytest.approx(wanted, abs=1e-4)
        assert ours == pytest.approx(theirs, abs=1e-4)
        for net in (packed, lists):  # columns made for the first gradient follow this step
            net.step(x, 2, loss="cross_entropy", optimizer=SGD(0.1))


def test_rows_and_columns_stay_exact_transposes() -> None:
    net = MLP(12, 9, 5, engine="packed")
    rng = Random(4)
    for _ in range(50):
        x = fake_image(rng, 12)
        net.value_and_gradient(x, loss="mse", target=0)  # makes the first layer's columns
        net.step(x, rng.randrange(5), loss="mse", optimizer=SGD(0.3))
    for parameters in net.parameters:
        assert isinstance(parameters, PackedMatrix)
        assert parameters._columns is not None and parameters._column_lanes is not None
        kept = parameters._columns
        parameters._make_columns()
        assert parameters._columns == kept


def test_weights_that_are_read_and_loaded_again_are_the_same() -> None:
    first, second = MLP(30, 8, 3, seed=1), MLP(30, 8, 3, seed=2)
    for one, other in zip(first.linears, second.linears, strict=True):
        other.load(one.weight, one.bias)
        assert (one.weight, one.bias) == (other.weight, other.bias)
    x = fake_image(Random(5), 30)
    assert first(x) == second(x)


def test_coarse_pixels_are_pixels_rounded_down() -> None:
    fine, coarse = MLP(256, 4, seed=3), MLP(256, 4, seed=3, input_bits=4)
    for one, other in zip(fine.linears, coarse.linears, strict=True):
        one.load(other.weight, other.bias)
    levels = bytes(k // 16 * 16 for k in range(256))
    assert coarse(bytes(range(256))) == pytest.approx(fine(levels), abs=1e-6)


def largest_sum(plan: Plan) -> int:
    """Return the largest lane that the plan allows before the bias is spoiled."""
    return 2 * plan.clip_units * (plan.input_room + (1 << plan.input_bits))


@given(
    st.integers(1, 5000),
    st.integers(1, 15),
    st.integers(1, 100_000),
    st.sampled_from([0.5, 1.0, 2.0, 4.0, 16.0]),
)
def test_no_plan_lets_a_lane_overflow(n_in: int, bits: int, total: int, clip: float) -> None:
    try:
        plan = plan_layer(n_in, 10, bits, total, clip)
    except UsageError as refusal:
        assert "does not fit the packed engine; lower clip" in str(refusal)
        return
    assert largest_sum(plan) < 1 << (8 * plan.width - 1)
    assert 2 * plan.clip_units * plan.gradient_room < 1 << 63


@pytest.mark.parametrize("clip", [2.0, 4.0, 8.0, 16.0])
def test_networks_of_the_usual_sizes_fit_at_every_usual_clip(clip: float) -> None:
    for net in (MLP(2, 16, 16, 2, clip=clip), MLP(784, 128, 10, clip=clip, input_bits=4)):
        assert all(isinstance(parameters, PackedMatrix) for parameters in net.parameters)


def test_a_plan_with_too_few_bits_is_refused() -> None:
    with pytest.raises(UsageError, match="too narrow"):
        Plan(784, 32, 8, 30, 6, 2.0, 784.0)


def extreme_layer(sign: float) -> PackedMatrix:
    plan = plan_layer(64, 3, 8, 64, 2.0)
    almost = 2.0 - 2.0**-plan.weight_bits
    return PackedMatrix([[sign * almost] * 64, [0.0] * 64, [-sign * almost] * 64], [0.0] * 3, plan)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_largest_weights_and_inputs_do_not_overflow(sign: float) -> None:
    layer = extreme_layer(sign)
    high, zero, low = layer.mv(layer.encode(b"\xff" * 64))
    assert high == pytest.approx(sign * 2.0 * 64 * 255 / 256, rel=1e-6)
    assert (zero, low) == (0.0, -high)


def test_inputs_beyond_the_room_are_refused_before_they_overflow() -> None:
    layer = extreme_layer(1.0)
    assert layer.mv(layer.encode([1.0] * 64))[0] == pytest.approx(128.0)
    with pytest.raises(InvalidModelError, match="add up to more than 64"):
        layer.encode([1.0] * 63 + [1.01])
    with pytest.raises(InvalidModelError, match="add up to more than 64"):
        layer.encode([-100.0] + [0.0] * 63)


def test_gradients_beyond_the_room_are_refused_before_they_overflow() -> None:
    layer = extreme_layer(1.0)
    with pytest.raises(InvalidModelError, match="gradient of a packed layer is too large"):
        layer.tmv([60.0, -4.0, 1.0])


def test_weights_pushed_over_the_limit_are_clipped_and_counted() -> None:
    layer = extreme_layer(1.0)
    x = layer.encode(b"\x80" * 64)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(100):  # pushes the first output's weights up by 0.05 a step
            layer.outer(x, [-1.0, 0.25, 0.0])
            layer.descend(0.1)
            highest = max(number for row in layer.weight() for number in row)
            assert highest < 4.0  # twice the clip: what the lanes were planned for
    assert {w.category for w in caught} == {ClippedWeightsWarning}
    counts = [int(str(w.message).split()[0]) for w in caught]
    assert "weights of a 64-3 layer were clipped to +-2 so far" in str(caught[-1].message)
    assert all(2 * one <= other for one, other in pairwise(counts))  # no flood of warnings
    assert 64 < counts[-1] <= layer.clipped < 2 * counts[-1]
    # The lanes beside the clipped one are as if nothing had happened.
    assert layer.weight()[1] == pytest.approx([-100 * 0.1 * 0.25 * 0.5] * 64, abs=1e-4)
    assert layer.weight()[2] == extreme_layer(1.0).weight()[2]


def test_a_step_too_large_for_the_lanes_is_refused() -> None:
    layer = extreme_layer(1.0)
    layer.outer(layer.encode(b"\xff" * 64), [1.0, 0.0, 0.0])
    with pytest.raises(InvalidModelError, match="one step would move a weight by"):
        layer.descend(3.0)


@pytest.mark.parametrize("optimizer", [SGD(0.1, momentum=0.9), SGD(0.1, weight_decay=0.1), Adam()])
def test_optimizers_that_need_whole_gradients_are_refused(optimizer: SGD | Adam) -> None:
    net = MLP(4, 3, 2)
    with pytest.raises(UsageError, match="use the lists engine"):
        net.step([0.5] * 4, 1, loss="mse", optimizer=optimizer)


@pytest.mark.parametrize("clip", [0.0, -2.0, 3.0, 0.3, math.inf, math.nan, 2.0**1023])
def test_a_clip_that_is_no_power_of_two_is_refused(clip: float) -> None:
    with pytest.raises(UsageError, match="power of two"):
        MLP(4, 2, clip=clip)


def test_a_layer_without_room_for_bytes_refuses_them() -> None:
    matrix = PackedMatrix([[0.5] * 80], [0.0], plan_layer(80, 1, 8, 64, 4.0))
    with pytest.raises(UsageError, match="no room for bytes"):
        matrix.encode(bytes(80))
    assert matrix.mv(matrix.encode([0.5] * 80)) == [20.0]


def test_a_clipping_warning_made_an_error_leaves_a_whole_step() -> None:
    steps = []
    for action in ("ignore", "error"):
        matrix = PackedMatrix([[0.0], [0.0]], [0.0, 0.0], plan_layer(1, 2, 8, 64, 4.0))
        x = matrix.encode([1.0])
        with warnings.catch_warnings():
            warnings.simplefilter(action, ClippedWeightsWarning)
            for g in ([-3.9, 0.5], [-3.9, 0.5], [-3.9, 0.5]):
                matrix.outer(x, g)
                try:
                    matrix.descend(1.0)
                except ClippedWeightsWarning:
                    steps.append("warned")
        assert not matrix.pairs
        steps.append((matrix.weight(), matrix.bias(), matrix.clipped))
    assert steps.pop(1) == "warned"
    assert steps[0] == steps[-1]
