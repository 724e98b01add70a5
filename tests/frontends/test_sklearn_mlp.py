"""from_sklearn gives the function that scikit-learn computes, with its scalers."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, StandardScaler

from pyexport.errors import (
    CalibrationError,
    InvalidModelError,
    PyexportError,
    UnsupportedModelError,
    UnsupportedOperatorError,
)
from pyexport.frontends.sklearn_mlp import from_sklearn
from tests.frontends.models import evaluate

INPUTS = np.random.default_rng(2).normal(3, 2, size=(80, 5))
CLASSES = (INPUTS[:, 0] > 3).astype(int) + (INPUTS[:, 1] > 3)
BINARY = np.where(INPUTS[:, 0] > 3, "yes", "no")
VALUES = INPUTS @ np.arange(10.0).reshape(5, 2)


def fit(estimator, targets):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(INPUTS, targets)


def classifier(**options) -> MLPClassifier:
    return MLPClassifier((7, 6), max_iter=4, random_state=1, **options)


@pytest.mark.parametrize(
    "before",
    [
        (),
        (StandardScaler(),),
        (StandardScaler(with_mean=False),),
        (StandardScaler(with_std=False),),
        (MinMaxScaler((-1, 2)),),
        (MinMaxScaler(clip=True), StandardScaler()),
        ("passthrough",),
    ],
)
@pytest.mark.parametrize(("targets", "names"), [(CLASSES, "012"), (BINARY, ("no", "yes"))])
def test_classifier_gives_the_same_probabilities(before, targets, names):
    pipeline = fit(make_pipeline(*before, classifier()), targets)
    model = from_sklearn(pipeline)
    inputs = INPUTS * 1.5
    expected = pipeline.predict_proba(inputs)
    outputs = evaluate(model.graph, inputs)
    np.testing.assert_allclose(outputs, expected, atol=1e-12)
    np.testing.assert_array_equal(
        pipeline.named_steps["mlpclassifier"].classes_[outputs.argmax(axis=1)],
        pipeline.predict(inputs),
    )
    assert model.metadata.labels == tuple(names)
    assert model.metadata.producer.startswith("scikit-learn 1.")


@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_regressor_gives_the_same_values(activation):
    network = MLPRegressor(
        hidden_layer_sizes=(6,), activation=activation, max_iter=4, random_state=1
    )
    regressor = fit(make_pipeline(StandardScaler(), network), VALUES)
    model = from_sklearn(regressor, input_range=(-10, 20), input_unit="cm")
    np.testing.assert_allclose(evaluate(model.graph, INPUTS), regressor.predict(INPUTS), atol=1e-12)
    assert model.graph.input.declared_range == (-10.0, 20.0)
    assert model.metadata.labels is None
    kinds = [node.op.kind for node in model.graph.nodes]
    middle = ["clamp"] if activation == "relu" else []
    assert kinds == ["affine", "linear", *middle, "linear"]


def test_the_digest_follows_the_weights():
    first = from_sklearn(fit(classifier(), CLASSES)).metadata.source_sha256
    assert first == from_sklearn(fit(classifier(), CLASSES)).metadata.source_sha256
    assert first != from_sklearn(fit(classifier(alpha=0.5), CLASSES)).metadata.source_sha256


def test_metadata_is_checked():
    network = fit(classifier(), CLASSES)
    assert from_sklearn(network, labels="abc").metadata.labels == ("a", "b", "c")
    with pytest.raises(CalibrationError, match="outside the declared input range"):
        from_sklearn(network, calibration=INPUTS, input_range=(0, 1))


def broken() -> MLPClassifier:
    network = fit(classifier(), CLASSES)
    network.coefs_[1][0, 0] = np.nan
    return network


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: classifier(), UnsupportedModelError, "MLPClassifier is not fitted; call fit()"),
        (
            lambda: fit(classifier(activation="tanh"), CLASSES),
            UnsupportedOperatorError,
            "activation 'tanh'",
        ),
        (
            lambda: fit(classifier(), np.stack([CLASSES > 0, CLASSES > 1], axis=1)),
            UnsupportedModelError,
            "multi-label",
        ),
        (lambda: fit(LogisticRegression(), CLASSES), UnsupportedModelError, "LogisticRegression"),
        (
            lambda: fit(make_pipeline(Normalizer(), classifier()), CLASSES),
            UnsupportedModelError,
            "the pipeline step Normalizer",
        ),
        (
            lambda: fit(MLPRegressor(loss="poisson", max_iter=2), VALUES**2),
            UnsupportedOperatorError,
            "train it with the squared error",
        ),
        (broken, InvalidModelError, "coefs_[1] has 1 NaN value;"),
    ],
)
def test_an_estimator_that_cannot_be_exported_is_refused_in_one_line(build, error, message):
    with pytest.raises(error) as caught:
        from_sklearn(build())
    assert isinstance(caught.value, PyexportError)
    assert message in str(caught.value)
    assert str(caught.value).isprintable()
