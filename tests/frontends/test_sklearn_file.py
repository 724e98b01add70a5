"""A pickle of scikit-learn is loaded only where its user trusts it: then it is the live model."""

import pickle
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler

from pyexport.errors import FileFormatError, UnsupportedModelError
from pyexport.frontends import load_model
from pyexport.reference import forward
from tests.cli.command import pyexport

INPUTS, CLASSES = load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return make_pipeline(MinMaxScaler(), LogisticRegression()).fit(INPUTS, CLASSES)


class Canary:
    """Makes a file when it is unpickled, under cover of a scikit-learn class beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


WRITERS = {
    "pickle": lambda model, path: path.write_bytes(pickle.dumps(model)),
    "joblib": joblib.dump,
    "zlib": lambda model, path: joblib.dump(model, path, compress=3),
    "gzip": lambda model, path: joblib.dump(model, path, compress=("gzip", 3)),
    "bz2": lambda model, path: joblib.dump(model, path, compress=("bz2", 3)),
    "lzma": lambda model, path: joblib.dump(model, path, compress=("lzma", 3)),
    "xz": lambda model, path: joblib.dump(model, path, compress=("xz", 3)),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_gives_the_live_model_with_trust_and_is_refused_without(pipeline, writer, tmp_path):
    path = tmp_path / "model.bin"
    WRITERS[writer](pipeline, path)
    model = load_model(path, trust=True)
    expected = pipeline.predict_proba(INPUTS)
    np.testing.assert_allclose(forward(model.graph, INPUTS), expected, atol=1e-12, rtol=0)
    assert model.metadata.source_name == "model.bin"
    assert model.metadata.labels == ("0", "1", "2")
    (ran,) = model.metadata.warnings
    assert ran == f"--trust ran the code in {path.name}, with your rights"
    with pytest.raises(FileFormatError, match=r"nothing of it was run; .*--trust") as caught:
        load_model(path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("writer", WRITERS)
def test_nothing_runs_without_trust(pipeline, writer, tmp_path):
    path, canary = tmp_path / "model.bin", tmp_path / "canary"
    WRITERS[writer]([pipeline, Canary(canary)], path)
    with pytest.raises(FileFormatError):
        load_model(path)
    assert not canary.exists()
    with pytest.raises(UnsupportedModelError, match=r"model\.bin: list is not supported"):
        load_model(path, trust=True)
    assert canary.exists()


def test_a_file_that_cannot_be_loaded_is_refused_in_one_line(pipeline, tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(pipeline)[:-40])
    with pytest.raises(FileFormatError, match=r"model\.pkl: loading it failed \(") as caught:
        load_model(path, trust=True)
    assert str(caught.value).isprintable()


def test_another_version_is_told(pipeline, tmp_path):
    path = tmp_path / "model.pkl"
    state = pickle.dumps(pipeline[-1])
    version = pickle.loads(state).__getstate__()["_sklearn_version"].encode()
    assert state.count(version) == 1
    path.write_bytes(state.replace(version, b"0" * len(version)))
    _, warning = load_model(path, trust=True).metadata.warnings
    assert "unpickle estimator LogisticRegression from version 0" in warning
    assert warning.isprintable()


def test_the_command_takes_trust(pipeline, tmp_path):
    path = tmp_path / "iris.joblib"
    joblib.dump(pipeline, path)
    refused = pyexport("export", path, "--output", tmp_path / "out")
    assert (refused.status, refused.out) == (2, "")
    assert "pass --trust to run it" in refused.err
    arguments = ("--input-range", "0:8", "--output", tmp_path / "out")
    assert pyexport("export", path, "--trust", *arguments).status == 0
    header = (tmp_path / "out" / "iris.h").read_text()
    assert "raw value, before MinMaxScaler" in header
