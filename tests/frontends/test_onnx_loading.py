"""ONNX files go through the door of all models: statements, sidecar, external data, identity."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from pyexport.errors import (
    FileFormatError,
    PyexportError,
    UnsupportedModelError,
    UsageError,
)
from pyexport.frontends import load_model
from pyexport.frontends.contents import read_contents
from pyexport.reference import forward
from tests.frontends.onnx_files import model, node

WEIGHTS = {
    "fc1.weight": np.arange(24, dtype=np.float32).reshape(6, 4) / 24,
    "fc1.bias": np.ones(6, np.float32),
    "fc2.weight": np.arange(18, dtype=np.float32).reshape(3, 6) / 18,
}
NODES = [
    node("Gemm", "x", "fc1.weight", "fc1.bias", out="h", transB=1),
    node("Relu", "h", out="r"),
    node("Gemm", "r", "fc2.weight", transB=1),
]
STATED = (
    '{"format": "pyexport/1", "input": {"range": [0, 16], "unit": "pixel"}, '
    '"labels": ["a", "b", "c"]}'
)


def made() -> onnx.ModelProto:
    return model(NODES, ("n", 4), WEIGHTS)


def written(folder: Path, **options: object) -> Path:
    path = folder / "net.onnx"
    onnx.save(made(), path, **options)
    return path


def test_a_file_is_known_by_content_and_read(tmp_path: Path) -> None:
    path = written(tmp_path).rename(tmp_path / "net.pt")
    read = load_model(path)
    rows = np.eye(4)
    hidden = np.maximum(rows @ WEIGHTS["fc1.weight"].T + WEIGHTS["fc1.bias"], 0)
    assert np.allclose(forward(read.graph, rows), hidden @ WEIGHTS["fc2.weight"].T)
    assert read.metadata.producer == "test"
    assert read.metadata.source_name == "net.pt"
    assert read.metadata.source_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_the_file_states_is_used(tmp_path: Path) -> None:
    stated = made()
    stated.metadata_props.add(key="author", value="somebody")
    stated.metadata_props.add(key="pyexport", value=STATED)
    path = tmp_path / "net.onnx"
    onnx.save(stated, path)
    (tmp_path / "net.toml").write_text('labels = ["x", "y", "z"]')
    read = load_model(path)
    assert read.metadata.labels == ("a", "b", "c")
    assert any("net.toml is not used" in warning for warning in read.metadata.warnings)
    assert read.graph.input.declared_range == (0.0, 16.0)


@pytest.mark.parametrize(
    ("text", "problem"),
    [("{", "metadata pyexport: not valid JSON"), ('{"format": "x/9"}', "has format x/9")],
)
def test_a_wrong_statement_is_refused_by_its_place(tmp_path: Path, text: str, problem: str) -> None:
    stated = made()
    stated.metadata_props.add(key="pyexport", value=text)
    onnx.save(stated, tmp_path / "net.onnx")
    with pytest.raises(FileFormatError, match=problem):
        load_model(tmp_path / "net.onnx")


def test_a_file_without_statements_takes_model_toml(tmp_path: Path) -> None:
    path = written(tmp_path)
    (tmp_path / "net.toml").write_text('labels = ["x", "y", "z"]\n[input]\nrange = [-1, 1]\n')
    read = load_model(path)
    assert read.metadata.labels == ("x", "y", "z")
    assert read.graph.input.declared_range == (-1.0, 1.0)


def test_external_data_give_the_same_model_and_count_for_its_hash(tmp_path: Path) -> None:
    inside = load_model(written(tmp_path))
    folder = tmp_path / "apart"
    folder.mkdir()
    path = written(folder, save_as_external_data=True, location="net.data", size_threshold=0)
    outside = load_model(path)
    for a, b in zip(inside.graph.nodes, outside.graph.nodes, strict=True):
        if hasattr(a.op, "weight"):
            assert np.array_equal(a.op.weight, b.op.weight)
    data = folder / "net.data"
    both = hashlib.sha256(path.read_bytes() + data.read_bytes()).hexdigest()
    assert outside.metadata.source_sha256 == both
    data.unlink()
    with pytest.raises(FileFormatError, match=r"net\.data: the file does not exist"):
        load_model(path)


def test_layers_beside_a_file_that_has_them_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds its layers itself"):
        load_model(written(tmp_path), arch="4-6r-3")


@pytest.mark.parametrize("size", range(0, 400, 7))
def test_a_file_cut_short_is_refused_in_one_line(tmp_path: Path, size: int) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(FileFormatError) as error:
        load_model(path)
    assert "\n" not in str(error.value)


def test_reading_imports_no_framework(tmp_path: Path) -> None:
    path = written(tmp_path)
    script = (
        "import sys; from pyexport.frontends import load_model; load_model(sys.argv[1]);"
        "print([m for m in ('torch', 'onnx', 'onnxruntime', 'google') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_inspect_says_every_reason_and_goes_on(tmp_path: Path) -> None:
    nodes = [
        node("Sin", "x", out="a"),
        node("Gemm", "a", "fc1.weight", out="b", transB=1),
        node("Cos", "b", out="c"),
        node("Gemm", "x", "fc2.weight", out="d", transB=1),
        node("Relu", "c"),
    ]
    onnx.save(model(nodes, ("n", 4), WEIGHTS), tmp_path / "net.onnx")
    contents = read_contents(tmp_path / "net.onnx")
    assert contents.title == "ONNX model" and contents.producer == "test, opset 20"
    assert [part.what for part in contents.operators] == ["Sin", "Gemm", "Cos", "Gemm", "Relu"]
    first = contents.tensors[0]
    assert (first.name, first.what, first.shape) == ("fc1.weight", "float32", (6, 4))
    assert contents.parameters == 48
    sin, cos, gemm = contents.refusals
    assert sin.startswith("Sin at node the_Sin is not supported")
    assert cos.startswith("Cos at node the_Cos is not supported")
    assert "fc2.weight" not in gemm and "takes 6 values" in gemm


def test_inspect_says_what_an_export_says(tmp_path: Path) -> None:
    for opset, nodes in ((11, [node("Relu", "x")]), (20, [node("Relu", "x", out="z")])):
        path = tmp_path / "net.onnx"
        onnx.save(model(nodes, opset=opset), path)
        with pytest.raises(PyexportError) as error:
            load_model(path)
        contents = read_contents(path)
        assert [f"{path}: {reason}" for reason in contents.refusals] == [str(error.value)]


def test_nothing_can_be_stated_about_several_inputs(tmp_path: Path) -> None:
    two = model([node("Add", "x", "z")], inputs={"x": (1, 4), "z": (1, 4)})
    onnx.save(two, tmp_path / "net.onnx")
    assert len(load_model(tmp_path / "net.onnx").graph.inputs) == 2
    two.metadata_props.add(key="pyexport", value=STATED)
    onnx.save(two, tmp_path / "net.onnx")
    with pytest.raises(UnsupportedModelError, match="several inputs or outputs"):
        load_model(tmp_path / "net.onnx")
