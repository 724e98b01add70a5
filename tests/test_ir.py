"""The graph's own checks, and how bytes stand for reals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyexport.ir import Clamp, Graph, Linear, Node, QuantParams, Tensor
from tests.networks import chain_graph, layer


def test_quantize_rounds_halves_up_and_clamps() -> None:
    params = QuantParams("s8", 0.5, 3, -100, 100)
    real = [0.25, -0.25, 0.75, -0.75, 1e300, -1e300]
    assert params.quantize(real).tolist() == [4, 3, 5, 2, 100, -100]


@given(st.integers(-128, 127), st.floats(1e-6, 1e6), st.integers(-128, 127))
def test_dequantize_then_quantize_returns_the_byte(q: int, scale: float, zero_point: int) -> None:
    params = QuantParams("s8", scale, zero_point, -128, 127)
    assert int(params.quantize(params.dequantize(q))) == q


@pytest.mark.parametrize("scale", [0.0, -1.0, np.inf, np.nan])
def test_a_scale_must_be_positive_and_finite(scale: float) -> None:
    with pytest.raises(ValueError, match="scale"):
        QuantParams("u8", scale, 0, 0, 255)


@pytest.mark.parametrize(("low", "high"), [(-1, 5), (0, 256), (6, 5)])
def test_limits_must_fit_the_type(low: int, high: int) -> None:
    with pytest.raises(ValueError, match="limits"):
        QuantParams("u8", 1.0, 0, low, high)


def test_operators_keep_their_own_read_only_arrays() -> None:
    weight = np.ones((2, 3))
    op = Linear(weight, np.zeros(2))
    weight[0, 0] = 7.0
    assert op.weight[0, 0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        op.weight[0, 0] = 7.0


def test_a_linear_layer_checks_its_shapes() -> None:
    with pytest.raises(ValueError, match="linear"):
        Linear(np.ones((2, 3)), np.zeros(3))


def test_a_node_cannot_read_what_is_not_written_yet() -> None:
    tensors = (Tensor("x", (1,)), Tensor("y", (1,)), Tensor("z", (1,)))
    with pytest.raises(ValueError, match="before it is written"):
        Graph(tensors, (Node("n", Clamp(0, 1), ("y",), ("z",)),), ("x",), ("z",))


def test_two_tensors_cannot_share_a_name() -> None:
    with pytest.raises(ValueError, match="share a name"):
        Graph((Tensor("x", (1,)), Tensor("x", (2,))), (), ("x",), ("x",))


def test_an_output_needs_a_definition() -> None:
    with pytest.raises(ValueError, match="without a definition"):
        Graph((Tensor("x", (1,)), Tensor("y", (1,))), (), ("x",), ("y",))


def test_users_are_the_nodes_that_read_a_tensor() -> None:
    graph = chain_graph(3, [layer(3, 2), Clamp(0.0, 1.0)])
    assert [n.name for n in graph.users("t0")] == ["n1"]
    assert graph.users("t1") == ()
    assert graph.output.name == "t1"
    assert graph.tensor("t0").size == 2
    with pytest.raises(KeyError):
        graph.tensor("nothing")
