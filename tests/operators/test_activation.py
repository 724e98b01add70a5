"""The named functions of one element."""

from __future__ import annotations

import math

import pytest

from pyexport.ir import Activation


def test_a_parameter_is_found_by_name() -> None:
    op = Activation("softplus", (2.0, 20.0))
    assert (op.parameter("beta"), op.parameter("threshold")) == (2.0, 20.0)


@pytest.mark.parametrize(
    ("function", "parameters"),
    [("sine", ()), ("tanh", (1.0,)), ("elu", (1.0,)), ("leaky_relu", (math.nan,))],
)
def test_an_unknown_function_or_parameter_is_refused(
    function: str, parameters: tuple[float, ...]
) -> None:
    with pytest.raises(ValueError, match=function):
        Activation(function, parameters)
