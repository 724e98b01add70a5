"""The figures of the example models: that they can fail, and what the committed models give."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pyexport.artifact import quantize_inputs
from pyexport.ir import Dataset
from pyexport.simulator.fast import FastSimulator
from scripts.evidence_topics import example_agreement, operators_models
from scripts.evidence_topics.example_files import Trained, trained_examples
from scripts.evidence_topics.example_measures import Measured, measure, wrong_on_host
from scripts.evidence_topics.figures import Context
from scripts.example_models import gestures

ROOT = Path(__file__).resolve().parent.parent.parent
GOOD = Measured(
    name="lenet_mnist", title="LeNet-5", is_anomaly=False, parameters=61_706, macs=416_520,
    rows=400, float_score=0.9, int8_score=0.895, tables=63_000, scratch=5_880, host_wrong=0,
    chip="cortex-m0", chip_rows=3, chip_wrong=0, flash=66_000, stack=6_000,
    inference="1 instructions", compiler="cc",
)  # fmt: skip
DETECTOR = replace(GOOD, name="autoencoder", is_anomaly=True, float_score=0.95, int8_score=0.947)


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setattr(gestures, "_TRAIN", 1)
    monkeypatch.setattr(gestures, "_TEST", 60)
    return Context(ROOT, tmp_path, True, lambda text: None)


@pytest.fixture
def gru(context: Context) -> Trained:
    return next(t for t in trained_examples(context) if t.example.family == "gru")


def test_half_a_point_is_allowed_and_three_rows_of_400_are_not() -> None:
    loss, _, area = operators_models.figures_of([GOOD, DETECTOR])
    assert loss.ok and area.ok
    assert loss.measured == "0.50 points at most (lenet_mnist)"
    assert area.measured == "0.0030 at most (autoencoder)"
    (worse, _) = operators_models.figures_of([replace(GOOD, int8_score=0.9 - 3 / 400)])
    assert not worse.ok
    *_, far = operators_models.figures_of([GOOD, replace(DETECTOR, int8_score=0.94)])
    assert not far.ok


def test_int8_that_is_much_better_than_float_is_no_agreement_either() -> None:
    (figure, _) = operators_models.figures_of([replace(GOOD, int8_score=0.95)])
    assert not figure.ok


def test_the_page_of_the_examples_shows_both_tables_and_keeps_its_text() -> None:
    page = (ROOT / "docs" / "examples.md").read_text(encoding="utf-8")
    written = operators_models.with_tables(page, [GOOD, DETECTOR])
    assert "| lenet_mnist | LeNet-5 | 61,706 |" in written
    assert "| autoencoder | 63,000 |" in written
    assert written.startswith(page[: page.index("<!-- scores")])
    assert operators_models.with_tables(written, [GOOD, DETECTOR]) == written
    with pytest.raises(ValueError, match="lacks the marks"):
        operators_models.with_tables("# Example models\n", [GOOD])


@pytest.mark.parametrize("wrong", [{"host_wrong": 1}, {"chip_wrong": 1}, {"chip_rows": 0}])
def test_a_differing_row_or_no_row_fails(wrong: dict[str, int]) -> None:
    (_, equal) = operators_models.figures_of([replace(GOOD, **wrong)])
    assert not equal.ok


def test_a_committed_model_runs_on_an_uno_as_in_the_simulator(gru: Trained) -> None:
    found = measure(gru)
    assert (found.host_wrong, found.chip_wrong, found.chip) == (0, 0, "atmega328p")
    assert found.rows == 60
    assert found.parameters == 36 * 24 + 72 * 24 + 144 + 24 * 8 + 8 + 6
    assert found.macs > 32 * (36 * 24 + 72 * 24)
    assert 0.8 < found.float_score < 0.95


def test_an_interrupted_run_resumes_and_another_model_is_measured_anew(
    context: Context, gru: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[str] = []

    def once(trained: Trained) -> Measured:
        runs.append(trained.example.name)
        return GOOD

    monkeypatch.setattr(operators_models, "measure", once)
    assert operators_models.measured(context, gru) == GOOD
    assert operators_models.measured(context, gru) == GOOD
    assert runs == ["gru_gestures"]
    other = context.folder / gru.path.name
    other.write_bytes(gru.path.read_bytes() + b"another")
    operators_models.measured(context, replace(gru, path=other))
    assert len(runs) == 2


def test_c_that_computes_another_byte_is_found(gru: Trained) -> None:
    export = gru.export()
    rows = quantize_inputs(export.artifact, Dataset(gru.test.inputs.astype(np.float64)))
    outputs = FastSimulator(export.artifact.graph).run(rows)
    assert wrong_on_host(export, rows, outputs) == 0
    outputs[7, 2] += 1
    assert wrong_on_host(export, rows, outputs) == 1


def test_the_reference_agrees_with_pytorch_and_a_wrong_gradient_does_not(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(example_agreement, "ROWS", 4)
    values, gradients = operators_models.agreement(context)
    assert values.ok and gradients.ok
    monkeypatch.setattr(example_agreement, "_gradients", lambda *a: np.ones((4, 384)))
    _, gradients = operators_models.agreement(context)
    assert not gradients.ok
    assert values.what != gradients.what


def test_every_example_has_an_export_by_its_name(context: Context) -> None:
    names = [name for name, export in operators_models.exports(context) if export.program.steps]
    assert names == ["series_gestures", "gru_gestures"]
