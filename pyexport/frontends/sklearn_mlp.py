"""Reads a fitted scikit-learn MLP, alone or behind scalers in a Pipeline, as a float graph."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pyexport.errors import ToolMissingError, UnsupportedModelError, UnsupportedOperatorError
from pyexport.frontends.graph_builder import GraphBuilder, Value
from pyexport.frontends.loading import assemble
from pyexport.frontends.lowering import refuse_non_finite
from pyexport.frontends.metadata import make_extras, render_extras
from pyexport.ir import Affine, Clamp, Graph, Linear, Model, Op, Softmax

_RELU = "train it with activation='relu'"


def from_sklearn(
    estimator: Any,
    *,
    input_range: tuple[float, float] | None = None,
    input_unit: str | None = None,
    calibration: npt.ArrayLike | None = None,
    evaluation: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    labels: Sequence[object] | None = None,
) -> Model:
    """Return a fitted MLPClassifier or MLPRegressor as a model; scalers before it are kept.

    A classifier's outputs are its predict_proba, a column a class; its classes are the labels
    unless `labels` names them, and targets of `evaluation` are class numbers, not class names.
    """
    try:
        import sklearn
        from sklearn.neural_network import MLPClassifier, MLPRegressor
        from sklearn.pipeline import Pipeline
    except ImportError:
        raise ToolMissingError(
            "scikit-learn is not installed; pip install 'pyexport[sklearn]' brings it"
        ) from None
    steps = [s for _, s in estimator.steps] if isinstance(estimator, Pipeline) else [estimator]
    network, name = steps[-1], type(steps[-1]).__name__
    if not isinstance(network, MLPClassifier | MLPRegressor):
        raise UnsupportedModelError(
            f"{name} is not supported; from_sklearn reads MLPClassifier and MLPRegressor, alone or "
            "at the end of a Pipeline"
        )
    _check_fitted(network, name)
    columns = next(s.n_features_in_ for s in steps if hasattr(s, "n_features_in_"))
    builder = GraphBuilder((int(columns),))
    value = builder.input
    for step in steps[:-1]:
        value = _scaler(builder, value, step)
    graph = builder.finish(_network(builder, value, network, name))
    if labels is None and isinstance(network, MLPClassifier):
        labels = [str(c) for c in network.classes_]
    extras = make_extras(
        graph,
        name,
        input_range=input_range,
        input_unit=input_unit,
        calibration=calibration,
        evaluation=evaluation,
        labels=labels,
    )
    digest = _digest(graph, render_extras(extras))
    return assemble(graph, extras, name, digest, f"scikit-learn {sklearn.__version__}")


def _check_fitted(step: Any, name: str) -> None:
    if not hasattr(step, "n_features_in_"):
        raise UnsupportedModelError(f"{name} is not fitted; call fit() first")


def _scaler(builder: GraphBuilder, x: Value, step: Any) -> Value:
    """Append one step before the network: y = scale * x + shift, and a clamp where it clips."""
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    name = type(step).__name__
    if step is None or (isinstance(step, str) and step == "passthrough"):
        return x
    if not isinstance(step, StandardScaler | MinMaxScaler):
        raise UnsupportedModelError(
            f"the pipeline step {name} is not supported; use StandardScaler or MinMaxScaler, or "
            "apply it to the data before the model"
        )
    _check_fitted(step, name)
    ones = np.ones(x.shape)
    if isinstance(step, StandardScaler):
        scale = ones if step.scale_ is None else 1.0 / np.asarray(step.scale_, np.float64)
        mean = 0.0 * ones if step.mean_ is None or not step.with_mean else step.mean_
        shift = -np.asarray(mean, np.float64) * scale
    else:
        scale = np.asarray(step.scale_, np.float64)
        shift = np.asarray(step.min_, np.float64)
    refuse_non_finite("its scale", np.concatenate([scale, shift]), name)
    x = builder.add(Affine(scale, shift), x, x.shape, name)
    if isinstance(step, MinMaxScaler) and step.clip:
        low, high = step.feature_range
        x = builder.add(Clamp(float(low), float(high)), x, x.shape, name)
    return x


def _network(builder: GraphBuilder, x: Value, network: Any, name: str) -> Value:
    if network.activation not in {"relu", "identity"}:
        raise UnsupportedOperatorError(
            f"{name}: activation {network.activation!r} has no exact integer form; {_RELU}"
        )
    weights = [np.asarray(w).T for w in network.coefs_]  # scikit-learn keeps (n_in, n_out)
    biases = [np.asarray(b) for b in network.intercepts_]
    ending: Op | None = None
    if network.out_activation_ == "softmax":
        ending = Softmax()
    elif network.out_activation_ == "logistic":
        if network.n_outputs_ != 1:
            raise UnsupportedModelError(
                f"{name}: multi-label outputs are not supported; train one label a sample"
            )
        # One logit z is the softmax of (0, z): the same probabilities, and argmax works.
        weights[-1] = np.concatenate([np.zeros_like(weights[-1]), weights[-1]])
        biases[-1] = np.concatenate([np.zeros_like(biases[-1]), biases[-1]])
        ending = Softmax()
    elif network.out_activation_ != "identity":
        raise UnsupportedOperatorError(
            f"{name}: output activation {network.out_activation_!r} is not supported; train it "
            "with the squared error"
        )
    for index, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        refuse_non_finite(f"coefs_[{index}]", weight, name)
        refuse_non_finite(f"intercepts_[{index}]", bias, name)
        source = f"coefs_[{index}]"
        layer = Linear(np.ascontiguousarray(weight), bias)
        x = builder.add(layer, x, (len(weight),), source)
        if index < len(weights) - 1 and network.activation == "relu":
            x = builder.add(Clamp(0.0, float("inf")), x, x.shape, source)
    return builder.add(ending, x, x.shape, name) if ending else x


def _digest(graph: Graph, extras: str) -> str:
    """Return a SHA-256 of everything that was read, as a file's hash would be."""
    digest = hashlib.sha256(extras.encode())
    for node in graph.nodes:
        digest.update(f"{node.name} {node.inputs} {node.outputs}".encode())
        for key, value in sorted(vars(node.op).items()):
            digest.update(f" {key}=".encode())
            digest.update(
                value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
            )
    return digest.hexdigest()
