"""Reads a fitted scikit-learn model, alone or at the end of a Pipeline, as a float graph."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np

from pyexport.errors import ToolMissingError, UnsupportedModelError, UnsupportedOperatorError
from pyexport.frontends.graph_builder import GraphBuilder
from pyexport.frontends.loading import assemble
from pyexport.frontends.lowering import refuse_non_finite
from pyexport.frontends.metadata import Extras, make_extras, render_extras
from pyexport.frontends.sklearn_steps import (
    check_fitted,
    flat_steps,
    fold,
    is_no_step,
    read_step,
    uneven_columns,
)
from pyexport.ir import Activation, Array, Clamp, Graph, Linear, Model, Op, Softmax
from pyexport.statements import Arguments

_HIDDEN: dict[str, tuple[Op, ...]] = {  # what stands between the layers of a perceptron
    "relu": (Clamp(0.0, float("inf")),),
    "tanh": (Activation("tanh"),),
    "logistic": (Activation("sigmoid"),),
    "identity": (),
}
MODELS = "MLPClassifier, MLPRegressor, LogisticRegression and LinearRegression"


@dataclass(frozen=True, eq=False)
class _Layers:
    """The layers of the last step: weights (outputs, inputs), biases, and what stands around."""

    weights: list[Array]
    biases: list[Array]
    names: tuple[str, str]  # of the attributes that they come from, {} for the layer's number
    hidden: tuple[Op, ...] = ()  # between the layers
    softmax: bool = False  # at the end


@dataclass(frozen=True, eq=False)
class Read:
    """A scikit-learn model as a float graph that takes what its pipeline takes."""

    graph: Graph
    extras: Extras
    name: str
    producer: str
    warnings: tuple[str, ...]


def from_sklearn(estimator: Any, **arguments: Unpack[Arguments]) -> Model:
    """Return a fitted model, or a Pipeline that ends in one, as a model to export.

    MLPClassifier, MLPRegressor, LogisticRegression and LinearRegression; before them
    StandardScaler, MinMaxScaler and PCA, which become part of the first layer: the exported model
    takes the values that the Pipeline takes. A classifier's outputs are its predict_proba, a column
    a class; its classes are the labels unless `labels` names them, and targets of `evaluation` are
    class numbers, not class names. A regressor's targets are real values.
    """
    read = read_estimator(estimator, **arguments)
    digest = _digest(read.graph, render_extras(read.extras))
    return assemble(read.graph, read.extras, read.name, digest, read.producer, read.warnings)


def read_estimator(estimator: Any, **arguments: Unpack[Arguments]) -> Read:
    """Return what `from_sklearn` puts together: the graph without input scale or normalization."""
    try:
        import sklearn
    except ImportError:
        raise ToolMissingError(
            "scikit-learn is not installed; pip install 'pyexport[sklearn]' brings it"
        ) from None
    steps = flat_steps(estimator)
    network, name = steps[-1], type(steps[-1]).__name__
    layers = _read_model(network, name)
    graph = _graph(steps[:-1], layers, name)
    is_classifier = hasattr(network, "classes_")
    if arguments.get("labels") is None and is_classifier:
        arguments["labels"] = [str(c) for c in network.classes_]
    if arguments.get("input_unit") is None:
        arguments["input_unit"] = _raw_unit(steps[:-1])
    names = getattr(estimator, "feature_names_in_", None)
    if arguments.get("input_columns") is None and names is not None:
        arguments["input_columns"] = [str(name) for name in names]
    if arguments.get("output_task") is None and not is_classifier:
        arguments["output_task"] = "regression"
    extras = make_extras(graph, name, **arguments)
    warnings = uneven_columns(steps[:-1]) if extras.calibration is None else ()
    return Read(graph, extras, name, f"scikit-learn {sklearn.__version__}", warnings)


def _raw_unit(steps: Sequence[Any]) -> str | None:
    """Return what goes in where nobody named a unit: the values before the scaling."""
    names = [type(step).__name__ for step in steps if not is_no_step(step)]
    return f"raw value, before {names[0]}" if names else None


def _read_model(network: Any, name: str) -> _Layers:
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    if not isinstance(
        network, MLPClassifier | MLPRegressor | LogisticRegression | LinearRegression
    ):
        raise UnsupportedModelError(
            f"{name} is not supported; from_sklearn reads {MODELS}, alone or at the end of a "
            "Pipeline"
        )
    check_fitted(network, name)
    if isinstance(network, MLPClassifier | MLPRegressor):
        layers = _perceptron(network, name)
    else:
        layers = _linear_model(network, name, isinstance(network, LogisticRegression))
    for index, (weight, bias) in enumerate(zip(layers.weights, layers.biases, strict=True)):
        refuse_non_finite(layers.names[0].format(index), weight, name)
        refuse_non_finite(layers.names[1].format(index), bias, name)
    return layers


def _linear_model(network: Any, name: str, classifies: bool) -> _Layers:
    if hasattr(network.coef_, "toarray"):
        raise UnsupportedModelError(f"{name}: coef_ is sparse; call densify() first")
    weight = np.atleast_2d(np.array(network.coef_, np.float64))
    bias = np.zeros(len(weight)) + network.intercept_  # one number without fit_intercept
    if classifies:
        scheme = getattr(network, "multi_class", "auto")  # gone in scikit-learn 1.8
        if len(weight) == 1:
            weight, bias = _two_classes(weight, bias, -1.0 if scheme == "multinomial" else 0.0)
        elif scheme == "ovr" or network.solver == "liblinear":
            raise UnsupportedModelError(
                f"{name}: one logistic model a class has no softmax; train it with "
                "solver='lbfgs' and no multi_class"
            )
    return _Layers([weight], [bias], ("coef_", "intercept_"), softmax=classifies)


def _two_classes(weight: Array, bias: Array, other: float = 0.0) -> tuple[Array, Array]:
    """Return two rows for one logit z: softmax of (0, z) is (1 - p, p) with p its logistic."""
    zero = np.zeros(1)
    return (
        np.concatenate([zero + other * weight, weight]),
        np.concatenate([zero + other * bias, bias]),
    )


def _perceptron(network: Any, name: str) -> _Layers:
    if network.activation not in _HIDDEN:
        raise UnsupportedOperatorError(
            f"{name}: activation {network.activation!r} is not supported; train it with one of "
            f"{', '.join(_HIDDEN)}"
        )
    weights = [np.array(w).T for w in network.coefs_]  # scikit-learn keeps (n_in, n_out)
    biases = [np.array(b) for b in network.intercepts_]
    ending = network.out_activation_
    if ending == "logistic":
        if network.n_outputs_ != 1:
            raise UnsupportedModelError(
                f"{name}: multi-label outputs are not supported; train one label a sample"
            )
        weights[-1], biases[-1] = _two_classes(weights[-1], biases[-1])
    elif ending not in {"softmax", "identity"}:
        raise UnsupportedOperatorError(
            f"{name}: output activation {ending!r} is not supported; train it "
            "with the squared error"
        )
    names = ("coefs_[{}]", "intercepts_[{}]")
    return _Layers(weights, biases, names, _HIDDEN[network.activation], ending != "identity")


def _graph(steps: Sequence[Any], layers: _Layers, name: str) -> Graph:
    """Return the graph; the steps and the first layer are one linear layer where they can be."""
    columns = next((s.n_features_in_ for s in steps if hasattr(s, "n_features_in_")), None)
    width = int(columns) if columns is not None else layers.weights[0].shape[1]
    builder = GraphBuilder((width,))
    value, front = builder.input, list[Op]()
    for step in steps:
        ops = read_step(step, width)
        front += ops
        if ops and isinstance(ops[-1], Linear):
            width = len(ops[-1].weight)
    first = Linear(np.ascontiguousarray(layers.weights[0]), layers.biases[0])
    for op in fold([*front, first]):
        size = len(op.weight) if isinstance(op, Linear) else value.shape[0]
        value = builder.add(
            op, value, (size,), f"{layers.names[0]}[0]" if isinstance(op, Linear) else "scaling"
        )
    for index in range(1, len(layers.weights)):
        source = layers.names[0].format(index)
        for op in layers.hidden:
            value = builder.add(op, value, value.shape, source)
        weight, bias = np.ascontiguousarray(layers.weights[index]), layers.biases[index]
        value = builder.add(Linear(weight, bias), value, (len(weight),), source)
    if layers.softmax:
        value = builder.add(Softmax(), value, value.shape, name)
    return builder.finish(value)


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
