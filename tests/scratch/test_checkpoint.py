"""Checkpoints are exact and canonical, and a damaged or hostile one is refused in one line."""

import json
import math
import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyexport.errors import FileFormatError, InvalidModelError, PyexportError, UsageError
from pyexport.scratch.checkpoint import (
    KEY,
    LayerRecord,
    Rows,
)
from pyexport.scratch.checkpoint_reader import parse_checkpoint, read_checkpoint
from pyexport.scratch.checkpoint_writer import save_checkpoint, write_checkpoint
from pyexport.tensorfile import RawTensor, read_tensorfile, write_tensorfile
from tests.scratch.checkpoints import linear, small


def parts() -> tuple[dict, dict[str, RawTensor]]:
    metadata, tensors = read_tensorfile(write_checkpoint(small()), "f")
    return json.loads(metadata[KEY]), tensors


def joined(document: object, tensors: dict[str, RawTensor]) -> bytes:
    return write_tensorfile({KEY: json.dumps(document)}, tensors)


def without_targets(rows: Rows | None) -> Rows:
    assert rows is not None
    return Rows(rows.inputs)


def test_everything_comes_back(tmp_path):
    save_checkpoint(small(), tmp_path / "model.pt")
    assert read_checkpoint(tmp_path / "model.pt") == small()
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]


def test_numbers_that_float32_cannot_hold_are_exact():
    odd = [0.1, -0.0, 5e-324, 1.7976931348623157e308, 1 / 3, -math.pi]
    record = LayerRecord("linear", {"inputs": 6, "outputs": 1}, [odd], [1e-300])
    network = small(
        graph=(record,), labels=None, evaluation=None, calibration=None, input_range=None
    )
    (layer,) = parse_checkpoint(write_checkpoint(network), "f").graph
    assert [v.hex() for v in layer.weight[0]] == [v.hex() for v in odd]
    assert layer.bias == [1e-300]


def test_rows_that_are_no_bytes_are_exact():
    rows = Rows([[0.1, 0.2, 0.3, 1.0, 2.0, 16.0]])
    network = small(calibration=rows)
    assert parse_checkpoint(write_checkpoint(network), "f").calibration == rows


def test_a_bare_network_states_nothing_more():
    network = small(
        input_range=None, input_unit=None, labels=None, calibration=None, evaluation=None
    )
    assert parse_checkpoint(write_checkpoint(network), "f") == network


def test_every_kind_of_layer_comes_back():
    network = small(
        graph=(
            linear(6, 5, 3),
            LayerRecord("leaky_relu", {"slope": 0.01}),
            LayerRecord("sigmoid"),
            LayerRecord("tanh"),
            linear(5, 3, 4),
            LayerRecord("softmax"),
        ),
        input_scale=1 / 255,
    )
    assert parse_checkpoint(write_checkpoint(network), "f") == network


def test_the_same_network_gives_the_same_bytes():
    assert write_checkpoint(small()) == write_checkpoint(small())
    turned = replace(small().graph[0], numbers={"outputs": 5, "inputs": 6})
    assert write_checkpoint(small(graph=(turned, *small().graph[1:]))) == write_checkpoint(small())


def test_the_official_library_reads_the_tensors():
    from safetensors.numpy import load

    loaded = load(write_checkpoint(small()))
    assert loaded["0.weight"].dtype == np.float64
    for index in (0, 3):
        np.testing.assert_array_equal(loaded[f"{index}.weight"], small().graph[index].weight)
        np.testing.assert_array_equal(loaded[f"{index}.bias"], small().graph[index].bias)
    evaluation = small().evaluation
    assert evaluation is not None
    assert loaded["evaluation.inputs"].tolist() == [list(row) for row in evaluation.inputs]
    assert loaded["evaluation.targets"].tolist() == evaluation.targets


def test_the_official_library_reads_the_header(tmp_path):
    from safetensors import safe_open

    save_checkpoint(small(), tmp_path / "model.pt")
    with safe_open(tmp_path / "model.pt", "numpy") as file:
        document = json.loads(file.metadata()[KEY])
    assert document["format"] == "pyexport-scratch/1"
    assert [layer["kind"] for layer in document["graph"]] == ["linear", "relu", "dropout", "linear"]


def test_pytorch_loads_the_weights_by_their_names(tmp_path):
    import torch
    from safetensors.torch import load_file
    from torch import nn

    save_checkpoint(small(calibration=None, evaluation=None), tmp_path / "model.pt")
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Dropout(0.25), nn.Linear(5, 3)).double()
    model.load_state_dict(load_file(tmp_path / "model.pt"))
    assert torch.equal(model[0].weight, torch.tensor(small().graph[0].weight, dtype=torch.float64))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"graph": ()}, "no linear layer"),
        ({"graph": (LayerRecord("relu"),)}, "no linear layer"),
        ({"graph": (LayerRecord("gelu"),)}, "gelu"),
        ({"graph": (LayerRecord("dropout"),)}, "no known kind"),
        ({"graph": (linear(6, 5, 1), linear(4, 3, 2))}, "4 -> 3, after 5 values"),
        ({"graph": (replace(linear(6, 3, 1), bias=[0.0]),)}, "bias has 1 values"),
        ({"graph": (replace(linear(6, 3, 1), weight=[[0.0]]),)}, "not 3 rows of 6"),
        ({"graph": (replace(linear(6, 3, 1), bias=[0.0, math.nan, math.inf]),)}, "2 NaN or"),
        ({"graph": (linear(6, 3, 1), LayerRecord("leaky_relu", {"slope": math.nan}))}, "slope"),
        ({"input_scale": 0.0}, "input.scale must be a positive number"),
        ({"input_range": (3.0, 3.0)}, "low < high"),
        ({"input_range": (0.0, math.inf)}, "finite"),
        ({"labels": ("a", "b")}, "2 labels for 3 outputs"),
        ({"calibration": Rows([])}, "no rows"),
        ({"calibration": Rows([[1.0] * 5])}, "row 0 has 5 values"),
        ({"calibration": Rows([[17.0] * 6])}, "reaches from 17 to 17"),
        ({"calibration": Rows([[math.nan] * 6]), "input_range": None}, "row 0"),
        ({"calibration": Rows([[1.0, 2, math.nan, 3, 4, 5]]), "input_range": None}, "row 0"),
        ({"evaluation": Rows([bytes(6)], [3])}, "classes 3 to 3"),
        ({"evaluation": Rows([bytes(6)], [])}, "1 rows and 0 targets"),
        (
            {"labels": ("a", "b", "")},
            "whose items are each a text of 1 to 100",
        ),
        (
            {"labels": ("a", "b", "c" * 101)},
            "whose items are each a text of 1 to 100",
        ),
        ({"labels": ("a", "b", 3)}, "labels must be a list whose items are each a text"),
        ({"input_unit": ""}, "input.unit must be a text of 1 to 100 characters"),
        ({"input_range": (0.0, 16.0, 17.0)}, "two finite numbers"),
        ({"input_range": (0.0,)}, "two finite numbers"),
        ({"input_range": "ab"}, "two finite numbers"),
        ({"input_range": (0.0, 1e301)}, "two finite numbers"),
        ({"input_scale": 1e301}, "input.scale must be a positive number"),
        ({"calibration": Rows([["a"] * 6])}, "wrong type or size"),
        ({"calibration": Rows([None])}, "wrong type or size"),
        ({"evaluation": Rows([bytes(6)], [0.5])}, "not class numbers 0, 1, 2"),
    ],
)
def test_a_network_that_could_not_be_read_is_not_written(change, message):
    with pytest.raises((InvalidModelError, UsageError), match=message) as caught:
        write_checkpoint(small(**change))
    assert str(caught.value).isprintable()


def test_a_single_output_tells_two_classes():
    one = {"graph": (linear(6, 1, 1),), "labels": None, "calibration": None}
    rows = [bytes(6), bytes(6)]
    network = small(**one, evaluation=Rows(rows, [0, 1]))
    assert parse_checkpoint(write_checkpoint(network), "f") == network
    with pytest.raises(UsageError, match="with 1 outputs they go from 0 to 1"):
        write_checkpoint(small(**one, evaluation=Rows(rows, [0, 2])))


def change(path: tuple, value: object) -> bytes:
    document, tensors = parts()
    place = document
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return joined(document, tensors)


def retensor(name: str, tensor: RawTensor | None) -> bytes:
    document, tensors = parts()
    if tensor is None:
        del tensors[name]
    else:
        tensors[name] = tensor
    return joined(document, tensors)


HOSTILE = {
    "no graph": (lambda: change(("graph",), None), "its graph is not a list"),
    "long graph": (lambda: change(("graph",), [{"kind": "relu"}] * 201), "its graph"),
    "no format": (lambda: change(("format",), None), "has format None"),
    "next format": (lambda: change(("format",), "pyexport-scratch/2"), "this version reads"),
    "forged line": (lambda: change(("format",), "a\nb\x1b"), "this version reads"),
    "unknown layer": (lambda: change(("graph", 1, "kind"), "gelu"), "none of linear, relu"),
    "layer type": (lambda: change(("graph", 1), 7), "layer 1 is not an object"),
    "layer kind": (lambda: change(("graph", 1, "kind"), ["relu"]), "none of"),
    "more numbers": (lambda: change(("graph", 1, "x"), 1), "does not state"),
    "fewer numbers": (lambda: change(("graph", 2, "rate"), None), "does not state"),
    "text number": (lambda: change(("graph", 2, "rate"), "0.5"), "rate is not a number"),
    "huge integer": (lambda: change(("graph", 2, "rate"), 10**400), "rate is not a number"),
    "huge layer": (lambda: change(("graph", 0, "inputs"), 1 << 40), "inputs is no size"),
    "negative layer": (lambda: change(("graph", 0, "outputs"), -5), "outputs is no size"),
    "fraction": (lambda: change(("graph", 0, "outputs"), 5.0), "outputs is no size"),
    "other width": (lambda: change(("graph", 0, "outputs"), 4), "0.weight is not F64"),
    "input": (lambda: change(("input",), [1]), "input is not an object"),
    "range": (lambda: change(("input", "range"), [1]), "two finite numbers"),
    "turned range": (lambda: change(("input", "range"), [16, 0]), "low < high"),
    "scale": (lambda: change(("input", "scale"), -1.0), "a positive number"),
    "unit": (lambda: change(("input", "unit"), "x" * 101), "1 to 100 characters"),
    "labels": (lambda: change(("labels",), "abc"), "a list of texts"),
    "few labels": (lambda: change(("labels",), ["a"]), "1 labels for 3 outputs"),
    "empty label": (lambda: change(("labels", 0), ""), "1 to 100 characters"),
    "no weight": (lambda: retensor("0.weight", None), "0.weight is not F64"),
    "no bias": (lambda: retensor("3.bias", None), "3.bias is not F64"),
    "float32": (lambda: retensor("3.bias", RawTensor("F32", (3,), bytes(12))), "3.bias"),
    "NaN": (
        lambda: retensor("3.bias", RawTensor("F64", (3,), struct.pack("<3d", 0, math.nan, 0))),
        "1 NaN or infinite value;",
    ),
    "foreign tensor": (lambda: retensor("x\ny", RawTensor("U8", (1,), b"a")), "no layer"),
    "targets alone": (lambda: retensor("evaluation.inputs", None), "targets and no inputs"),
    "row width": (
        lambda: retensor("calibration.inputs", RawTensor("U8", (2, 5), bytes(10))), "5 values",
    ),
    "row type": (
        lambda: retensor("calibration.inputs", RawTensor("F32", (1, 6), bytes(24))), "not rows",
    ),
    "row shape": (
        lambda: retensor("calibration.inputs", RawTensor("U8", (6,), bytes(6))), "not rows",
    ),
    "row range": (
        lambda: retensor("calibration.inputs", RawTensor("U8", (1, 6), b"\xff" * 6)), "255",
    ),
    "targets": (
        lambda: retensor("evaluation.targets", RawTensor("I64", (20,), b"\xff" * 160)), "classes",
    ),
    "few targets": (
        lambda: retensor("evaluation.targets", RawTensor("I64", (1,), bytes(8))), "1 targets",
    ),
    "not JSON": (lambda: write_tensorfile({KEY: "{"}, {}), "not valid JSON"),
    "JSON list": (lambda: write_tensorfile({KEY: "[]"}, {}), "is not an object"),
    "other file": (lambda: write_tensorfile({}, {}), "without a scratch network"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_damaged_or_hostile_checkpoint_is_refused_in_one_line(kind):
    build, message = HOSTILE[kind]
    with pytest.raises(PyexportError) as caught:
        parse_checkpoint(build(), "model.pt")
    assert message in str(caught.value)
    assert str(caught.value).startswith("model.pt: ")
    assert str(caught.value).isprintable()


def test_every_truncation_is_refused():
    data = write_checkpoint(small())
    for length in range(len(data)):
        with pytest.raises(FileFormatError):
            parse_checkpoint(data[:length], "f")


@settings(max_examples=300)
@given(st.data())
def test_changed_bytes_raise_nothing_else(data):
    content = bytearray(write_checkpoint(small()))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        parse_checkpoint(bytes(content), "f")
    except PyexportError as error:
        assert "\n" not in str(error)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.pt", tmp_path):
        with pytest.raises(FileFormatError, match="cannot be read"):
            read_checkpoint(path)


def test_a_folder_that_is_missing_is_named_when_saving(tmp_path):
    with pytest.raises(PyexportError, match="cannot be written"):
        save_checkpoint(small(), tmp_path / "none" / "model.pt")
