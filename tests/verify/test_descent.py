"""Descents reach classes, stay legal, and are the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from pyexport.errors import UsageError
from pyexport.gradients import of_graph
from pyexport.ir import Graph, Linear, Node, Tensor
from pyexport.pairing import firmware
from pyexport.verify.descent import Descent, descend, noise
from pyexport.verify.generated import GenerateOptions, generate
from pyexport.verify.near import NearOptions, near_starts
from pyexport.verify.pair import judge
from pyexport.verify.shrink import shrink
from pyexport.verify.starts import choose_starts, class_number
from tests.verify.blobs import pair

FEW = GenerateOptions(composite=20, frames=5)


def test_every_value_is_legal_at_every_step() -> None:
    both, _ = pair()
    low, high = both.limits
    seen = []
    targets = np.arange(30) % 3
    rows = descend(
        of_graph(both.graph), noise(30, both.limits, 1), targets, both.limits, Descent(60),
        lambda step, rows: seen.append(((rows >= low) & (rows <= high)).all()),
    )  # fmt: skip
    assert len(seen) == 61 and all(seen)
    assert (both.float_classes(rows) == targets).all()


def test_float_integer_and_firmware_see_each_generated_class() -> None:
    both, exported = pair()
    with firmware(exported) as runner:
        made = generate(both, of_graph(both.graph), runner, FEW)
    assert made.wrong_rows == 0 and made.rows == 3 + 60 + 3
    for classes in (made.optimal.float_classes, made.optimal.integer_classes):
        assert classes.tolist() == [0, 1, 2]
    assert all(made.share(n, by) == 1.0 for n in range(3) for by in ("float", "firmware"))
    assert len(made.frames) == 6
    np.testing.assert_allclose(made.frames[-1], made.composites)


def test_a_composite_is_the_mean_of_its_rows_in_any_batch() -> None:
    both, _ = pair()
    model = of_graph(both.graph)
    one = generate(both, model, None, FEW)
    other = generate(both, model, None, GenerateOptions(composite=20, batch=7, frames=5))
    np.testing.assert_allclose(one.composites, other.composites)
    assert (one.grown.rows == other.grown.rows).all()
    mean = both.real(one.grown.rows[20:40]).mean(axis=0)
    assert np.abs(mean - one.composites[1]).max() <= 0.51  # rows are rounded to whole numbers


def test_near_starts_reach_both_models_and_lie_near() -> None:
    both, _ = pair()
    samples = both.artifact.samples
    assert samples is not None
    starts = choose_starts(both, samples.inputs, samples.targets, count=20)
    found = near_starts(both, of_graph(both.graph), starts.rows, starts.targets, NearOptions(4, 40))
    assert found.share == 1.0
    verdicts = judge(both, found.rows, None)
    assert (verdicts.float_classes == starts.targets).all()
    assert (verdicts.integer_classes == starts.targets).all()
    straight = np.linalg.norm(both.real(starts.rows) - 50.0, axis=1)
    assert found.median < np.median(straight)
    loose = near_starts(
        both, of_graph(both.graph), starts.rows, starts.targets, NearOptions(4, 40, shrink=False)
    )
    assert (found.distance <= loose.distance).all()


def test_shrinking_ends_where_no_single_step_back_holds() -> None:
    rows, towards = np.array([[90, 70, 5]]), np.array([[10, 10, 10]])

    def holds(proposal: np.ndarray, which: np.ndarray) -> np.ndarray:
        return proposal[:, 0] + proposal[:, 1] >= 100

    (small,) = shrink(rows, towards, holds)
    assert small.sum() == 110 and small[2] == 10
    assert np.linalg.norm(small - towards[0]) <= np.linalg.norm(rows[0] - towards[0])


def test_a_row_that_never_held_comes_back_as_it_is() -> None:
    rows = np.array([[9, 9]])
    small = shrink(rows, np.zeros_like(rows), lambda proposal, which: proposal[:, 0] > 99)
    assert (small == rows).all()


def test_classes_have_numbers_and_labels() -> None:
    both, _ = pair()
    assert class_number(both, "right", "--to") == class_number(both, "1", "--to") == 1
    with pytest.raises(UsageError, match="one of left, right, up"):
        class_number(both, "down", "--to")


def test_starts_are_of_the_class_asked_for_and_true() -> None:
    both, _ = pair()
    samples = both.artifact.samples
    assert samples is not None
    starts = choose_starts(both, samples.inputs, samples.targets, count=5, start=2, target=0)
    assert set(starts.classes) == {2} and set(starts.targets) == {0}
    with pytest.raises(UsageError, match="no start of class up"):
        choose_starts(both, samples.inputs, 1 - samples.targets, count=5, start=2)


def test_a_model_of_two_inputs_is_refused() -> None:
    both, exported = pair()
    tensors = (*both.graph.tensors, Tensor("z", (4,)))
    two = Graph(tensors, both.graph.nodes, (*both.graph.inputs, "z"), both.graph.outputs)
    with pytest.raises(UsageError, match="2 inputs and 1 outputs"):
        type(both)(two, exported.artifact)


def test_a_model_of_one_output_is_refused() -> None:
    both, exported = pair()
    tensors = (Tensor("x", (4,)), Tensor("y", (1,)))
    node = Node("a", Linear(np.ones((1, 4)), np.zeros(1)), ("x",), ("y",))
    with pytest.raises(UsageError, match="one output"):
        type(both)(Graph(tensors, (node,), ("x",), ("y",)), exported.artifact)
