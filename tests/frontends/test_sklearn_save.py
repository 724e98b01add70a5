"""pyexport.save writes a scikit-learn model as a file that is read without scikit-learn."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import pyexport
from pyexport.errors import PyexportError, UsageError
from pyexport.reference import forward
from pyexport.scratch import load as scratch_load
from pyexport.tensorfile import RawTensor, read_tensorfile, write_tensorfile

INPUTS, CLASSES = load_digits(return_X_y=True)
INPUTS, CLASSES = INPUTS[:300], CLASSES[:300]


@pytest.mark.parametrize(
    ("estimator", "targets"),
    [
        (LogisticRegression(max_iter=500), CLASSES),
        (LogisticRegression(max_iter=500), CLASSES > 4),
        (MLPClassifier((8,), max_iter=500, random_state=0, tol=0.01), CLASSES),
        (MLPClassifier((8,), "tanh", max_iter=500, random_state=0, tol=0.01), CLASSES),
        (MLPClassifier((8,), "logistic", max_iter=500, random_state=0, tol=0.01), CLASSES),
        (make_pipeline(MinMaxScaler(), PCA(9), LogisticRegression()), CLASSES),
        (make_pipeline(MinMaxScaler(clip=True), LogisticRegression(max_iter=500)), CLASSES),
        (make_pipeline(MinMaxScaler(clip=True), PCA(9), LogisticRegression()), CLASSES > 4),
        (LinearRegression(), CLASSES),
    ],
)
def test_the_file_is_the_live_model(estimator, targets, tmp_path):
    estimator.fit(INPUTS, targets)
    stated = {
        "input_range": (0, 16),
        "input_unit": "pixel",
        "calibration": INPUTS[:100],
        "evaluation": (
            INPUTS,
            np.asarray(targets, int) if hasattr(estimator, "classes_") else [0] * 300,
        ),
    }
    path = tmp_path / "model.px1"
    pyexport.save(estimator, INPUTS[:1], path, **stated)
    again = pyexport.load(path)
    live = pyexport.from_sklearn(estimator, **stated)
    assert np.array_equal(forward(again.graph, INPUTS), forward(live.graph, INPUTS))
    assert again.metadata.labels == live.metadata.labels
    assert again.metadata.input_unit == "pixel"
    assert again.metadata.producer == live.metadata.producer
    assert pyexport.quantize(again).identity == pyexport.quantize(live).identity


def test_the_same_network_has_the_same_identity_through_every_door(tmp_path):
    net = torch.nn.Sequential(torch.nn.Linear(64, 8), torch.nn.ReLU(), torch.nn.Linear(8, 10))
    network = MLPRegressor(hidden_layer_sizes=(8,)).partial_fit(INPUTS, np.eye(10)[CLASSES])
    layers = (net[0], net[2])
    network.coefs_ = [layer.weight.detach().numpy().T for layer in layers]
    network.intercepts_ = [layer.bias.detach().numpy() for layer in layers]
    stated = {"input_range": (0, 16), "calibration": INPUTS[:100]}
    path = tmp_path / "model.px1"
    pyexport.save(network, None, path, **stated)
    models = [
        pyexport.from_torch(net, torch.zeros(1, 64), **stated),
        pyexport.from_sklearn(network, **stated),
        pyexport.load(path),
    ]
    assert len({pyexport.quantize(model).identity for model in models}) == 1


def test_the_file_is_read_without_scikit_learn(tmp_path):
    path = tmp_path / "model.px1"
    pyexport.save(LogisticRegression(max_iter=500).fit(INPUTS, CLASSES), None, path)
    code = f"import sys, pyexport; pyexport.load({str(path)!r}); print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_model_that_needs_calibration_rows_is_saved_without_with_a_warning(tmp_path):
    inputs, classes = load_wine(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(inputs, classes)
    with pytest.warns(UserWarning, match="times more than others"):
        pyexport.save(model, None, tmp_path / "wine")
    pyexport.save(model, None, tmp_path / "calibrated", calibration=inputs)
    artifact = pyexport.quantize(pyexport.load(tmp_path / "calibrated"))
    classes_of_bytes = pyexport.simulate(artifact, inputs).argmax(axis=1)
    assert (classes_of_bytes == model.predict(inputs)).all()


@pytest.mark.parametrize(
    ("before", "example", "error", "message"),
    [
        ((), INPUTS[:1, :5], UsageError, r"the example has the shape \(1, 5\), the model takes 64"),
    ],
)
def test_what_cannot_be_saved_is_refused(before, example, error, message, tmp_path):
    model = make_pipeline(*before, LogisticRegression(max_iter=500)).fit(INPUTS, CLASSES)
    with pytest.raises(error, match=message):
        pyexport.save(model, example, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_a_scaler_that_clips_travels_exactly(tmp_path):
    inputs, classes = load_wine(return_X_y=True)
    model = make_pipeline(MinMaxScaler(clip=True), LogisticRegression()).fit(inputs, classes)
    path = tmp_path / "wine.px1"
    pyexport.save(model, None, path, calibration=inputs)
    nodes = pyexport.load(path).graph.nodes
    assert [node.op.kind for node in nodes] == ["affine", "clamp", "linear", "softmax"]
    assert (nodes[0].op.scale == model[0].scale_).all()
    assert (nodes[0].op.shift == model[0].min_).all()
    artifact = pyexport.quantize(pyexport.load(path))
    got = pyexport.simulate(artifact, inputs).argmax(axis=1)
    assert (got == model.predict(inputs)).all()
    with pytest.raises(UsageError, match="a layer of kind affine, which no engine trains"):
        scratch_load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": 12}, "after 12 values"),
        ({"columns": 0}, "columns is no size"),
        ({"columns": True}, "columns is not a number"),
        ({"low": 2.0}, "its low is above its high"),
        ({"low": None}, "low is not a number"),
    ],
)
def test_a_damaged_scaler_is_refused_in_one_line(change, message, tmp_path):
    inputs, classes = load_wine(return_X_y=True)
    model = make_pipeline(MinMaxScaler(clip=True), LogisticRegression()).fit(inputs, classes)
    path = tmp_path / "wine.px1"
    pyexport.save(model, None, path, calibration=inputs)
    metadata, tensors = read_tensorfile(path.read_bytes(), "wine")
    document = json.loads(metadata["pyexport.scratch"])
    for layer in document["graph"][:2]:
        layer.update({key: value for key, value in change.items() if key in layer})
    if change == {"columns": 12}:
        for name in ("0.scale", "0.shift"):
            tensors[name] = RawTensor("F64", (12,), tensors[name].data[: 8 * 12])
    path.write_bytes(write_tensorfile({"pyexport.scratch": json.dumps(document)}, tensors))
    with pytest.raises(PyexportError, match=message) as caught:
        pyexport.load(path)
    assert str(caught.value).isprintable()
