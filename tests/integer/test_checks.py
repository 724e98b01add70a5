"""What a file may not claim about an integer operator: each is refused in one line, and quickly."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from pyexport.artifact import read_artifact, write_artifact
from pyexport.errors import FileFormatError
from pyexport.tensorfile import RawTensor, read_tensorfile, write_tensorfile
from scripts.kernel_cases.branches import FAMILIES, draw
from scripts.kernel_cases.zoo import artifact_of

Change = Callable[[dict[str, Any], dict[str, RawTensor]], None]


def changed(tmp_path: Path, family: str, change: Change) -> Path:
    """Write a zoo of a family with something changed in its document or tables."""
    data = write_artifact(artifact_of(draw(Random(f"checks {family}"), family, 12).graph()))
    metadata, tensors = read_tensorfile(data, "zoo.px")
    document = json.loads(metadata["pyexport"])
    change(document, tensors)
    path = tmp_path / "zoo.px"
    path.write_bytes(write_tensorfile({"pyexport": json.dumps(document)}, tensors))
    return path


def first(document: dict[str, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = next(n for n in document["graph"]["nodes"] if n["kind"] == kind)
    return found


def attribute(kind: str, name: str, value: Any) -> Change:
    def change(document: dict[str, Any], tensors: dict[str, RawTensor]) -> None:
        first(document, kind)["attributes"][name] = value

    return change


def table(kind: str, name: str, value: int) -> Change:
    """Set all elements of a stored array to one value."""

    def change(document: dict[str, Any], tensors: dict[str, RawTensor]) -> None:
        key = f"{first(document, kind)['name']}.{name}"
        old = tensors[key]
        dtype = {"I8": np.int8, "I32": np.int32, "I64": np.int64, "U16": np.uint16, "U8": np.uint8}
        data = np.full(old.shape, value, dtype=dtype[old.dtype]).tobytes()
        tensors[key] = RawTensor(old.dtype, old.shape, data)

    return change


def shape(kind: str, value: list[int]) -> Change:
    def change(document: dict[str, Any], tensors: dict[str, RawTensor]) -> None:
        name = first(document, kind)["outputs"][0]
        next(t for t in document["graph"]["tensors"] if t["name"] == name)["shape"] = value

    return change


CLAIMS: dict[str, tuple[str, Change]] = {
    "a bound that is not the weights'": ("conv", table("quantized_conv2d", "acc_high", 5)),
    "sums that overflow": ("conv", table("quantized_conv2d", "bias", 2**31 - 1)),
    "a weight of -128": ("conv", table("quantized_conv2d", "weight", -128)),
    "a shift of 31": ("conv", table("quantized_conv2d", "shift", 31)),
    "a multiplier of 16 bits": ("conv", table("quantized_conv2d", "multiplier", 1 << 15)),
    "a stride of a billion": ("conv", attribute("quantized_conv2d", "stride", [10**9, 1])),
    "a stride of nothing": ("conv", attribute("quantized_conv2d", "stride", [0, 1])),
    "a stride that is a text": ("conv", attribute("quantized_conv2d", "stride", ["1", "1"])),
    "groups that do not divide": ("conv", attribute("quantized_conv2d", "groups", 7)),
    "a huge output": ("conv", shape("quantized_conv2d", [10**12, 10**12, 1])),
    "another output": ("conv", shape("quantized_conv2d", [1, 1, 1])),
    "a kernel of a billion": ("pool", attribute("quantized_max_pool2d", "kernel", [10**9, 1])),
    "windows in the padding": ("pool", attribute("quantized_max_pool2d", "pad", [90, 90])),
    "a mean of others": ("pool", attribute("quantized_reduce", "count", 10**9)),
    "an offset of others": ("elementwise", attribute("quantized_add", "offset", 1)),
    "an operand of 16 bits": ("elementwise", attribute("quantized_add", "multiplier_a", 40000)),
    "matrices of another size": ("matmul", shape("quantized_matmul", [1, 1, 1, 1, 1])),
    "a product of 16 bits too many": ("matmul", attribute("quantized_matmul", "pre_shift", 30)),
    "a read behind the end": ("shape", attribute("quantized_gather", "offset", 10**6)),
    "a read before the start": ("shape", attribute("quantized_gather", "offset", -1)),
    "a concat of other axes": ("shape", attribute("quantized_concat", "axis", 3)),
    "a slope of 16 bits": ("table", attribute("quantized_prelu", "positive", 40000)),
    "a curve that falls": ("recurrent", table("quantized_lstm", "sigmoid", 0)),
    "gates that overflow": ("recurrent", table("quantized_gru", "bias_h", -(2**31))),
    "a cell of 20 bits": ("recurrent", attribute("quantized_lstm", "cell_bits", 20)),
    "a softmax of other terms": ("softmax", table("quantized_softmax", "table", 32766)),
    "no epsilon": ("normalize", attribute("quantized_normalize", "epsilon", 0)),
    "squares that overflow": ("normalize", attribute("quantized_normalize", "epsilon", 2**31 - 1)),
    "a deviation that is not shifted": ("normalize", shape("quantized_normalize", [1, 4000])),
    "an index of others": ("softmax", attribute("quantized_argmax", "count", 1)),
    "a logarithm below zero": ("softmax", table("quantized_log_softmax", "logs", -1)),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_it_is_refused(claim: str, tmp_path: Path) -> None:
    family, change = CLAIMS[claim]
    with pytest.raises(FileFormatError, match="the artifact is damaged") as caught:
        read_artifact(changed(tmp_path, family, change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_was_not_changed_is_read(family: str, tmp_path: Path) -> None:
    path = changed(tmp_path, family, lambda document, tensors: None)
    assert read_artifact(path).name == "zoo"
