"""Ranges of tensors: seen on data, or bounded for every legal input."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from pyexport.errors import (
    CalibrationError,
    InvalidModelError,
    UnsupportedModelError,
    UnsupportedOperatorError,
)
from pyexport.ir import (
    Affine,
    Clamp,
    Dataset,
    Linear,
    QuantizedSoftmax,
    Softmax,
    State,
    Tensor,
)
from pyexport.quantize.observers import interval_ranges, observed_ranges
from pyexport.reference import evaluate
from tests.networks import chain_graph, layer

OPS = [layer(5, 7, 1), Clamp(0.0, math.inf), Affine(np.linspace(-1, 1, 7), np.ones(7)), layer(7, 3)]


def test_observed_ranges_are_the_least_and_greatest_values() -> None:
    graph = chain_graph(5, OPS)
    rows = np.random.default_rng(0).normal(size=(30, 5))
    ranges = observed_ranges(graph, Dataset(rows))
    for name, values in evaluate(graph, rows, fixed_order=True).items():
        assert ranges[name] == (values.min(), values.max())


def test_interval_ranges_hold_every_value_of_every_input() -> None:
    graph = chain_graph(5, [*OPS, Softmax()])
    ranges = interval_ranges(graph, (-2.0, 3.0))
    rows = np.random.default_rng(0).uniform(-2, 3, size=(500, 5))
    for name, values in evaluate(graph, rows).items():
        assert ranges[name][0] <= values.min()
        assert values.max() <= ranges[name][1]


def test_the_interval_of_one_layer_is_reached() -> None:
    op = Linear(np.array([[2.0, -3.0]]), np.array([1.0]))
    assert interval_ranges(chain_graph(2, [op]), (-1.0, 2.0))["t0"] == (-7.0, 8.0)


def test_no_calibration_rows_are_refused() -> None:
    with pytest.raises(CalibrationError, match="no rows"):
        observed_ranges(chain_graph(5, OPS), Dataset(np.zeros((0, 5))))


def test_values_that_leave_float64_are_refused_by_name() -> None:
    graph = chain_graph(5, [Linear(np.full((7, 5), 1e308), np.zeros(7)), layer(7, 3)])
    with pytest.raises(InvalidModelError, match=r"t[01]"):
        observed_ranges(graph, Dataset(np.ones((1, 5)) * 100))
    with pytest.raises(InvalidModelError, match=r"t[01]"):
        interval_ranges(graph, (0.0, 100.0))


def test_an_operator_without_a_rule_is_refused_by_name() -> None:
    graph = chain_graph(4, [QuantizedSoftmax(np.zeros(256, np.uint16))])
    with pytest.raises(UnsupportedOperatorError, match=r"n0.*quantized_softmax"):
        interval_ranges(graph, (0.0, 1.0))


def test_a_kept_state_has_no_interval() -> None:
    graph = chain_graph(4, [layer(4, 4)])
    old = Tensor("old", (4,))
    graph = replace(graph, tensors=(*graph.tensors, old), states=(State("memory", "old", "t0"),))
    with pytest.raises(UnsupportedModelError, match="state memory is read by"):
        interval_ranges(graph, (0.0, 1.0))
