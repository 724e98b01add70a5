"""The whole way of an export: what it writes, what it warns of, what it refuses."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyexport.artifact import read_artifact
from pyexport.errors import (
    CalibrationError,
    OutputError,
    PyexportError,
    UnsupportedModelError,
    UnsupportedOperatorError,
    UsageError,
)
from pyexport.ir import Clamp, Dataset, Identity, Softmax
from pyexport.pipeline import ExportOptions, export_model, render_artifact
from pyexport.statements import NOTHING
from tests.networks import DOZEN, Recipe, build, chain, export, export_recipe, layer, real_rows

DIGITS = Recipe((64, 32, 16, 10))


def test_three_files_are_written_and_the_manifest_has_their_hashes(tmp_path: Path) -> None:
    exported = export_recipe(DIGITS, "digits")
    paths = exported.write(tmp_path / "out")
    assert [p.name for p in paths] == ["digits.h", "digits.px", "digits.json"]
    manifest = json.loads(paths[2].read_text())
    assert manifest["files"] == {
        p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in paths[:2]
    }
    assert manifest["identity"] == exported.artifact.identity
    assert manifest["bytes"] == {
        "tables": 2720 + 6 * 58, "scratch": 48, "scratch_lower_bound": 48, "input": 64, "output": 10
    }  # fmt: skip
    assert exported.artifact.identity in paths[0].read_text()


@pytest.mark.parametrize("recipe", DOZEN, ids=str)
def test_a_px_file_gives_the_same_three_files_again(recipe: Recipe, tmp_path: Path) -> None:
    exported = export_recipe(recipe)
    exported.write(tmp_path)
    again = render_artifact(read_artifact(tmp_path / "net.px"))
    assert again.header == exported.header
    assert again.files()["net.px"] == exported.files()["net.px"]


def test_a_specialized_export_is_specialized_again(tmp_path: Path) -> None:
    exported = export(build(DIGITS), "digits", target="cortex-m4")
    exported.write(tmp_path)
    assert render_artifact(read_artifact(tmp_path / "digits.px")).header == exported.header


def test_the_target_changes_no_byte_of_the_arithmetic() -> None:
    plain, special = export(build(DIGITS)), export(build(DIGITS), target="atmega328p")
    assert plain.artifact.identity == special.artifact.identity
    assert plain.header != special.header


def test_nothing_is_written_when_a_file_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(OutputError):
        export_recipe(DIGITS).write(tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_accuracy_counts_float_and_exported_rows() -> None:
    model = build(DIGITS)
    rows = real_rows(DIGITS, 40)
    first = export(model)
    assert first.artifact.accuracy is not None
    assert first.artifact.accuracy.rows == 20
    without = replace(model, metadata=replace(model.metadata, evaluation=Dataset(rows)))
    assert export(without).artifact.accuracy is None
    assert export(without).artifact.samples is not None


def test_without_calibration_the_bounds_are_used_and_marked_everywhere() -> None:
    exported = export_recipe(replace(DIGITS, calibrated=False))
    assert any("no calibration data" in w for w in exported.warnings)
    assert exported.artifact.calibration.kind == "declared range"
    assert "NOT calibrated" in exported.header
    assert json.loads(exported.files()["net.json"])["calibration"]["kind"] == "declared range"


def test_without_a_declared_range_the_calibration_gives_it_with_a_warning() -> None:
    model = build(DIGITS)
    model = replace(model, metadata=replace(model.metadata, statements=NOTHING))
    exported = export(model)
    assert any("no input range is declared" in w for w in exported.warnings)
    assert exported.artifact.graph.input.quant is not None
    assert exported.artifact.graph.input.quant.high == 16


def test_without_range_and_data_int8_is_refused_with_the_ways_out() -> None:
    model = chain(3, [layer(3, 2)], input_range=None)
    with pytest.raises(CalibrationError, match=r"--input-range .* --calibration"):
        export(model)
    assert export(model, scheme="float32").artifact.graph.input.quant is None


@pytest.mark.parametrize("kind", ["calibration", "evaluation"])
def test_data_outside_the_declared_range_are_refused(kind: str) -> None:
    model = build(DIGITS)
    wrong: dict[str, Any] = {kind: Dataset(np.full((2, 64), 17.0))}
    model = replace(model, metadata=replace(model.metadata, **wrong))
    with pytest.raises(CalibrationError, match=rf"{kind} data holds values 17\.\.17.*0\.\.16"):
        export(model)


@pytest.mark.parametrize(
    "limits", [(1.0, 0.0), (0.0, 0.0), (np.nan, 1.0), (0.0, np.inf), (-np.inf, np.inf)]
)
@pytest.mark.parametrize("scheme", ["int8", "float32"])
def test_an_impossible_input_range_is_refused(limits: tuple[float, float], scheme: str) -> None:
    with pytest.raises(UsageError, match="input range"):
        export(chain(3, [layer(3, 2)]), input_range=limits, scheme=scheme)


def test_constant_data_without_a_declared_range_is_refused() -> None:
    model = chain(3, [layer(3, 2)], input_range=None, calibration=np.full((4, 3), 2.0))
    with pytest.raises(CalibrationError, match="input range"):
        export(model)


def test_values_that_are_no_numbers_are_refused() -> None:
    rows = np.ones((3, 3))
    rows[1, 1] = np.nan
    with pytest.raises(CalibrationError, match="nan"):
        export(chain(3, [layer(3, 2)], calibration=rows))


def test_an_activation_before_any_layer_is_refused_by_name_in_float32() -> None:
    model = chain(
        3,
        [Clamp(0.0, 1.0), layer(3, 2)],
        calibration=np.ones((2, 3)),
        sources=("net.act", "net.fc"),
    )
    with pytest.raises(UnsupportedOperatorError) as caught:
        export(model, scheme="float32")
    message = str(caught.value)
    assert message.startswith("model.pt: clamp0 (net.act): an activation ")
    assert "float32 has no kernel for one alone; put it behind a linear layer" in message


def test_an_activation_that_is_the_whole_model_is_refused_likewise() -> None:
    model = chain(3, [Clamp(0.0, 1.0)], calibration=np.ones((2, 3)))
    with pytest.raises(UnsupportedOperatorError, match=r"model\.pt: clamp0 \(net\.0\): "):
        export(model, scheme="float32")


def test_a_model_without_layers_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="no layer"):
        export(chain(3, [Identity("dropout")]))


def test_a_softmax_too_wide_for_its_sums_is_refused() -> None:
    with pytest.raises(UnsupportedOperatorError, match="at most 512"):
        export(chain(3, [layer(3, 513), Softmax()], calibration=np.ones((2, 3))))


def test_labels_must_be_one_an_output() -> None:
    with pytest.raises(PyexportError, match="1 labels for 2 outputs"):
        export(chain(3, [layer(3, 2)], labels=("one",)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheme": "int4"}, "int8, float32"),
        ({"target": "z80"}, "cortex-m4"),
        ({"name": "int"}, "keyword"),
    ],
)
def test_an_unknown_choice_is_refused_with_the_known_ones(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        ExportOptions(**{"name": "net", **options})


def test_per_tensor_scales_are_one_a_layer() -> None:
    exported = export(build(DIGITS), per_channel=False)
    assert "one scale a layer" in exported.header
    for node in exported.artifact.graph.nodes:
        assert len(set(node.op.weight_scale.tolist())) == 1  # type: ignore[attr-defined]
    assert "one scale an output" in export(build(DIGITS)).header


def test_the_input_model_is_left_as_it_was() -> None:
    model = build(DIGITS)
    before = [n.op.weight.copy() for n in model.graph.nodes if hasattr(n.op, "weight")]
    export_model(model, ExportOptions("net"))
    after = [n.op.weight for n in model.graph.nodes if hasattr(n.op, "weight")]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_the_certificate_is_that_of_the_bounds_and_none_for_floats() -> None:
    for scheme, fits in (("int8", True), ("float32", None)):
        manifest = json.loads(export(build(DIGITS), scheme=scheme).files()["net.json"])
        assert manifest["certificates"] == {"accumulators_fit_int32": fits}
