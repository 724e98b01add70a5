"""The vector graph over float lists and packed integers, against scalar values, on random graphs.

The layers of a network make chains; here vectors are also joined, so that one is used many times.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import mul
from typing import Any

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from pyexport.scratch import LOSSES, Node, Value, node
from pyexport.scratch.backends.floats import FloatMatrix
from pyexport.scratch.backends.packed import PackedMatrix
from pyexport.scratch.backends.plan import plan_layer
from pyexport.scratch.backends.scalars import ScalarMatrix, ScalarVector

SIZE = 3
FACTORS = [0.0, 1.5, -0.5]
KINKED = ("relu", "leaky")
UNARY = ("affine 0", "affine 1", "sigmoid", "tanh", "softmax", "scale", *KINKED)
JOINTS = ("mean", "product")
Weights = list[tuple[list[list[float]], list[float]]]


@dataclass(frozen=True)
class Program:
    """An input, two matrices, and operations on earlier vectors, by their number."""

    x: list[float]
    weights: Weights
    operations: list[tuple[str, int, int]]
    loss: str
    target: int


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Return programs in which near vectors are used often: deep, and rich in diamonds."""
    eighths = st.integers(-8, 8).map(lambda k: k / 8)
    row = st.lists(eighths, min_size=SIZE, max_size=SIZE)
    square = st.lists(row, min_size=SIZE, max_size=SIZE)
    operations = []
    for count in range(1, 1 + draw(st.integers(1, 7))):
        near = st.integers(max(0, count - 3), count - 1)
        operations.append((draw(st.sampled_from(UNARY + 3 * JOINTS)), draw(near), draw(near)))
    return Program(
        draw(row),
        [(draw(square), draw(row)) for _ in range(2)],
        operations,
        draw(st.sampled_from(sorted(LOSSES))),
        draw(st.integers(0, SIZE - 1)),
    )


def mean_of_nodes(a: Node, b: Node) -> Node:
    def pull(g: Any) -> None:
        half = [0.5 * number for number in g]
        a.receive(half)
        b.receive(half)

    data = [0.5 * (one + other) for one, other in zip(a.data, b.data, strict=True)]
    return Node(data, (a, b), pull, "mean")


def product_of_nodes(a: Node, b: Node) -> Node:
    def pull(g: Any) -> None:
        a.receive(list(map(mul, g, b.data)))
        b.receive(list(map(mul, g, a.data)))

    return Node(list(map(mul, a.data, b.data)), (a, b), pull, "product")


def join_values(name: str, a: ScalarVector, b: ScalarVector) -> ScalarVector:
    pairs = zip(a.values, b.values, strict=True)
    if name == "mean":
        return ScalarVector([(one + other) * 0.5 for one, other in pairs])
    return ScalarVector([one * other for one, other in pairs])


def apply(name: str, a: Any, b: Any, matrices: list[Any]) -> Any:
    """Return the next vector, of nodes or of values."""
    match name.split():
        case ["affine", number]:
            return a.affine(matrices[int(number)])
        case ["scale"]:
            return a.scale(FACTORS)
        case ["leaky"]:
            return a.leaky_relu(0.25)
        case ["mean" | "product"]:
            if isinstance(a, ScalarVector):
                return join_values(name, a, b)
            return (mean_of_nodes if name == "mean" else product_of_nodes)(a, b)
    return getattr(a, name)()


@dataclass(frozen=True)
class Results:
    """What a program computes, forwards and backwards."""

    vectors: list[list[float]]
    loss: float
    gradients: list[float]  # of the input, then of every weight and bias


def run(program: Program, leaf: Any, matrices: list[Any], passes: int = 1) -> Results:
    vectors = [leaf]
    for name, left, right in program.operations:
        vectors.append(apply(name, vectors[left], vectors[right], matrices))
    # Every matrix ends in the loss, and every input has a way there.
    outputs = vectors[-1].affine(matrices[0]).affine(matrices[1])
    result = outputs.loss(LOSSES[program.loss], program.target)
    for _ in range(passes):
        result.backward()
    gradients = leaf.gradient()
    for matrix in matrices:
        weight, bias = matrix.gradient()
        gradients += [number for row in (*weight, bias) for number in row]
    return Results([list(vector.data) for vector in vectors], result.item(), gradients)


def run_values(program: Program, passes: int = 1) -> Results:
    matrices = [ScalarMatrix(*weights) for weights in program.weights]
    return run(program, ScalarVector(list(map(Value, program.x))), matrices, passes)


def run_lists(program: Program, passes: int = 1) -> Results:
    matrices = [FloatMatrix(*weights) for weights in program.weights]
    return run(program, Node(program.x), matrices, passes)


def run_packed(program: Program, passes: int = 1) -> Results:
    plan = plan_layer(SIZE, SIZE, 15, 1024, 4.0)
    matrices = [PackedMatrix(*weights, plan) for weights in program.weights]
    return run(program, Node(program.x), matrices, passes)


def assume_smooth(program: Program, wanted: Results, margin: float) -> None:
    """Leave out programs whose numbers grow, or lie so near a kink that rounding picks its side."""
    assume(max(abs(number) for vector in wanted.vectors for number in vector) < 30.0)
    assume(max(map(abs, wanted.gradients)) < 30.0)
    assume(program.loss != "rmse" or wanted.loss > 0.05)
    for name, left, _ in program.operations:
        if name in KINKED:
            assume(min(map(abs, wanted.vectors[left])) > margin)


def assert_close(ours: Results, wanted: Results, rounding: float) -> None:
    for one, other in zip(ours.vectors, wanted.vectors, strict=True):
        assert one == pytest.approx(other, rel=rounding, abs=rounding)
    assert ours.loss == pytest.approx(wanted.loss, rel=rounding, abs=rounding)
    assert ours.gradients == pytest.approx(wanted.gradients, rel=rounding, abs=rounding)


# A failure is reported as found: a planted wrong order is to be killed quickly.
QUICK = settings(max_examples=80, phases=[Phase.generate])


@QUICK
@given(programs())
def test_float_lists_agree_with_values_on_random_graphs(program: Program) -> None:
    wanted = run_values(program)
    assume_smooth(program, wanted, 1e-9)
    assert_close(run_lists(program), wanted, 1e-9)


@QUICK
@given(programs())
def test_packed_integers_agree_with_values_on_random_graphs(program: Program) -> None:
    assume(program.loss != "hinge")  # its kinks are at the outputs, which rounding moves
    wanted = run_values(program)
    assume_smooth(program, wanted, 0.01)
    assert_close(run_packed(program), wanted, 0.01)


def breadth_first(root: Node) -> list[Node]:
    """A wrong order that works on chains: a node waits for the first of its users only."""
    order, queue = [], [root]
    while queue:
        vector = queue.pop(0)
        if vector not in order:
            order.append(vector)
            queue.extend(vector.parents)
    return order[::-1]


@pytest.mark.parametrize("run_engine", [run_lists, run_packed])
def test_a_planted_wrong_order_is_killed(run_engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "topological_order", breadth_first)

    @settings(QUICK, database=None, derandomize=True)
    @given(programs())
    def gradients_agree(program: Program) -> None:
        assume(program.loss != "hinge")
        wanted = run_values(program)
        assume_smooth(program, wanted, 0.01)
        assert_close(run_engine(program), wanted, 0.01)

    with pytest.raises(AssertionError):
        gradients_agree()


DIAMONDS = Program(
    [0.5, -0.25, 0.75],
    [
        ([[0.5, 0.25, -0.5], [0.125, 1.0, 0.25], [-0.75, 0.5, 0.5]], [0.125, 0.0, -0.25]),
        ([[0.25, -0.5, 1.0], [0.5, 0.5, 0.125], [1.0, -0.25, 0.5]], [0.0, 0.5, 0.25]),
    ],
    [
        ("tanh", 0, 0), ("affine 0", 1, 1), ("product", 1, 2), ("mean", 3, 1), ("sigmoid", 4, 4),
        ("product", 5, 5), ("mean", 6, 4),
    ],
    "mse",
    1,
)  # fmt: skip


@pytest.mark.parametrize("run_engine", [run_values, run_lists, run_packed])
def test_a_second_backward_pass_doubles_what_the_leaves_hold(run_engine: Any) -> None:
    once, twice = run_engine(DIAMONDS), run_engine(DIAMONDS, passes=2)
    assert math.hypot(*once.gradients) > 0.1
    assert twice.gradients == pytest.approx([2.0 * number for number in once.gradients], rel=1e-12)
    assert once.vectors == twice.vectors
