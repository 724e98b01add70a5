"""The scalar engine: every operation against central differences and against PyTorch."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable
from typing import Any

import pytest

from pyexport.errors import InvalidModelError, UsageError
from pyexport.scratch import Value
from pyexport.scratch.engine import dot


def leaky(x: Any, slope: float) -> Any:
    """Return the leaky ReLU of a Value or a tensor."""
    if isinstance(x, Value):
        return x.leaky_relu(slope)
    return x.relu() - slope * (-x).relu()


def neuron(a: Any, b: Any) -> Any:
    """Return a dot product in which a and b stand as weight, input and bias, and twice."""
    if isinstance(a, Value):
        return dot([a, b, a * b, a], [b, 0.5, a, 0.0], b)
    return a * b + b * 0.5 + a * b * a + b


OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: a + b,
    "add a number": lambda a, b: 2.0 + a + 1.5 + b,
    "mul": lambda a, b: a * b,
    "mul by a number": lambda a, b: 3.0 * a * b * 0.5,
    "neg": lambda a, b: -a * b,
    "sub": lambda a, b: a - b,
    "sub from a number": lambda a, b: 1.0 - a * b - 2.0,
    "div": lambda a, b: a / b,
    "div a number": lambda a, b: 1.0 / b + a / 4.0,
    "pow": lambda a, b: b**3 + b**-1.5 + a**2,
    "pow 0": lambda a, b: a**0 * b,
    "exp": lambda a, b: (a * b).exp(),
    "log": lambda a, b: b.log() * a,
    "tanh": lambda a, b: (a * b).tanh(),
    "sigmoid": lambda a, b: (a * b).sigmoid(),
    "relu": lambda a, b: (a * b).relu() + b.relu(),
    "leaky relu": lambda a, b: leaky(a * b, 0.25) * b + leaky(a, 0.01),
    "dot": lambda a, b: neuron(a, b) * a,
    "repeated": lambda a, b: a * a * a + a * b + b * b,
}
POINTS = [(0.7, 1.3), (-1.1, 0.4), (2.5, 2.0)]


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("point", POINTS)
def test_derivatives_match_central_differences(name: str, point: tuple[float, float]) -> None:
    operation = OPERATIONS[name]
    a, b = map(Value, point)
    operation(a, b).backward()
    step = 1e-6

    def at(da: float, db: float) -> float:
        data = operation(Value(point[0] + da), Value(point[1] + db)).data
        assert isinstance(data, float)
        return data

    assert a.grad == pytest.approx((at(step, 0) - at(-step, 0)) / (2 * step), rel=1e-6, abs=1e-6)
    assert b.grad == pytest.approx((at(0, step) - at(0, -step)) / (2 * step), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("point", POINTS)
def test_values_and_derivatives_match_pytorch(name: str, point: tuple[float, float]) -> None:
    torch = pytest.importorskip("torch")
    operation = OPERATIONS[name]
    ours = list(map(Value, point))
    theirs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in point]
    result, expected = operation(*ours), operation(*theirs)
    result.backward()
    expected.backward()
    assert result.data == pytest.approx(expected.item(), rel=1e-12)
    for mine, other in zip(ours, theirs, strict=True):
        wanted = 0.0 if other.grad is None else other.grad.item()
        assert mine.grad == pytest.approx(wanted, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(("x", "y", "slope"), [(2.0, 2.0, 1.0), (-2.0, -0.5, 0.25)])
def test_leaky_relu_has_two_slopes(x: float, y: float, slope: float) -> None:
    leaf = Value(x)
    result = leaf.leaky_relu(0.25)
    result.backward()
    assert (result.data, leaf.grad) == (y, slope)


def test_relu_has_slope_0_at_0() -> None:
    x = Value(0.0)
    x.relu().backward()
    assert x.grad == 0.0


def test_dot_equals_the_sum_of_products() -> None:
    numbers = [0.3, -1.2, 0.0, 2.5]
    weights = [Value(w) for w in (0.5, 0.25, -3.0, 1.0)]
    inputs: list[Value | float] = [Value(numbers[0]), *numbers[1:]]
    bias = Value(0.125)
    neuron = dot(weights, inputs, bias)
    (neuron * 2.0).backward()
    assert neuron.data == pytest.approx(0.5 * 0.3 - 0.25 * 1.2 + 2.5 + 0.125)
    assert [w.grad for w in weights] == [2.0 * x for x in numbers]
    assert isinstance(inputs[0], Value)
    assert (inputs[0].grad, bias.grad) == (1.0, 2.0)


def test_dot_of_zeros_alone_is_the_bias() -> None:
    bias = Value(0.75)
    neuron = dot([Value(1.0), Value(2.0)], [0.0, 0.0], bias)
    neuron.backward()
    assert (neuron.data, bias.grad) == (0.75, 1.0)


def test_leaves_add_up_gradients_over_two_backward_passes() -> None:
    x = Value(2.0)
    y = (x * 3.0).tanh() + x * x
    y.backward()
    once = x.grad
    y.backward()
    assert x.grad == 2 * once


@pytest.mark.parametrize("x", [-800.0, 800.0])
def test_sigmoid_does_not_overflow(x: float) -> None:
    value = Value(x)
    result = value.sigmoid()
    result.backward()
    assert result.data == (x > 0)
    assert value.grad == 0.0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Value(1.0) / 0.0, "divided by zero"),
        (lambda: Value(0.0).log(), "only positive values"),
        (lambda: Value(1000.0).exp(), "exceeds the largest float"),
        (lambda: Value(1e200) ** 2, "no finite real number"),
        (lambda: Value(0.0) ** -1, "no finite real number"),
        (lambda: Value(-1.0) ** 0.5, "no finite real number"),
        (lambda: Value(2.0) ** math.inf, "no finite real number"),
        (lambda: Value(2.0) ** math.nan, "no finite real number"),
        (lambda: Value(1.0) / 5e-324, "1.0 / 5e-324 is no finite number; .*keep the divisor away"),
        (lambda: Value(1.0) / Value(1e-310), "no finite number"),
        (lambda: Value(math.inf) / 2.0, "no finite number"),
    ],
)
def test_impossible_operations_are_refused(wrong: Callable[[], Value], message: str) -> None:
    with pytest.raises(InvalidModelError, match=message) as caught:
        wrong()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("x", "exponent"), [(0.0, 0.5), (1e-200, -0.9), (1e-160, -1.0)])
def test_a_power_without_a_derivative_is_refused(x: float, exponent: float) -> None:
    power = Value(x) ** exponent
    with pytest.raises(InvalidModelError, match="no finite real number"):
        power.backward()


@pytest.mark.parametrize(("x", "divisor"), [(1e-310, 1e-310), (1e-5, 1e-160), (0.0, 1e-309)])
def test_a_quotient_without_a_derivative_is_refused(x: float, divisor: float) -> None:
    quotient = Value(x) / Value(divisor)
    with pytest.raises(InvalidModelError, match="no finite number"):
        quotient.backward()


@pytest.mark.parametrize("wrong", [lambda v: v**v, lambda v: 2.0**v])
def test_a_value_as_an_exponent_is_refused_with_the_way_out(wrong: Callable[[Any], Any]) -> None:
    with pytest.raises(UsageError, match=r"must be a plain number.*\(b \* a\.log\(\)\)\.exp\(\)$"):
        wrong(Value(3.0))
    a, b = Value(3.0), Value(2.0)
    assert (b * a.log()).exp().data == pytest.approx(9.0)


def test_a_graph_leaves_no_garbage() -> None:
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            x, y = Value(0.5), Value(-0.25)
            z = dot([x, y], [y, 2.0], x).tanh() / (x.exp() + y.sigmoid() ** 2) - (-x).relu()
            z.backward()
        assert math.isfinite(z.data)
        assert gc.collect() == 0
    finally:
        gc.enable()
