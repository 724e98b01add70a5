"""A stated threshold becomes an exact output value, a C function, and an accuracy."""

from __future__ import annotations

import json
import math
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyexport
from pyexport.artifact import read_artifact
from pyexport.decision import DECIDED, decide, least_yes
from pyexport.errors import InvalidModelError
from pyexport.ir import Clamp, Dataset, Linear, Model, QuantParams, Softmax, Tensor
from pyexport.verify.compare import class_words, tie_outputs
from tests.cli.command import pyexport as command
from tests.networks import chain, export

SCHEMES = ("int8", "float32")
ROWS = np.random.default_rng(7).integers(0, 17, size=(60, 3)).astype(float)
WEIGHT = np.array([[0.5, -0.25, 0.125]])
SUMS = ROWS @ WEIGHT[0] - 1.0


def alarm(**stated: Any) -> Model:
    """Return one linear output, its sum, with a threshold of 1.3 and true classes."""
    evaluation = Dataset(ROWS, (SUMS >= 1.3).astype(np.int64))
    given = {"calibration": ROWS, "evaluation": evaluation, "output_threshold": 1.3} | stated
    return chain(3, [Linear(WEIGHT, np.array([-1.0]))], **given)


def two_classes(threshold: float = 0.7) -> Model:
    first = Linear(np.array([[1.0, -1, 0], [0, 0.5, 0.5]]), np.zeros(2))
    second = Linear(np.array([[0.4, -0.2], [-0.3, 0.25]]), np.zeros(2))
    ops = [first, Clamp(0.0, math.inf), second, Softmax()]
    return chain(3, ops, calibration=ROWS, output_threshold=threshold)


@pytest.mark.parametrize("seed", range(20))
def test_the_least_byte_is_exactly_the_first_that_reaches_the_threshold(seed: int) -> None:
    random = np.random.default_rng(seed)
    scale = float(random.uniform(1e-3, 2.0)) if seed % 2 else 1 / 256
    quant = QuantParams("s8", scale, int(random.integers(-5, 5)), -128, 127)
    output = Tensor("y", (1,), "s8", quant)
    on_grid = scale * int(random.integers(-60, 60))
    for threshold in (on_grid, float(random.uniform(-100, 100) * scale)):
        least = least_yes(threshold, output)
        assert isinstance(least, int)
        reals = [Fraction(scale) * (q - quant.zero_point) for q in (least - 1, least)]
        assert reals[0] < Fraction(threshold) <= reals[1]


@pytest.mark.parametrize("threshold", [0.1, 0.5, 1 / 3, -0.7, 1e-50, 0.0])
def test_a_float_threshold_is_rounded_up_to_a_float32(threshold: float) -> None:
    least = least_yes(threshold, Tensor("y", (1,), "f32"))
    assert float(np.float32(least)) == least >= threshold
    assert float(np.nextafter(np.float32(least), np.float32(-np.inf))) < threshold


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_header_declares_the_decision(scheme: str) -> None:
    result = export(alarm(output_unit="bar"), scheme=scheme)
    least = result.artifact.least_yes
    assert least is not None
    value = f"({least})" if scheme == "int8" else "(1.29999995f)"
    if scheme == "float32":
        assert float(np.float32(1.3)) < 1.3  # the nearest float32 lies below: the next is printed
        value = "(1.30000007f)"
    assert f"#define NET_THRESHOLD {value}\n" in result.header
    assert "/* The least output value whose real number is 1.3 bar or more. */" in result.header
    assert "static inline bool net_decide(" in result.header
    assert "THRESHOLD" not in export(alarm(output_threshold=None), scheme=scheme).header


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("model", [alarm, two_classes])
def test_the_compiled_decision_is_compared_with_the_simulator(model: Any, scheme: str) -> None:
    result = export(model(), scheme=scheme)
    outputs = tie_outputs(result.artifact)
    least = result.artifact.least_yes
    assert least is not None
    assert set(decide(outputs, least).tolist()) == {True, False}
    report = pyexport.verify(result, ["host"], ["random", "dataset"], random_rows=50)
    assert report.problems == ()
    assert report.targets[0].classes > 0
    assert report.targets[0].tie_vectors == len(outputs)


@pytest.mark.parametrize(
    ("old", "new"),
    [(">= NET_THRESHOLD;", "> NET_THRESHOLD;"), ("NET_OUTPUT_SIZE - 1] >=", "0] >=")],
)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_wrong_decision_is_noticed(tmp_path: Path, scheme: str, old: str, new: str) -> None:
    result = export(two_classes(), scheme=scheme)
    result.write(tmp_path)
    header = tmp_path / "net.h"
    assert old in result.header
    header.write_text(result.header.replace(old, new))
    report = pyexport.verify(header, ["host"], ["random"], random_rows=200)
    assert any("class" in problem for problem in report.observed)


def test_a_class_word_holds_both_answers() -> None:
    words = class_words(np.array([[3, 5], [7, 6], [0, 4]]), 5)
    assert words.tolist() == [1 | DECIDED, DECIDED, 1]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_one_output_with_a_threshold_has_an_accuracy(scheme: str) -> None:
    accuracy = export(alarm(), scheme=scheme).artifact.accuracy
    assert accuracy is not None
    assert (accuracy.rows, accuracy.float_correct) == (60, 60)
    assert accuracy.exported_correct >= 58


def test_one_output_without_a_threshold_asks_for_it() -> None:
    result = export(alarm(output_threshold=None))
    assert result.artifact.accuracy is None
    (warning,) = (w for w in result.warnings if "classes" in w)
    assert "state output.threshold" in warning


@pytest.mark.parametrize(("threshold", "when"), [(1e4, "never"), (-1e4, "always")])
def test_a_threshold_that_no_output_crosses_is_refused(threshold: float, when: str) -> None:
    with pytest.raises(InvalidModelError, match=f"would {when} be reached: the exported output"):
        export(alarm(output_threshold=threshold))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_regression_is_measured_by_its_errors(tmp_path: Path, scheme: str) -> None:
    targets = (SUMS + np.where(np.arange(60) % 2, 0.5, -0.5)).reshape(60, 1)
    model = alarm(
        evaluation=Dataset(ROWS, targets), output_task="regression", output_unit="bar",
        output_threshold=None,
    )  # fmt: skip
    result = export(model, scheme=scheme)
    errors = result.artifact.errors
    assert errors is not None and result.artifact.accuracy is None
    assert errors.float_rmse == pytest.approx(0.5)
    assert errors.float_mae == pytest.approx(0.5)
    assert errors.exported_rmse == pytest.approx(0.5, abs=0.1)
    assert re.search(r" \* errors +float RMSE 0\.5 bar, MAE 0\.5 bar; exported", result.header)
    result.write(tmp_path)
    assert read_artifact(tmp_path / "net.px").errors == errors
    assert json.loads((tmp_path / "net.json").read_text())["errors"]["rows"] == 60
    np.savez(tmp_path / "rows.npz", inputs=ROWS, targets=targets)
    done = command("simulate", tmp_path / "net.px", tmp_path / "rows.npz", "--json")
    assert json.loads(done.out)["errors"]["rmse"] == pytest.approx(errors.exported_rmse)


def test_simulate_and_inspect_show_the_decision(tmp_path: Path) -> None:
    export(alarm(labels=("leak",), output_unit="bar")).write(tmp_path)
    np.savez(tmp_path / "rows.npz", inputs=ROWS, targets=(SUMS >= 1.3).astype(int))
    shown = command("simulate", tmp_path / "net.px", tmp_path / "rows.npz")
    assert shown.status == 0
    assert "decision" in shown.out and "accuracy" in shown.out
    document = json.loads(
        command("simulate", tmp_path / "net.px", tmp_path / "rows.npz", "--json").out
    )
    assert set(document["decisions"]) == {True, False}
    inspected = command("inspect", tmp_path / "net.px").out
    assert "threshold 1.3: yes from output byte" in inspected
    assert "labels  leak" in inspected


@pytest.mark.parametrize(
    "target", ["cortex-m0", "rv32imc", "atmega328p", "wasm32", "host-sanitized"]
)
def test_the_decision_is_compared_on_chips(target: str) -> None:
    for model, scheme in ((alarm(), "int8"), (two_classes(), "float32")):
        result = export(model, scheme=scheme)
        report = pyexport.verify(result, [target], ["random", "dataset"], random_rows=20)
        assert report.problems == ()
        assert report.targets[0].tie_vectors == len(tie_outputs(result.artifact))
