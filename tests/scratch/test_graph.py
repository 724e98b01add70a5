"""The order of the backward pass: what must hold of it, and that wrong orders are caught."""

from __future__ import annotations

import pytest
from hypothesis import Phase, assume, given, settings

from pyexport.scratch import Value, engine
from pyexport.scratch.graph import topological_order
from tests.scratch.expressions import Operation, programs, run_duals, run_values

Program = tuple[list[float], list[Operation]]


def assert_gradients_are_exact(program: Program) -> None:
    """Compare every input gradient of a program with its derivative by dual numbers."""
    inputs, operations = program
    result, leaves = run_values(inputs, operations)
    assume(abs(result.data) < 1e6)
    result.backward()
    for k, leaf in enumerate(leaves):
        oracle = run_duals(inputs, operations, wrt=k)
        assert result.data == pytest.approx(oracle.data, rel=1e-9, abs=1e-9)
        assert leaf.grad == pytest.approx(oracle.slope, rel=1e-7, abs=1e-7)


@given(programs())
def test_gradients_of_random_graphs_are_exact(program: Program) -> None:
    assert_gradients_are_exact(program)


@given(programs())
def test_every_node_comes_once_and_after_its_parents(program: Program) -> None:
    result, _ = run_values(*program)
    order = topological_order(result)
    place = {node: k for k, node in enumerate(order)}
    assert len(place) == len(order)
    assert order[-1] is result
    for node in order:
        assert all(place[parent] < place[node] for parent in node.parents)


@given(programs())
def test_equal_graphs_are_visited_in_the_same_order(program: Program) -> None:
    first, second = (topological_order(run_values(*program)[0]) for _ in range(2))
    assert [(node.op, node.data) for node in first] == [(node.op, node.data) for node in second]


def breadth_first(root: Value) -> list[Value]:
    """A wrong order that works on trees: a node waits for the first of its users, not the last."""
    order, queue = [], [root]
    while queue:
        node = queue.pop(0)
        if node not in order:
            order.append(node)
            queue.extend(node.parents)
    return order[::-1]


def preorder(root: Value) -> list[Value]:
    """Another: depth first, but a node is noted when it is met, not when its parents are done."""
    order, stack = [], [root]
    while stack:
        node = stack.pop()
        if node not in order:
            order.append(node)
            stack.extend(node.parents)
    return order[::-1]


@pytest.mark.parametrize("wrong", [breadth_first, preorder])
def test_a_planted_wrong_order_is_killed(wrong: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "topological_order", wrong)

    @settings(database=None, derandomize=True, phases=[Phase.generate])  # shrinking takes seconds
    @given(programs())
    def gradients_are_exact(program: Program) -> None:
        assert_gradients_are_exact(program)

    with pytest.raises(AssertionError):
        gradients_are_exact()


@pytest.mark.parametrize("wrong", [breadth_first, preorder])
def test_wrong_orders_still_pass_on_trees(wrong: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "topological_order", wrong)
    a, b = Value(2.0), Value(3.0)
    (a * b + b.tanh()).backward()  # a tree but for the leaf b
    assert a.grad == 3.0
    assert b.grad == pytest.approx(2.0 + 1.0 - b.tanh().data ** 2)


def test_a_diamond_gets_the_sum_over_both_sides() -> None:
    x = Value(3.0)
    y = x * x
    z = y * y + y  # x**4 + x**2
    z.backward()
    assert x.grad == 4 * 27.0 + 6.0


def test_a_chain_of_100_000_nodes_is_differentiated_and_freed() -> None:
    x = node = Value(1.0)
    for _ in range(100_000):
        node = node + x
    node.backward()
    assert x.grad == 100_001.0
    del node
