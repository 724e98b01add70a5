"""from_sklearn gives the function that scikit-learn computes, with its scalers."""

import re
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

import pyexport
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
        (make_pipeline(make_pipeline("passthrough", StandardScaler()), PCA(2)), "passthrough"),
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


def test_a_pipeline_may_end_in_a_pipeline():
    pipeline = fit(make_pipeline(StandardScaler(), make_pipeline(PCA(3), classifier())), CLASSES)
    model = from_sklearn(pipeline)
    expected = pipeline.predict_proba(INPUTS)
    np.testing.assert_allclose(evaluate(model.graph, INPUTS), expected, atol=1e-12)
    assert model.metadata.input_unit == "raw value, before StandardScaler"


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


@pytest.mark.parametrize("activation", ["tanh", "logistic"])
def test_a_curve_between_the_layers_becomes_a_table(activation):
    pipeline = fit(make_pipeline(StandardScaler(), classifier(activation=activation)), CLASSES)
    model = from_sklearn(pipeline, calibration=INPUTS)
    expected = pipeline.predict_proba(INPUTS)
    np.testing.assert_allclose(evaluate(model.graph, INPUTS), expected, atol=1e-12)
    exported = export_model(model, ExportOptions("m"))
    assert [step.kernel for step in exported.program.steps].count("table_u8") == 2
    got = pyexport.simulate(exported.artifact, INPUTS)
    assert np.abs(got / 256 - expected).max() < 0.03
    with pytest.raises(UnsupportedOperatorError, match="float32 has no kernel for"):
        export_model(model, ExportOptions("m", scheme="float32"))


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
    assert model.metadata.warnings == ()
    assert model.metadata.input_unit == f"raw value, before {type(before[0]).__name__}"
    np.testing.assert_allclose(
        forward(model.graph, test), pipeline.predict_proba(test), atol=1e-12, rtol=0
    )
    exported = export_model(model, ExportOptions("m"))
    assert "raw value, before" in exported.header
    quant = exported.artifact.graph.input.quant
    assert quant is not None
    if load is load_wine:
        assert quant.steps[:5] == (0.01, 0.01, 0.01, 0.1, 1.0)  # alcohol ... magnesium
    elif load is load_digits:
        assert (quant.dtype, quant.scale) == ("u8", 1.0)
    accuracy = exported.artifact.accuracy
    assert accuracy is not None
    assert accuracy.float_correct == (pipeline.predict(test) == classes).sum()
    allowed = accuracy.rows // 200  # half a point; iris and wine have under 50 rows
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


def test_columns_that_differ_widely_ask_for_calibration_rows():
    inputs, targets = load_wine(return_X_y=True)
    for scaler in (StandardScaler(), MinMaxScaler()):
        pipeline = make_pipeline(scaler, LogisticRegression()).fit(inputs, targets)
        (warning,) = from_sklearn(pipeline).metadata.warnings
        assert "times more than others" in warning
        assert "pass calibration=rows" in warning
        assert from_sklearn(pipeline, calibration=inputs).metadata.warnings == ()
    even = make_pipeline(StandardScaler(), LogisticRegression()).fit(INPUTS, CLASSES)
    assert from_sklearn(even).metadata.warnings == ()


def test_columns_of_a_data_frame_have_their_names():
    wine = load_wine()
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(wine.data, wine.target)
    pipeline[0].feature_names_in_ = np.array(wine.feature_names, object)  # what a frame leaves
    model = from_sklearn(pipeline, calibration=wine.data)
    columns = model.metadata.statements.input_columns
    assert columns is not None
    assert columns[:2] == ("alcohol", "malic_acid")
    header = export_model(model, ExportOptions("m")).header
    assert re.search(r"\n \* +12  proline +step 1, \d+ to \d+\n", header)


def test_a_scaler_that_clips_is_exported_in_both_schemes():
    inputs, targets = load_wine(return_X_y=True)
    clipped = inputs[::2]
    pipeline = make_pipeline(MinMaxScaler(clip=True), LogisticRegression())
    pipeline.fit(clipped, targets[::2])
    model = from_sklearn(pipeline, calibration=clipped, evaluation=(inputs, targets))
    beyond = inputs * 1.7
    np.testing.assert_allclose(
        forward(model.graph, beyond), pipeline.predict_proba(beyond), atol=1e-12, rtol=0
    )
    for scheme in ("int8", "float32"):
        exported = export_model(model, ExportOptions("m", scheme=scheme))
        got = pyexport.simulate(exported.artifact, beyond)
        disagreeing = (got.argmax(axis=1) != pipeline.predict(beyond)).sum()
        assert disagreeing == 0, scheme
        assert "affine + clamp 0..1" in exported.header
