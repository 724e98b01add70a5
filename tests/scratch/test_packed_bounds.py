"""The proof that no packed lane overflows, against exact rational arithmetic up to every edge."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from pyexport.errors import InvalidModelError, UsageError
from pyexport.scratch.backends import plan as planning
from pyexport.scratch.backends.packed import ClippedWeightsWarning, PackedMatrix
from pyexport.scratch.backends.plan import GRADIENT_BITS, Plan, plan_layer


def tightest(n_in: int, n_out: int, bits: int, width: int, clip: float, total: float) -> Plan:
    """Return the plan with the most weight bits that these lanes have room for."""
    for weight_bits in range(8 * width, 0, -1):
        try:
            return Plan(n_in, n_out, bits, weight_bits, width, clip, total)
        except UsageError as refusal:
            assert "too narrow" in str(refusal) or "can outgrow" in str(refusal)
    raise UsageError("no weight bits are left")


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Return plans as networks have them, and ones without a bit to spare."""
    n_in, n_out, bits = draw(st.integers(1, 5)), draw(st.integers(1, 4)), draw(st.integers(1, 15))
    # One below a power of two: there the bias, whose input is 1, needs a bit more.
    total = draw(st.sampled_from([1, 3, 7, 63, 64, 127]) | st.floats(1, 200))
    clip = draw(st.sampled_from([0.5, 1.0, 4.0, 16.0]))
    try:
        if draw(st.booleans()):
            return plan_layer(n_in, n_out, bits, total, clip)
        return tightest(n_in, n_out, bits, draw(st.sampled_from(planning.WIDTHS)), clip, total)
    except UsageError:
        assume(False)
        raise


@dataclass
class Exact:
    """A packed matrix, and beside it what its lanes must hold: whole numbers, bias last."""

    plan: Plan
    matrix: PackedMatrix
    rows: list[list[int]] = field(default_factory=list)  # (n_out, n_in + 1)

    def step(self, x: list[int], d: list[int], encoded: bytes | None = None) -> None:
        """Take d_o * x_i from every weight, in both."""
        plan, before = self.plan, self.matrix.clipped
        unit = 2.0 ** (plan.input_bits - plan.weight_bits)  # at rate 1, one unit of d
        floats = [number / 2**plan.input_bits for number in x]
        self.matrix.outer(
            self.matrix.encode(floats if encoded is None else encoded), [k * unit for k in d]
        )
        self.matrix.descend(1.0)
        if self.matrix.clipped != before:
            limit = plan.clip_units
            flat = [w for row in self.rows for w in row]
            assert self.matrix.clipped - before == sum(not -limit <= w < limit for w in flat)
            self.rows = [[min(max(w, -limit), limit - 1) for w in row] for row in self.rows]
        inputs = [*x, 1 << plan.input_bits]
        self.rows = [
            [w - share * number for w, number in zip(row, inputs, strict=True)]
            for row, share in zip(self.rows, d, strict=True)
        ]

    def check_weights(self) -> None:
        """Compare every weight, and see that none is beyond what the lanes were planned for."""
        unit = 2**self.plan.weight_bits
        assert max(abs(w) for row in self.rows for w in row) <= 2 * self.plan.clip_units
        assert self.matrix.weight() == [[w / unit for w in row[:-1]] for row in self.rows]
        assert self.matrix.bias() == [row[-1] / unit for row in self.rows]

    def check_forward(self, x: list[int], encoded: bytes | None = None) -> None:
        """Compare W x + b."""
        plan = self.plan
        floats = [number / 2**plan.input_bits for number in x]
        outputs = self.matrix.mv(self.matrix.encode(floats if encoded is None else encoded))
        inputs = [*x, 1 << plan.input_bits]
        unit = Fraction(1, 2 ** (plan.weight_bits + plan.input_bits))
        assert_products(outputs, self.rows, inputs, plan.width, unit)

    def check_backward(self, g: list[int]) -> None:
        """Compare W^T g."""
        columns = list(zip(*self.rows, strict=True))[:-1]
        shares = self.matrix.tmv([k / 2**GRADIENT_BITS for k in g])
        unit = Fraction(1, 2 ** (self.plan.weight_bits + GRADIENT_BITS))
        assert_products(shares, columns, g, planning.COLUMN_WIDTH, unit)


def assert_products(
    outputs: list[float], rows: Sequence[Sequence[int]], x: list[int], width: int, unit: Fraction
) -> None:
    """Compare each row times x, in these units, with what came out of lanes of `width` bytes.

    A float keeps the low bits of a wide lane no better than to 52 bits; nothing else may be lost.
    """
    lost = 1 << 8 * width - 52 if 8 * width > 52 else 0
    for output, row in zip(outputs, rows, strict=True):
        exact = sum(w * number for w, number in zip(row, x, strict=True))
        assert abs(exact) < 1 << (8 * width - 1)
        assert abs(Fraction(output) - exact * unit) <= lost * unit


@st.composite
def bounded(draw: st.DrawFn, size: int, room: int, largest: int | None = None) -> list[int]:
    """Return whole numbers whose absolute values add up to the room at most, often exactly."""
    limit = room if largest is None else min(room, largest)
    edges = st.sampled_from([-limit, -1, 0, 1, limit])
    numbers = []
    for wanted in draw(st.lists(edges | st.integers(-limit, limit), min_size=size, max_size=size)):
        numbers.append(min(max(wanted, -room), room))
        room -= abs(numbers[-1])
    if largest is None and numbers and draw(st.booleans()):
        numbers[0] += room if numbers[0] >= 0 else -room
    return draw(st.permutations(numbers))


@st.composite
def inputs_of(draw: st.DrawFn, plan: Plan) -> tuple[list[int], bytes | None]:
    """Return inputs in their units, up to the plan's whole room; or bytes, and what they become."""
    if plan.input_total >= plan.n_in and draw(st.booleans()):
        pixels = bytes(draw(st.lists(st.integers(0, 255), min_size=plan.n_in, max_size=plan.n_in)))
        return [plan.pixel(k) for k in pixels], pixels
    return draw(bounded(plan.n_in, plan.input_room)), None


@st.composite
def matrices(draw: st.DrawFn) -> Exact:
    """Return a matrix of weights up to the clip, both edges likely."""
    plan = draw(plans())
    limit = plan.clip_units
    size = plan.n_in + 1
    numbers = st.sampled_from([-limit, 0, limit - 1]) | st.integers(-limit, limit - 1)
    row = st.lists(numbers, min_size=size, max_size=size)
    rows = draw(st.lists(row, min_size=plan.n_out, max_size=plan.n_out))
    unit = 2**plan.weight_bits
    weight = [[w / unit for w in row[:-1]] for row in rows]
    return Exact(plan, PackedMatrix(weight, [row[-1] / unit for row in rows], plan), rows)


SHARES = [1.0, 0.75, 0.625, 0.5, 0.25, 0.0]  # of the slack, that a step moves the weights by


# A failure is reported as found: to shrink one would take minutes.
@settings(max_examples=100, phases=[Phase.generate])
@given(matrices(), st.data())
def test_steps_and_products_are_exact_up_to_every_limit(case: Exact, data: st.DataObject) -> None:
    plan = case.plan
    inputs, signs = inputs_of(plan), st.sampled_from([-1, 1])
    direction = [data.draw(signs) for _ in range(plan.n_out)]  # steady ones reach the limits
    case.check_weights()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ClippedWeightsWarning)
        for share in data.draw(st.lists(st.sampled_from(SHARES), max_size=5)):
            x, encoded = data.draw(inputs)
            most = int(share * plan.slack_units) // max(1 << plan.input_bits, *map(abs, x))
            if data.draw(st.booleans()):
                d = [sign * most for sign in direction]
            else:
                d = data.draw(bounded(plan.n_out, plan.n_out * most, most))
            case.step(x, d, encoded)
            case.check_weights()
            case.check_forward(*data.draw(inputs))
            if data.draw(st.booleans()):  # the columns are made at once, late, or never
                case.check_backward(data.draw(bounded(plan.n_out, plan.gradient_room)))
    case.check_forward(*data.draw(inputs))
    case.check_backward(data.draw(bounded(plan.n_out, plan.gradient_room)))


@pytest.mark.parametrize("share", [1.0, 0.75, 0.625, 0.5, 0.375, 0.1])
@pytest.mark.parametrize("sign", [1, -1])
def test_steady_steps_never_leave_twice_the_clip(share: float, sign: int) -> None:
    plan = tightest(2, 2, 8, 5, 4.0, 63)
    rows = [[plan.clip_units - 1] * 3, [-plan.clip_units] * 3]
    unit = 2**plan.weight_bits
    matrix = PackedMatrix(
        [[w / unit for w in row[:2]] for row in rows], [rows[0][2] / unit, -4], plan
    )
    case, one = Exact(plan, matrix, rows), 1 << plan.input_bits
    most = int(share * plan.slack_units) // one
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ClippedWeightsWarning)
        for _ in range(12):
            case.step([one, -one], [-sign * most, sign * most])
            case.check_weights()
            for x in ([plan.input_room, 0], [0, -plan.input_room], [-plan.input_room // 2, one]):
                case.check_forward(x)
            for g in ([plan.gradient_room, 0], [0, -plan.gradient_room]):
                case.check_backward(g)


@pytest.mark.parametrize("total", [1, 3, 7, 15, 31, 63, 127, 255, 511, 1023])
@pytest.mark.parametrize("bits", [1, 4, 8, 15])
def test_a_plan_has_room_for_the_bias_where_it_needs_a_bit_more(total: int, bits: int) -> None:
    plan = plan_layer(1, 1, bits, total, 4.0)
    largest = 2 * plan.clip_units * (plan.input_room + (1 << bits))
    assert largest < 1 << (8 * plan.width - 1)


def test_a_plan_without_room_for_the_bias_is_refused() -> None:
    Plan(1, 1, 8, 23, 5, 1.0, 127.0 - 1 / 256)
    with pytest.raises(UsageError, match="too narrow"):
        Plan(1, 1, 8, 23, 5, 1.0, 127.0)  # 2 * 2**23 * (127 + 1) * 2**8 is 2**39


def test_a_plan_without_room_for_the_gradients_is_refused() -> None:
    Plan(1, 1, 1, 35, 8, 0.5, 1.0)
    with pytest.raises(UsageError, match="can outgrow their lanes"):
        Plan(1, 1, 1, 37, 8, 0.5, 1.0)


@pytest.mark.parametrize("x", [[0, 0], [3, -1], [256, 0], [0, -1024]])
def test_a_step_of_exactly_the_slack_is_the_largest(x: list[int]) -> None:
    plan = plan_layer(2, 1, 8, 64, 4.0)
    factor = max(256, *map(abs, x))  # where the inputs are small, the bias moves most
    most = plan.slack_units // factor
    assert most * factor == plan.slack_units
    for d in (most, -most):
        case = Exact(plan, PackedMatrix([[0.0, 0.0]], [0.0], plan), [[0, 0, 0]])
        case.step(x, [d])
        case.check_weights()
        with pytest.raises(InvalidModelError, match="one step would move a weight by"):
            case.step(x, [d + d // abs(d)])
        case.check_weights()
