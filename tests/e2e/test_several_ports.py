"""Models of several inputs and outputs, from the float network to every kind of target."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from pyexport import api
from pyexport.artifact import read_artifact
from pyexport.errors import CalibrationError, UnsupportedModelError, UsageError
from pyexport.ir import Graph
from pyexport.pipeline import Export, ExportOptions, export_model, render_artifact
from pyexport.reference import forward
from pyexport.rows import join_rows, output_tensors, row_slices
from pyexport.runners import available
from pyexport.simulator import definition
from pyexport.simulator.fast import FastSimulator
from pyexport.simulator.plain import read_plain
from tests.several import NETS, export_net

HOSTS = ("host-gcc", "host-clang")
CHIPS = ("cortex-m0", "cortex-m4", "atmega328p", "wasm32")


@cache
def exported(name: str) -> Export:
    return export_net(name)


@pytest.mark.parametrize("name", NETS)
def test_definition_and_fast_agree_and_are_near_the_float_network(
    name: str, tmp_path: Path
) -> None:
    model, export = NETS[name](), exported(name)
    export.write(tmp_path)
    assert model.metadata.calibration is not None
    rows = model.metadata.calibration.inputs.astype(np.uint8)  # 0..16 stands for itself
    result = FastSimulator(export.artifact.graph).trace(rows)
    assert result.accumulators is not None
    plain = read_plain(tmp_path / "net.px")
    for row, outputs, sums in zip(rows, result.outputs, result.accumulators, strict=True):
        exact = definition.run(plain, row.tolist())
        assert exact.outputs == outputs.tolist()
        assert list(exact.accumulators.values()) == sums.tolist()
    ideal = forward(model.graph, rows.astype(np.float64)).reshape(len(rows), -1)
    steps = _steps(export.artifact.graph)
    error = np.abs(_reals(export.artifact.graph, result.outputs) - ideal)
    assert error.max() < 10 * steps.max()  # 4 % of what an output can say


def _reals(graph: Graph, outputs: np.ndarray) -> np.ndarray:
    parts = zip(output_tensors(graph), row_slices(output_tensors(graph)), strict=True)
    return join_rows([t.quant.dequantize(outputs[:, part]) for t, part in parts if t.quant])


def _steps(graph: Graph) -> np.ndarray:
    return np.array([t.quant.scale for t in output_tensors(graph) if t.quant])


@pytest.mark.parametrize("target", HOSTS)
@pytest.mark.parametrize("name", NETS)
def test_compiled_headers_agree_on_this_computer(name: str, target: str) -> None:
    if problem := available(target):
        pytest.skip(problem)
    report = api.verify(exported(name), [target], random_rows=500)
    assert report.ok, report.problems
    assert report.targets[0].rows > 500


@pytest.mark.parametrize("target", CHIPS)
@pytest.mark.parametrize("name", ["fused", "awkward"])
def test_compiled_headers_agree_on_emulated_chips(name: str, target: str) -> None:
    if problem := available(target):
        pytest.skip(problem)
    report = api.verify(exported(name), [target], ["random", "corners"], random_rows=60)
    assert report.ok, report.problems
    assert report.targets[0].accumulators > 0


def test_a_blob_of_bytes_and_16_bit_numbers_is_aligned_for_both() -> None:
    """Three bytes and a raw sensor's 16-bit columns: the second input starts at an even address."""
    export = export_net("sensor")
    assert [t.dtype for t in map(export.artifact.graph.tensor, export.artifact.graph.inputs)] == [
        "u8", "u16",
    ]  # fmt: skip
    for target in ("host-sanitized", "cortex-m0"):
        if available(target) is None:
            report = api.verify(export, [target], ["random", "corners"], random_rows=60)
            assert report.ok, report.problems


def test_float32_heads_agree() -> None:
    report = api.verify(export_net("heads", scheme="float32"), ["host"], random_rows=200)
    assert report.ok, report.problems


def test_an_artifact_gives_the_same_header_again(tmp_path: Path) -> None:
    export = exported("fused")
    export.write(tmp_path)
    read = read_artifact(tmp_path / "net.px")
    assert read.identity == export.artifact.identity
    assert render_artifact(read).header == export.header
    assert api.verify(tmp_path / "net.h", random_rows=50).ok


def test_the_header_names_each_tensor_after_the_model() -> None:
    header = exported("fused").header
    declared = re.search(r"static inline void net_predict\((.*?)\);", header, re.S)
    assert declared is not None
    assert [line.strip() for line in declared[1].split(",")] == [
        "const uint8_t image[NET_IMAGE_SIZE]",
        "const uint8_t features[NET_FEATURES_SIZE]",
        "uint8_t class_[NET_CLASS_SIZE]",
        "int8_t box[NET_BOX_SIZE]",
    ]
    for symbol in (
        "NET_IMAGE_SCALE", "NET_FEATURES_ZERO_POINT", "NET_CLASS_SCALE", "NET_BOX_LOW",
        "net_quantize_image", "net_quantize_features", "net_dequantize_class",
        "net_dequantize_box", "net_argmax_class", "net_argmax_box",
    ):  # fmt: skip
        assert re.search(rf"\b{symbol}\b", header), symbol


def test_a_weight_of_two_layers_is_stored_once() -> None:
    export = exported("siamese")
    graph = export.artifact.graph
    first, second = [n for n in graph.nodes if n.op.kind == "quantized_linear"]
    assert np.array_equal(first.op.weight, second.op.weight)  # type: ignore[attr-defined]
    tables = re.findall(r"static const int8_t (\w+)\[5 \* 12\]", export.header)
    assert len(tables) == 1
    assert export.header.count(f", {tables[0]},") == 2  # both calls read it


def test_each_input_has_its_own_range() -> None:
    ranges = {"left": (0.0, 255.0), "right": (-1.0, 1.0)}
    model = NETS["add"]()
    bare = replace(model, metadata=replace(model.metadata, calibration=None))
    graph = export_model(bare, ExportOptions("net", input_range=ranges)).artifact.graph
    left, right = (graph.tensor(name).quant for name in graph.inputs)
    assert left is not None and right is not None
    assert (left.dtype, left.scale) == ("u8", 1.0)
    assert right.dtype == "s8"
    assert np.isclose(right.scale, 2 / 255)
    with pytest.raises(
        CalibrationError, match="range of the input right; pass --input-range right"
    ):
        export_model(bare, ExportOptions("net", input_range={"left": (0.0, 1.0)}))
    with pytest.raises(UsageError, match="no input is called up; there are left, right"):
        export_model(bare, ExportOptions("net", input_range={"up": (0.0, 1.0)}))
    with pytest.raises(CalibrationError, match=r"calibration data of right holds values 0\.\.16"):
        export_model(model, ExportOptions("net", input_range={"right": (0.0, 1.0)}))


def test_a_stream_of_several_ports_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match=r"several .* no streaming form"):
        export_net("fused", stream=True)


def test_an_input_that_no_layer_reads_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedModelError, match="no layer reads the input mask; take it out"):
        export_net("unread")
