"""pyexport.save writes one archive that torch and the reader agree on, whole or not at all."""

import json
import warnings
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

from pyexport.errors import (
    CalibrationError,
    FileFormatError,
    InvalidModelError,
    OutputError,
    PyexportError,
    UnsupportedModelError,
    UnsupportedOperatorError,
    UsageError,
)
from pyexport.frontends import load_model
from pyexport.frontends.torch_save import from_torch, save
from tests.frontends.models import Wrapped, evaluate, mlp, rezip, seeded, tiny

EXAMPLE = torch.zeros(1, 3)
EXTRA = "extra/pyexport.json"


def test_what_was_stated_is_read_back(tmp_path):
    path = tmp_path / "model.pt"
    calibration = np.linspace(-1, 4, 30).reshape(10, 3)
    targets = torch.tensor([0, 1, 1, 0])
    save(
        tiny(),
        EXAMPLE,
        path,
        input_range=(-1, 4),
        input_unit="volt",
        calibration=torch.tensor(calibration),
        evaluation=(torch.arange(12.0).reshape(4, 3) / 4, targets),
        labels=["off", "on"],
    )
    model = load_model(path)
    metadata = model.metadata
    assert model.graph.input.declared_range == metadata.input_range == (-1.0, 4.0)
    assert metadata.input_unit == "volt"
    assert metadata.labels == ("off", "on")
    assert metadata.calibration is not None
    np.testing.assert_array_equal(metadata.calibration.inputs, calibration)
    assert metadata.evaluation is not None
    np.testing.assert_array_equal(metadata.evaluation.inputs[3], [2.25, 2.5, 2.75])
    np.testing.assert_array_equal(metadata.evaluation.targets, targets.numpy())


def test_samples_take_the_narrowest_exact_dtype(tmp_path):
    path = tmp_path / "model.pt"
    save(
        tiny(), EXAMPLE, path,
        calibration=np.array([[0.0, 16.0, 3.0]]), evaluation=([[0.5, 0, 0]], [1]),
    )  # fmt: skip
    document = json.loads(zipfile.ZipFile(path).read(f"model/{EXTRA}"))
    assert document["calibration"]["inputs"] == {"dtype": "U8", "shape": [1, 3], "data": "ABAD"}
    assert document["evaluation"]["inputs"]["dtype"] == "F32"
    assert list(document) == ["calibration", "evaluation", "format", "producer"]


def test_saving_twice_gives_the_same_bytes_under_any_name(tmp_path):
    save(mlp(), torch.zeros(1, 64), tmp_path / "a.pt", input_range=(0, 16))
    save(mlp(), torch.zeros(1, 64), tmp_path / "b.bin", input_range=(0, 16))
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.bin").read_bytes()


def test_the_file_holds_no_path_of_the_author(tmp_path):
    save(tiny(), EXAMPLE, tmp_path / "a.pt")
    content = (tmp_path / "a.pt").read_bytes()
    assert b"stack_trace" not in content
    assert b".py" not in content


def test_torch_reads_the_file(tmp_path):
    module = mlp()
    save(module, torch.zeros(1, 64), tmp_path / "a.pt2", labels=range(10))
    loaded = torch.export.load(tmp_path / "a.pt2").module()
    inputs = torch.randn(1, 64, generator=torch.Generator().manual_seed(1))
    assert torch.equal(loaded(inputs), module(inputs))


def test_the_model_is_saved_in_evaluation_mode_and_left_in_its_own(tmp_path):
    module = seeded(lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5)))
    module.train()
    module[1].eval()
    save(module, EXAMPLE, tmp_path / "a.pt")
    assert [m.training for m in module.modules()] == [True, True, False, True]
    assert load_model(tmp_path / "a.pt").metadata.warnings == ()


def test_another_suffix_does_not_warn(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save(tiny(), (EXAMPLE,), tmp_path / "model.anything")


def test_a_live_module_is_read_like_its_file(tmp_path):
    module = tiny()
    options = {"input_range": (0, 1), "labels": ["a", "b"]}
    save(module, EXAMPLE, tmp_path / "a.pt", **options)
    stored, live = load_model(tmp_path / "a.pt"), from_torch(module, EXAMPLE, **options)
    assert live.metadata.source_name == "Sequential"
    assert live.metadata.source_sha256 == stored.metadata.source_sha256
    inputs = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_array_equal(evaluate(live.graph, inputs), evaluate(stored.graph, inputs))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"input_range": (1, 1)}, InvalidModelError, "low < high"),
        ({"input_range": (0, float("inf"))}, InvalidModelError, "finite"),
        ({"input_range": 16}, InvalidModelError, "two finite numbers"),
        ({"input_range": (0, 1, 2)}, InvalidModelError, "two finite numbers"),
        ({"input_unit": "m" * 101}, InvalidModelError, "unit"),
        ({"labels": ["a"]}, InvalidModelError, "1 labels for 2 outputs"),
        ({"labels": ["a", ""]}, InvalidModelError, "a text of 1 to 100 characters"),
        (
            {"calibration": np.zeros((5, 4))},
            CalibrationError,
            "shape (5, 4); the model takes (n, 3)",
        ),
        ({"calibration": np.zeros((0, 3))}, CalibrationError, "no rows"),
        ({"calibration": [["a", "b", "c"]]}, CalibrationError, "not numbers"),
        ({"calibration": [[1, 2, 3], [1]]}, CalibrationError, "different lengths"),
        ({"calibration": [[1, float("nan"), 3]]}, CalibrationError, "1 NaN or infinite value"),
        (
            {"calibration": [[1, 2, 17]], "input_range": (0, 16)},
            CalibrationError,
            "reach from 1 to 17, outside the declared input range 0 to 16",
        ),
        ({"evaluation": ([[1, 2, 3]], [2])}, CalibrationError, "have class 2"),
        ({"evaluation": ([[1, 2, 3]], [0, 1])}, CalibrationError, "targets of shape (2,)"),
        ({"evaluation": ([[1, 2, 3]], [0.5])}, CalibrationError, "class numbers"),
        ({"evaluation": ([[1, 2, 3]], ["cat"])}, CalibrationError, "class numbers"),
        ({"evaluation": [[1, 2, 3]]}, CalibrationError, "pair (inputs, targets)"),
    ],
)
def test_a_wrong_statement_is_refused_and_nothing_is_written(tmp_path, options, error, message):
    path = tmp_path / "model.pt"
    with pytest.raises(error) as caught:
        save(tiny(), EXAMPLE, path, **options)
    assert message in str(caught.value)
    assert str(caught.value).isprintable()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("module", "example", "error", "message"),
    [
        (nn.Sequential(nn.Linear(3, 2), nn.GLU()), EXAMPLE, UnsupportedOperatorError, "aten.glu"),
        (
            Wrapped({}, lambda m, x: x if x.sum() > 0 else -x),
            EXAMPLE,
            UnsupportedModelError,
            "branches or loops on the values",
        ),
        (nn.Linear(4, 2), EXAMPLE, UnsupportedModelError, "cannot trace the model"),
        (nn.Linear(3, 2), np.zeros((1, 3)), UsageError, "must be a tensor"),
        (nn.Linear(3, 2), (), UsageError, "must be a tensor"),
        ("model", EXAMPLE, UsageError, "not a torch.nn.Module"),
    ],
)
def test_an_unusable_model_is_refused_and_an_older_file_stays(
    tmp_path, module, example, error, message
):
    path = tmp_path / "model.pt"
    path.write_bytes(b"older")
    with pytest.raises(error) as caught:
        save(module, example, path)
    assert message in str(caught.value)
    assert str(caught.value).isprintable()
    assert [p.name for p in tmp_path.iterdir()] == ["model.pt"]
    assert path.read_bytes() == b"older"


@pytest.mark.parametrize("name", ["missing/model.pt", "."])
def test_a_place_that_cannot_be_written_is_one_line(tmp_path, name):
    with pytest.raises(OutputError) as caught:
        save(tiny(), EXAMPLE, tmp_path / name)
    assert str(caught.value).isprintable()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "pyexport/2"}, "this version reads pyexport/1"),
        ({"format": None}, "is not a text"),
        ({"input": {"range": [1, 0]}}, "low < high"),
        ({"input": {"range": [0]}}, "two finite numbers"),
        ({"input": {"range": [0, 1e-320]}}, "two finite numbers"),
        ({"input": {"range": [-1e308, 1e308]}}, "two finite numbers"),
        ({"input": {"range": [0, "x"]}}, "input.range must be two finite numbers"),
        ({"input": []}, "not an object"),
        ({"input": {"unit": 3}}, "input.unit must be a text of 1 to 100 characters, not 3"),
        ({"labels": ["a", "b", "c"]}, "3 labels for 2 outputs"),
        ({"labels": [1, 2]}, "labels must be a list whose items are each a text"),
        ({"calibration": {}}, "lacks 'inputs'"),
        ({"calibration": {"inputs": {"dtype": "O", "shape": [1], "data": ""}}}, "one of U8"),
        ({"calibration": {"inputs": {"dtype": "U8", "shape": [9], "data": "AA=="}}}, "9 bytes"),
        ({"calibration": {"inputs": {"dtype": "U8", "shape": [0, 3], "data": ""}}}, "0 bytes"),
        ({"calibration": {"inputs": {"dtype": "U8", "shape": [-1], "data": ""}}}, "0 or more"),
        ({"calibration": {"inputs": {"dtype": "U8", "shape": [1], "data": "!"}}}, "base64"),
        ({"calibration": {"inputs": {"dtype": "U8", "shape": [1, 1], "data": "AA=="}}}, "(n, 3)"),
    ],
)
def test_wrong_statements_in_a_file_are_refused(tmp_path, change, message):
    path = tmp_path / "model.pt"
    save(tiny(), EXAMPLE, path, input_range=(0, 1))

    def edit(name: str, content: bytes) -> bytes:
        return json.dumps(json.loads(content) | change).encode() if name == EXTRA else content

    path.write_bytes(rezip(path.read_bytes(), edit))
    with pytest.raises(PyexportError) as caught:
        load_model(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).isprintable()


def test_statements_that_are_not_json_are_refused(tmp_path):
    path = tmp_path / "model.pt"
    save(tiny(), EXAMPLE, path)
    path.write_bytes(rezip(path.read_bytes(), lambda n, c: b'{"a' if n == EXTRA else c))
    with pytest.raises(FileFormatError, match="not valid JSON"):
        load_model(path)
