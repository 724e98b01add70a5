"""The steps of a raw input: powers of ten of which the known values are multiples."""

from __future__ import annotations

import numpy as np
import pytest

from pyexport.ir import Affine, Dataset, QuantParams
from pyexport.quantize.raw_input import choose_step, raw_input_params

NONE = np.empty(0)


@pytest.mark.parametrize(
    ("low", "high", "values", "dtype", "step"),
    [
        (11.0, 15.0, [13.2, 11.41, 14.83], "u16", 0.01),
        (0.0, 3.0, [1, 0, 2], "u16", 1.0),
        (0.0, 1700.0, [1065, 278], "u16", 1.0),
        (0.0, 40.0, [10, 30], "u16", 1.0),  # not 10: a step is at most 1 where that fits
        (-5.0, 5.0, [-0.25, 1.5], "s16", 0.01),
        (0.0, 200_000.0, [1000, 170_000], "u16", 10.0),  # range: 65,535 units of 1 are too few
        (0.0, 1.0, [1 / 3, 2 / 3], "u16", 1e-4),  # no multiples: the finest that fits
        (-1.0, 1.0, [1 / 3], "s16", 1e-4),
        (0.0, 0.4, [0.123456], "u16", 1e-5),  # its multiples would not fit
        (0.0, 7.0, [float(np.float32(v)) for v in (5.1, 3.3)], "u16", 0.1),  # was float32 once
        (0.0, 1.0, [], "u16", 1e-4),  # nothing known
        (0.0, 0.0, [0.0], "u16", 1.0),
        (0.0, 1e20, [1e19], "u16", 1e16),
        (-1e308, 1e308, [1e307, -3e307], "s16", 1e304),  # nothing warns of the steps that overflow
    ],
)
def test_step(low: float, high: float, values: list[float], dtype: str, step: float) -> None:
    assert choose_step(low, high, np.array(values, np.float64), dtype) == pytest.approx(step)


def front(*scale: float) -> Affine:
    return Affine(np.array(scale), np.zeros(len(scale)), -1.0, 1.0)


def test_columns_that_fit_bytes_stay_bytes() -> None:
    rows = Dataset(np.array([[0.0, 16.0], [3.0, 8.0]]))
    assert raw_input_params(front(1, 1), (0, 16), rows, None) == QuantParams("u8", 1.0, 0, 0, 16)
    signed = Dataset(np.array([[-3.0, 100.0]]))
    params = raw_input_params(front(1, 1), (-5, 100), signed, None)
    assert params == QuantParams("s8", 1.0, 0, -5, 100)


def test_each_column_has_the_step_of_its_own_values_and_the_whole_type_is_legal() -> None:
    rows = Dataset(np.array([[13.2, 1065.0, 0.5], [11.41, 278.0, 0.125]]))
    more = Dataset(np.array([[12.5, 300.0, 0.25]]))
    params = raw_input_params(front(0.1, 0.001, 1.0), (0.0, 1700.0), rows, more)
    assert (params.dtype, params.low, params.high) == ("u16", 0, 65535)
    assert params.steps == (0.01, 1.0, 0.001)
    assert params.quantize(rows.inputs).tolist() == [[1320, 1065, 500], [1141, 278, 125]]
    assert params.dequantize([1320, 1065, 500]).tolist() == pytest.approx([13.2, 1065.0, 0.5])


def test_equal_steps_are_the_scale_of_the_tensor() -> None:
    rows = Dataset(np.array([[5.1, 3.5], [-0.2, 6.2]]))
    params = raw_input_params(front(0.1, 0.1), (-1.0, 8.0), rows, None)
    assert params == QuantParams("s16", 0.1, 0, -32768, 32767)


def test_values_in_evaluation_rows_decide_too() -> None:
    rows, more = Dataset(np.array([[1.0], [300.0]])), Dataset(np.array([[2.5]]))
    assert raw_input_params(front(0.01), (0.0, 400.0), rows, None).scale == 1.0
    assert raw_input_params(front(0.01), (0.0, 400.0), rows, more).scale == 0.1


def test_the_clamp_limits_what_must_fit_where_no_rows_are_known() -> None:
    # It saturates beyond 0.5, so 0.5 of the declared 1000.5 must fit in the finest step.
    params = raw_input_params(
        Affine(np.array([2.0]), np.zeros(1), 0.0, 1.0), (0, 1000.5), None, None
    )
    assert params == QuantParams("u16", 1e-5, 0, 0, 65535)


def test_steps_are_for_a_raw_input_alone() -> None:
    with pytest.raises(ValueError, match="scale 1 and zero point 0"):
        QuantParams("u16", 2.0, 0, 0, 9, (1.0,))
    with pytest.raises(ValueError, match=r"step of column 1 must be positive and finite, not 0"):
        QuantParams("u16", 1.0, 0, 0, 9, (1.0, 0.0, -1.0))
