"""Reads the steps of a scikit-learn Pipeline that stand before the model, as float operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyexport.errors import UnsupportedModelError
from pyexport.frontends.lowering import refuse_non_finite
from pyexport.ir import Affine, Array, Clamp, Linear, Op

_UNEVEN = 64.0  # int8 has 256 steps: a column this much smaller than another keeps four of them


def check_fitted(step: Any, name: str) -> None:
    """Raise UnsupportedModelError for an estimator that was never fitted."""
    if not hasattr(step, "n_features_in_"):
        raise UnsupportedModelError(f"{name} is not fitted; call fit() first")


def flat_steps(estimator: Any) -> list[Any]:
    """Return the steps of a Pipeline and of those inside it, in order; any other is one step."""
    from sklearn.pipeline import Pipeline

    if not isinstance(estimator, Pipeline):
        return [estimator]
    return [step for _, inner in estimator.steps for step in flat_steps(inner)]


def is_no_step(step: Any) -> bool:
    """Return whether a Pipeline passes its input through here."""
    return step is None or (isinstance(step, str) and step == "passthrough")


def read_step(step: Any, columns: int) -> list[Op]:
    """Return y = scale * x + shift of a scaler, with a clamp where it clips; a layer of a PCA."""
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    name = type(step).__name__
    if is_no_step(step):
        return []
    if not isinstance(step, StandardScaler | MinMaxScaler | PCA):
        raise UnsupportedModelError(
            f"the pipeline step {name} is not supported; use StandardScaler, MinMaxScaler or PCA, "
            "or apply it to the data before the model"
        )
    check_fitted(step, name)
    if isinstance(step, PCA):
        return [_projection(step, name)]
    if isinstance(step, StandardScaler):
        scale = np.ones(columns) if step.scale_ is None else 1.0 / _numbers(step.scale_)
        centred = step.with_mean and step.mean_ is not None
        shift = -_numbers(step.mean_) * scale if centred else np.zeros(columns)
    else:
        scale, shift = _numbers(step.scale_), _numbers(step.min_)
    refuse_non_finite("its scale", np.concatenate([scale, shift]), name)
    ops: list[Op] = [Affine(scale, shift)]
    if isinstance(step, MinMaxScaler) and step.clip:
        low, high = step.feature_range
        ops.append(Clamp(float(low), float(high)))
    return ops


def _projection(step: Any, name: str) -> Linear:
    weight = _numbers(step.components_)
    bias = -(weight * _numbers(step.mean_)).sum(axis=1)
    if step.whiten:
        spread = np.sqrt(_numbers(step.explained_variance_))
        spread = np.maximum(spread, np.finfo(spread.dtype).eps)  # as PCA.transform does
        weight, bias = weight / spread[:, None], bias / spread
    refuse_non_finite("components_", weight, name)
    refuse_non_finite("mean_", bias, name)
    return Linear(weight, bias)


def fold(ops: Sequence[Op]) -> list[Op]:
    """Return the operators with every affine map and projection multiplied into the next layer.

    What stands before a clamp stays: nothing can be folded across one.
    """
    folded: list[Op] = []
    for op in ops:
        while folded and (merged := _merge(folded[-1], op)) is not None:
            folded.pop()
            op = merged
        folded.append(op)
    return folded


def _merge(first: Op, second: Op) -> Op | None:
    """Return one operator for two, or None where there is none."""
    match first, second:
        case Affine(scale=s, shift=t), Affine(scale=scale, shift=shift):
            return Affine(s * scale, t * scale + shift)
        case Affine(scale=s, shift=t), Linear(weight=w, bias=b):
            return Linear(w * s, b + (w * t).sum(axis=1))
        case Linear(weight=w, bias=b), Affine(scale=scale, shift=shift):
            return Linear(w * scale[:, None], b * scale + shift)
        case Linear(weight=w, bias=b), Linear(weight=weight, bias=bias):
            return Linear(weight @ w, bias + (weight * b).sum(axis=1))
    return None


def uneven_columns(steps: Sequence[Any]) -> tuple[str, ...]:
    """Return a warning, for a model without calibration rows, that its columns differ widely."""
    first = next((s for s in steps if not is_no_step(s)), None)
    found = getattr(first, "data_range_", getattr(first, "scale_", None))
    sizes = _numbers(() if found is None else found)
    sizes = sizes[sizes > 0]
    if not len(sizes) or sizes.max() < _UNEVEN * sizes.min():
        return ()
    return (
        f"the scaler changes some input columns {sizes.max() / sizes.min():.0f} times more than "
        "others, which int8 can only follow with calibration rows: pass calibration=rows, or use "
        "--scheme float32",
    )


def _numbers(values: Any) -> Array:
    return np.array(values, np.float64)
