"""from_sklearn gives the function that scikit-learn computes, with its scalers."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
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
from pyexport.frontends.sklearn_estimators import from_sklearn
from pyexport.pipeline import ExportOptions, export_model
from pyexport.reference import forward
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
        (PCA(3),),
        (StandardScaler(), PCA(3, whiten=True), MinMaxScaler()),
        (make_pipeline(StandardScaler(), PCA(2)), StandardScaler()),
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


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize(("targets", "names"), [(CLASSES, "012"), (BINARY, ("no", "yes"))])
def test_a_logistic_regression_gives_the_same_probabilities(targets, names, intercept):
    model = fit(LogisticRegression(fit_intercept=intercept), targets)
    read = from_sklearn(model)
    np.testing.assert_allclose(
        evaluate(read.graph, INPUTS), model.predict_proba(INPUTS), atol=1e-12, rtol=0
    )
    assert read.metadata.labels == tuple(names)
    assert read.metadata.input_unit is None


@pytest.mark.parametrize("targets", [VALUES, VALUES[:, 0]])
@pytest.mark.parametrize("before", [(), (StandardScaler(), PCA(3))])
def test_a_linear_regression_gives_the_same_values(targets, before):
    model = fit(make_pipeline(*before, LinearRegression()), targets)
    read = from_sklearn(model)
    expected = model.predict(INPUTS).reshape(len(INPUTS), -1)
    np.testing.assert_allclose(evaluate(read.graph, INPUTS), expected, atol=1e-12)
    assert [node.op.kind for node in read.graph.nodes] == ["linear"]


@pytest.mark.parametrize("load", [load_digits, load_iris, load_wine])
@pytest.mark.parametrize(
    "last", [LogisticRegression(), MLPClassifier((16,), max_iter=60, random_state=1)]
)
@pytest.mark.parametrize("before", [(StandardScaler(),), (MinMaxScaler(), PCA(0.95))])
def test_a_pipeline_takes_the_raw_values_of_a_real_data_set(load, last, before):
    inputs, targets = load(return_X_y=True)
    train, test, train_classes, classes = train_test_split(inputs, targets, random_state=0)
    pipeline = make_pipeline(*before, last)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        pipeline.fit(train, train_classes)
    limits = (float(inputs.min()), float(inputs.max()))
    model = from_sklearn(
        pipeline, input_range=limits, calibration=train, evaluation=(test, classes)
    )
    assert model.metadata.input_unit == f"raw value, before {type(before[0]).__name__}"
    np.testing.assert_allclose(
        forward(model.graph, test), pipeline.predict_proba(test), atol=1e-12, rtol=0
    )
    uneven = bool(model.metadata.warnings)
    nearly_constant = load is load_digits and isinstance(before[0], StandardScaler)
    assert uneven == (load is load_wine or nearly_constant)
    if uneven:
        expected = "StandardScaler magnifies" if nearly_constant else "input columns differ"
        assert expected in model.metadata.warnings[0]
    exported = export_model(model, ExportOptions("m", scheme="float32" if uneven else "int8"))
    assert "raw value, before" in exported.header
    assert exported.artifact.graph.nodes[0].op.kind.endswith("linear")
    accuracy = exported.artifact.accuracy
    assert accuracy is not None
    assert accuracy.float_correct == (pipeline.predict(test) == classes).sum()
    allowed = max(1, accuracy.rows // 200)  # half a point; iris and wine have under 50 rows
    assert abs(accuracy.exported_correct - accuracy.float_correct) <= allowed


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
    assert kinds == ["linear", *middle, "linear"]


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
        (lambda: LogisticRegression(), UnsupportedModelError, "LogisticRegression is not fitted"),
        (lambda: fit(Ridge(), VALUES), UnsupportedModelError, "Ridge is not supported"),
        (
            lambda: fit(LogisticRegression(), CLASSES).sparsify(),
            UnsupportedModelError,
            "coef_ is sparse; call densify() first",
        ),
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
