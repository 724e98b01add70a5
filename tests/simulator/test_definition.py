"""The definition: hand-worked vectors of docs/arithmetic.md, and independence of NumPy."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyexport.errors import FileFormatError
from pyexport.simulator import definition, exact
from pyexport.simulator.definition import PlainInput, PlainModel
from pyexport.simulator.exact import LAYERS, PlainTensor
from pyexport.simulator.fast import FastSimulator
from pyexport.simulator.plain import read_plain
from pyexport.tensorfile import write_tensorfile
from tests.markdown_blocks import read_blocks
from tests.networks import Recipe, device_rows, export_recipe

ROOT = Path(__file__).resolve().parent.parent.parent

_BLOCKED = """
import sys

class NoNumPy:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("numpy", "scipy", "torch"):
            raise ImportError(name + " is blocked")

sys.meta_path.insert(0, NoNumPy())
import json
from pathlib import Path
from pyexport.simulator import definition
from pyexport.simulator.plain import read_plain

model = read_plain(Path(sys.argv[1]))
for row in json.loads(sys.argv[2]):
    print(json.dumps(definition.run(model, row).outputs))
"""


def vectors() -> list[dict[str, Any]]:
    text = (ROOT / "docs" / "arithmetic.md").read_text(encoding="utf-8")
    return [json.loads(b.text) for b in read_blocks(text) if b.language == "json"]


def curve(function: Callable[[float], float]) -> list[int]:
    """Return the 257 entries over 0..8 that a recurrent layer has."""
    return [min(32767, math.floor(32768 * function(k / 32) + 0.5)) for k in range(257)]


def registered_layer(vector: dict[str, Any]) -> exact.Layer:
    """Return a layer of simulator/exact: its fields are the vector's."""
    values = dict(vector["fields"])
    if "table_end" in values:
        end = values.pop("table_end")
        values["table"] = values["table"] + [0] * (256 - len(values["table"]) - len(end)) + end
    if "logs_at" in values:
        place, value = values.pop("logs_at")
        values["logs"] = [0] * place + [value] + [0] * (255 - place)
    if "weight_x" in values:
        values |= {"sigmoid": curve(lambda x: 1 / (1 + math.exp(-x))), "tanh": curve(math.tanh)}
    places = [
        [
            PlainTensor(
                f"{side}{i}", tuple(t["shape"]), t["zero_point"], t.get("low", 0), t.get("high", 0)
            )
            for i, t in enumerate(vector[side])
        ]
        for side in ("inputs", "outputs")
    ]
    return LAYERS[vector["kind"]][0]("layer", *map(tuple, places), **values)


def flat_layer(vector: dict[str, Any]) -> exact.Layer:
    """Return the layer of a vector that has one flat input and output; its fields are the rest."""
    layer, _ = LAYERS[vector["kind"]]
    limits = {"low": -math.inf, "high": math.inf} if is_float(vector) else {}
    source = PlainTensor("in", (len(vector["input"]),))
    bytes_ = [vector[field] for field in ("zero_point", "low", "high") if field in vector]
    target = PlainTensor("out", (len(vector["output"]),), *bytes_)
    values = {**vector, **limits, "name": "layer", "inputs": (source,), "outputs": (target,)}
    return layer(**{field.name: values[field.name] for field in fields(layer)})


def is_float(vector: dict[str, Any]) -> bool:
    return not vector["kind"].startswith("quantized_")


@pytest.mark.parametrize("vector", vectors(), ids=lambda v: v["vector"])
def test_hand_worked_vector(vector: dict[str, Any]) -> None:
    if "input" in vector:
        check_flat_vector(vector)
        return
    layer = registered_layer(vector)
    result = exact.evaluate(layer, [place["values"] for place in vector["inputs"]])
    assert result.sums == vector["accumulators"]
    assert list(result.outputs) == [place["values"] for place in vector["outputs"]]


def check_flat_vector(vector: dict[str, Any]) -> None:
    low, high = (-math.inf, math.inf) if is_float(vector) else (-32768, 65535)
    model = PlainModel(
        "int8",
        [PlainInput("in", len(vector["input"]), low, high)],
        ["out"],
        [flat_layer(vector)],
    )
    result = definition.run(model, vector["input"])
    assert list(result.accumulators.values()) == vector["accumulators"]
    assert result.outputs == vector["output"]


def test_the_document_has_a_vector_for_each_case() -> None:
    names = {vector["vector"] for vector in vectors()}
    assert names >= {
        "linear", "zero points", "pre_shift", "one shift an output", "softmax",
        "softmax with a wide sum", "float32 linear", "float32 softmax", "affine",
        "affine of an image", "float32 affine",
    }  # fmt: skip
    assert {vector["kind"] for vector in vectors()} >= LAYERS.keys() - {"quantized_constant"}


@pytest.mark.parametrize("scheme", ["int8", "float32"])
def test_it_runs_a_px_file_where_numpy_cannot_be_imported(tmp_path: Path, scheme: str) -> None:
    exported = export_recipe(Recipe((9, 6, 4), softmax=True, scheme=scheme))
    exported.write(tmp_path)
    rows = device_rows(exported, 4)
    done = subprocess.run(
        [sys.executable, "-c", _BLOCKED, str(tmp_path / "net.px"), json.dumps(rows.tolist())],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    outputs = np.array([json.loads(line) for line in done.stdout.splitlines()])
    assert np.array_equal(outputs, FastSimulator(exported.artifact.graph).run(rows))


def test_an_input_outside_the_legal_bytes_is_refused(tmp_path: Path) -> None:
    export_recipe(Recipe((2, 1), input_range=(0.0, 16.0))).write(tmp_path)
    model = read_plain(tmp_path / "net.px")
    definition.run(model, [0, 16])
    with pytest.raises(ValueError, match=r"input 17 is outside 0\.\.16"):
        definition.run(model, [0, 17])
    with pytest.raises(ValueError, match="takes 2 values"):
        definition.run(model, [0])


def test_the_lowest_index_wins_a_tie() -> None:
    assert definition.argmax([1, 3, 3, 2]) == 1
    assert definition.argmax([5]) == 0


def px(text: str) -> bytes:
    return write_tensorfile({"pyexport": text}, {})


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "[" * 100_000, '{"graph": {"tensors": [], "nodes": [], "inputs": []}}']
)
def test_an_artifact_with_other_json_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.px"
    path.write_bytes(px(text))
    with pytest.raises(FileFormatError, match="not a readable pyexport artifact") as caught:
        read_plain(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x02\0\0\0\0\0\0\0{}"])
def test_a_file_that_is_no_artifact_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.px"
    path.write_bytes(content)
    with pytest.raises(FileFormatError) as caught:
        read_plain(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
