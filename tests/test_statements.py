"""One schema for everything that is stated about a model, whichever file or call states it."""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
import torch
from torch import nn

import pyexport
from pyexport.errors import FileFormatError, InvalidModelError, PyexportError, UsageError
from pyexport.frontends import load_model
from pyexport.ir import Affine, Model
from pyexport.passes import run_passes
from pyexport.reference import forward
from pyexport.scratch import MLP
from pyexport.scratch.checkpoint_reader import read_checkpoint
from pyexport.statement_check import check_statements, normalization
from pyexport.statements import (
    KEYS,
    NOTHING,
    SAMPLES,
    Arguments,
    Statements,
    as_arguments,
    parse_statements,
    state,
    stated,
    statements_document,
)
from tests.frontends.models import rezip, seeded
from tests.networks import chain, export, layer

ROOT = Path(__file__).resolve().parent.parent
EVERYTHING: dict[str, Any] = {
    "input_name": "climate",
    "input_shape": [3],
    "input_dtype": "u8",
    "input_range": [0, 100],
    "input_unit": "percent",
    "input_layout": "flat",
    "input_normalize": {"mean": [50.0, 20.0, 7.0], "std": [25.0, 10.0, 0.5]},
    "input_columns": ["humidity (%)", "temperature (degC)", "wind (m/s)"],
    "output_name": "comfort",
    "output_unit": "votes",
    "output_threshold": 0.5,
    "output_task": "classification",
    "labels": ["no", "yes"],
    "author": "A. Person",
    "license": "CC0-1.0",
    "created_by": "train.py",
    "source": "https://example.org/data",
    "notes": "the second floor only",
}
ROWS = np.random.default_rng(3).integers(0, 101, size=(40, 3)).astype(float)
TARGETS = np.arange(40) % 2


def network() -> nn.Sequential:
    net = seeded(lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)))
    assert isinstance(net, nn.Sequential)
    return net


def toml(arguments: dict[str, Any]) -> str:
    """Return what model.toml would say: JSON values are TOML values, but for objects."""
    lines: dict[str, list[str]] = {"": [], "input": [], "output": [], "provenance": []}
    for key in KEYS:
        if key.field not in arguments:
            continue
        section, _, name = key.name.rpartition(".")
        value = arguments[key.field]
        text = json.dumps(value)
        if isinstance(value, dict):
            text = "{" + ", ".join(f"{k} = {json.dumps(v)}" for k, v in value.items()) + "}"
        lines[section].append(f"{name} = {text}")
    parts = [*lines.pop("")]
    for section, content in lines.items():
        parts += [f"[{section}]", *content]
    return "\n".join(parts)


def by_save(folder: Path, arguments: dict[str, Any]) -> Statements:
    pyexport.save(network(), torch.zeros(1, 3), folder / "m.pt", **arguments)
    return load_model(folder / "m.pt").metadata.statements


def by_checkpoint(folder: Path, arguments: dict[str, Any]) -> Statements:
    MLP(3, 4, 2).save(folder / "s.pt", **arguments)
    assert (
        read_checkpoint(folder / "s.pt").statements
        == load_model(folder / "s.pt").metadata.statements
    )
    return read_checkpoint(folder / "s.pt").statements


def by_sidecar(folder: Path, arguments: dict[str, Any]) -> Statements:
    torch.save(network().state_dict(), folder / "w.pt")
    (folder / "w.toml").write_text('arch = "3-4r-2"\n' + toml(arguments), encoding="utf-8")
    return load_model(folder / "w.pt").metadata.statements


def by_sklearn(folder: Path, arguments: dict[str, Any]) -> Statements:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit(ROWS, TARGETS)
    pyexport.save(model, None, folder / "k.px1", **arguments)
    stored = load_model(folder / "k.px1").metadata.statements
    assert pyexport.from_sklearn(model, **arguments).metadata.statements == stored
    return stored


DOORS = [by_save, by_checkpoint, by_sidecar, by_sklearn]


@pytest.mark.parametrize("door", DOORS)
def test_every_key_goes_through_every_door(tmp_path: Path, door: Any) -> None:
    expected = state("test", EVERYTHING)
    # states belong to networks that give them back: tests/stream/test_explicit.py
    assert None not in vars(replace(expected, input_scale=1.0, states=())).values()
    assert door(tmp_path, EVERYTHING) == expected
    scaled = {"input_scale": 0.25, "labels": ["a", "b"], "input_unit": "m"}
    assert door(tmp_path, scaled) == state("test", scaled)


def test_keys_fields_and_keyword_arguments_are_the_same() -> None:
    own = [key.field for key in KEYS]
    assert own == [field.name for field in fields(Statements)]
    assert [*own, *SAMPLES] == list(get_type_hints(Arguments))


def test_the_documentation_lists_every_key_with_its_argument() -> None:
    text = (ROOT / "docs" / "metadata.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z_.]+)` \| `([a-z_]+)` \|", text, re.MULTILINE)
    assert rows == [*((key.name, key.field) for key in KEYS), *((s, s) for s in SAMPLES)]


def test_a_document_says_the_same_again() -> None:
    statements = state("test", EVERYTHING)
    assert parse_statements(statements_document(statements), "f") == statements
    assert state("test", as_arguments(statements)) == statements
    assert parse_statements({}, "f") == parse_statements({"input": None}, "f") == NOTHING


@pytest.mark.parametrize("door", [by_save, by_checkpoint, by_sklearn])
def test_an_unknown_argument_is_refused_by_name(tmp_path: Path, door: Any) -> None:
    with pytest.raises(UsageError, match="there is no argument input_units; use input_name"):
        door(tmp_path, {"input_units": "m"})


@pytest.mark.parametrize("section", ["", "input", "output", "provenance"])
def test_an_unknown_key_is_refused_by_name_in_every_file(tmp_path: Path, section: str) -> None:
    change = {"colour": 1} if not section else {section: {"colour": 1}}
    by_save(tmp_path, {})
    path = tmp_path / "m.pt"

    def edit(name: str, content: bytes) -> bytes:
        is_extra = name.endswith("extra/pyexport.json")
        return json.dumps(json.loads(content) | change).encode() if is_extra else content

    path.write_bytes(rezip(path.read_bytes(), edit))
    by_sidecar(tmp_path, {})
    head = f"[{section}]\n" if section else ""
    (tmp_path / "w.toml").write_text(head + "colour = 1")
    for file in ("m.pt", "w.pt"):
        with pytest.raises(FileFormatError, match="the key colour is unknown; use "):
            load_model(tmp_path / file)
    with pytest.raises(FileFormatError, match="the key colour is unknown; use "):
        parse_statements(change, "s.pt")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("input_name", "", "a text of 1 to 100 characters"),
        ("input_shape", [3, 0], "a list of sizes"),
        ("input_shape", [1.0, 3], "a list of sizes"),
        ("input_shape", [1 << 20, 1 << 20], "a list of sizes"),
        ("input_dtype", "float", "one of u8, s8, u16, s16"),
        ("input_layout", "nchw", "one of flat, NHWC, NCHW"),
        ("input_scale", 0, "a positive number"),
        ("input_scale", float("inf"), "a positive number"),
        ("input_scale", True, "a positive number"),
        ("input_normalize", {"mean": 0}, "mean and std"),
        ("input_normalize", {"mean": 0, "std": 0}, "mean and std"),
        ("input_normalize", {"mean": [1, 2], "std": [1, 2, 3]}, "mean and std"),
        ("input_normalize", {"mean": [], "std": []}, "mean and std"),
        ("input_columns", "abc", "a list of texts"),
        ("output_threshold", float("nan"), "a finite number"),
        ("output_threshold", "0.5", "a finite number"),
        ("output_task", "regress", "one of classification, regression, anomaly"),
        ("license", "x" * 501, "a text of 1 to 500 characters"),
        ("labels", 5, "a list of texts"),
    ],
)
def test_a_wrong_value_is_refused_by_name(key: str, value: Any, message: str) -> None:
    with pytest.raises(InvalidModelError, match=f"^net: {key} must be {message}") as caught:
        state("net", {key: value})
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"input_shape": [4]}, "the stated input shape is [4], the model takes [3, 2, 2]"),
        ({"input_columns": ["a"]}, "1 input columns for 12 inputs"),
        ({"labels": ["a"]}, "1 labels for 2 outputs"),
        ({"input_layout": "flat"}, "goes with one size"),
        ({"input_dtype": "s8", "input_range": [0, 200]}, "beyond what s8 holds, -128 to 127"),
        ({"input_normalize": {"mean": [1, 2], "std": 1}}, "has 2 numbers for an input of"),
        (
            {"input_normalize": {"mean": 0, "std": 1}, "input_scale": 2},
            "input scale and input normalize are both stated",
        ),
    ],
)
def test_a_statement_that_does_not_fit_the_model_is_refused(stated: Any, message: str) -> None:
    with pytest.raises(InvalidModelError, match=r"^net: ") as caught:
        check_statements(state("net", stated), "net", (3, 2, 2), 2)
    assert message in str(caught.value)
    with pytest.raises(InvalidModelError, match="three sizes"):
        check_statements(state("net", {"input_layout": "NCHW"}), "net", (12,), 2)
    with pytest.raises(InvalidModelError, match="an output threshold for 3 outputs"):
        check_statements(state("net", {"output_threshold": 0.5}), "net", (12,), 3)
    flat = state("net", {"input_shape": [3, 2, 2], "input_layout": "NCHW"})
    check_statements(flat, "net", (12,), 2)


def test_channels_are_normalized_in_the_order_of_the_layout() -> None:
    stated = {"input_normalize": {"mean": [0, 1], "std": [1, 2]}}
    first = state("net", stated | {"input_layout": "NCHW"})
    last = state("net", stated | {"input_layout": "NHWC"})
    assert normalization(first, "net", (2, 1, 2)) == ([1, 1, 0.5, 0.5], [0, 0, -0.5, -0.5])
    assert normalization(last, "net", (1, 2, 2)) == ([1, 0.5, 1, 0.5], [0, -0.5, 0, -0.5])
    assert normalization(state("net", {"input_scale": 2}), "net", (2,)) == ([2, 2], [0, 0])
    assert normalization(NOTHING, "net", (2,)) is None


def shown(model: Model) -> list[str]:
    return [node.op.kind for node in model.graph.nodes]


@pytest.mark.parametrize("door", DOORS)
def test_a_normalized_network_takes_raw_values(tmp_path: Path, door: Any) -> None:
    stated = {"input_range": [0, 100], "input_normalize": EVERYTHING["input_normalize"]}
    door(tmp_path, {})
    (path,) = (p for p in tmp_path.iterdir() if p.suffix != ".toml")
    plain = run_passes(load_model(path).graph)
    door(tmp_path, stated)
    model = load_model(path)
    assert isinstance(model.graph.nodes[0].op, Affine)
    folded = run_passes(model.graph)
    assert [node.op.kind for node in folded.nodes] == [node.op.kind for node in plain.nodes]
    mean, std = (np.array(stated["input_normalize"][k]) for k in ("mean", "std"))  # type: ignore[call-overload]
    expected = forward(plain, (ROWS - mean) / std)
    np.testing.assert_allclose(forward(folded, ROWS), expected, rtol=1e-12, atol=1e-12)
    quant = export(model).artifact.graph.input.quant
    assert quant is not None
    assert (quant.scale, quant.low, quant.high) == (1.0, 0, 100)


def test_an_image_is_normalized_before_it_is_flattened(tmp_path: Path) -> None:
    net = seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(12, 2)))
    pyexport.save(
        net, torch.zeros(1, 3, 2, 2), tmp_path / "image.pt",
        input_layout="NCHW", input_range=(0, 255),
        input_normalize={"mean": torch.tensor([10.0, 20, 30]), "std": np.array([50, 60, 70])},
    )  # fmt: skip
    images = np.random.default_rng(1).integers(0, 256, size=(9, 3, 2, 2)).astype(float)
    mean, std = torch.tensor([10.0, 20, 30]), torch.tensor([50.0, 60, 70])
    scaled = (torch.tensor(images) - mean[:, None, None]) / std[:, None, None]
    with torch.no_grad():
        expected = net.double()(scaled).numpy()
    graph = run_passes(load_model(tmp_path / "image.pt").graph)
    np.testing.assert_allclose(forward(graph, images), expected, rtol=1e-9, atol=1e-9)


def test_statements_travel_into_artifact_manifest_and_header_and_change_no_identity() -> None:
    stated = {k: v for k, v in EVERYTHING.items() if k not in ("input_normalize", "input_range")}
    statements = replace(state("net", stated), input_range=(0.0, 100.0))
    silent = chain(3, [layer(3, 2)], input_range=(0.0, 100.0))
    model = replace(silent, metadata=replace(silent.metadata, statements=statements))
    result = export(model)
    manifest = json.loads(result.files()["net.json"])
    assert manifest["statements"]["provenance"]["notes"] == "the second floor only"
    assert result.artifact.identity == export(silent).artifact.identity
    for line in (
        " * author      A. Person",
        " * license     CC0-1.0",
        " * Input climate: 3 values, u8, 0..100, percent.",
        " * The sensor gives u8.",
        " * [1] temperature (degC)",
        " * Output comfort: 2 values",
    ):
        assert line in result.header


def test_what_is_not_stated_leaves_no_trace_in_the_artifact() -> None:
    result = export(chain(3, [layer(3, 2)], labels=("a", "b"), unit="volt"))
    assert b"statements" not in result.files()["net.px"]


@pytest.mark.parametrize(
    ("statement", "kind"),
    [({"author": "*/ int x; /*"}, "author"), ({"input_columns": ["a\n*/", "b", "c"]}, "[0]")],
)
def test_no_text_leaves_a_comment(statement: Any, kind: str) -> None:
    model = chain(3, [layer(3, 2)], **dict(stated(state("net", statement))))
    header = export(model).header
    (line,) = (text for text in header.splitlines() if text.startswith(f" * {kind}"))
    assert "*/" not in line


def test_a_file_says_which_key_is_wrong(tmp_path: Path) -> None:
    by_sidecar(tmp_path, {})
    (tmp_path / "w.toml").write_text('arch = "3-4r-2"\n[output]\nthreshold = "high"')
    with pytest.raises(PyexportError, match=r"w\.toml: output\.threshold must be a finite number"):
        load_model(tmp_path / "w.pt")
    by_save(tmp_path, {"output_threshold": 0.25})
    document = json.loads(zipfile.ZipFile(tmp_path / "m.pt").read("model/extra/pyexport.json"))
    assert document == {
        "format": "pyexport/1", "producer": "pyexport", "output": {"threshold": 0.25}
    }  # fmt: skip


REAL = (np.arange(80).reshape(40, 2) % 7 - 0.25).tolist()


@pytest.mark.parametrize("door", DOORS[:3])
def test_real_valued_targets_go_through_every_door(tmp_path: Path, door: Any) -> None:
    stated = {"output_task": "regression", "input_range": [0, 100]}
    if door is by_sidecar:
        np.savez(tmp_path / "rows.npz", inputs=ROWS, targets=REAL)
        torch.save(network().state_dict(), tmp_path / "w.pt")
        text = f'arch = "3-4r-2"\nevaluation = "rows.npz"\n{toml(stated)}'
        (tmp_path / "w.toml").write_text(text)
    else:
        door(tmp_path, stated | {"evaluation": (ROWS.tolist(), REAL)})
    (path,) = (p for p in tmp_path.iterdir() if p.suffix == ".pt")
    model = load_model(path)
    assert model.metadata.evaluation is not None
    np.testing.assert_array_equal(model.metadata.evaluation.targets, REAL)
    errors = export(model).artifact.errors
    assert errors is not None
    expected = forward(run_passes(model.graph), ROWS) - REAL
    assert errors.float_rmse == pytest.approx(float(np.sqrt((expected**2).mean())))


@pytest.mark.parametrize("door", [by_save, by_checkpoint])
def test_real_valued_targets_ask_for_the_task(tmp_path: Path, door: Any) -> None:
    with pytest.raises(PyexportError, match="regression"):
        door(tmp_path, {"evaluation": (ROWS.tolist(), [0.5] * 40)})


def test_evaluation_rows_without_targets_are_asked_for_them(tmp_path: Path) -> None:
    by_sidecar(tmp_path, {})
    np.save(tmp_path / "rows.npy", ROWS)
    (tmp_path / "w.toml").write_text('arch = "3-4r-2"\nevaluation = "rows.npy"')
    with pytest.raises(PyexportError, match=r"rows\.npy holds inputs only; add .* called targets"):
        load_model(tmp_path / "w.pt")
