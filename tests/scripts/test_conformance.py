"""The ONNX backend tests pass, and docs/conformance.md says how many."""

import re
from collections.abc import Mapping, Sequence

import pytest

from pyexport.ir import FloatArray, Graph
from scripts.conformance import PAGE, WANTED, line, run
from scripts.conformance_cases import exporting
from scripts.conformance_cases.states import FAILED, PASSED, Verdict
from scripts.conformance_cases.table import page, supported
from scripts.conformance_cases.verdicts import QUICK, Result


@pytest.fixture(scope="module")
def results() -> Sequence[Result]:
    return run(stages=QUICK)


def test_no_case_that_is_read_computes_something_else(results: Sequence[Result]) -> None:
    assert [line(result) for result in results if result.failed] == []
    assert supported(results) >= WANTED


def test_every_refusal_has_a_reason_and_a_way_out(results: Sequence[Result]) -> None:
    refused = {result.refusal for result in results if result.refusal}
    assert len(refused) > 20
    without = [r for r in refused if not re.search(r"[;:]|cannot raise|than tensors|empty", r)]
    assert without == []
    assert all("test_" not in reason and "\n" not in reason for reason in refused)


def test_the_page_counts_the_same(results: Sequence[Result]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    for suite in {result.suite for result in results}:
        own = [result for result in results if result.suite == suite]
        refused = sum(bool(result.refusal) for result in own)
        row = next(r for r in text.splitlines() if f"`{suite}`) |" in r)
        cells = [cell.strip() for cell in row.split("|")]
        assert cells[2] == str(len(own)) and cells[4] == str(refused)


def test_a_disagreement_is_counted_as_a_failure() -> None:
    good = Result("node", "test_a", ("Relu",), "", {"float": Verdict(PASSED)})
    bad = Result("node", "test_b", ("Relu",), "", {"float": Verdict(FAILED, "off by 2")})
    refused = Result("node", "test_c", ("Sin",), "Sin is not supported; use Relu", {})
    assert supported([good, bad, refused]) == 1
    text = page([good, bad, refused])
    assert "| Relu | 2 | 1 | 0 | 1 | 1 | 0 | 0 | 0 |" in text
    assert "| `test_b` | float | off by 2 |" in text
    assert "| Sin is not supported; use Relu | 1 | `c` |" in text


BOUNDED = (
    "test_Conv2d", "test_Linear", "test_averagepool_2d_default", "test_sigmoid", "test_relu",
    "test_layer_normalization_4d_axis3", "test_lstm_defaults", "test_matmul_2d",
)  # fmt: skip


@pytest.mark.parametrize("wrong", [False, True], ids=["as it is", "off by some steps"])
def test_the_interval_of_the_integers_is_narrow(
    wrong: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outputs that are off by a few hundredths of their range leave it."""
    real = exporting.simulated

    def simulated(integer: Graph, rows: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        outputs = real(integer, rows)
        return {
            name: own + wrong * 0.06 * float(own.max() - own.min()) for name, own in outputs.items()
        }

    monkeypatch.setattr(exporting, "simulated", simulated)
    states = {
        result.name: result.verdicts["int8"].state
        for name in BOUNDED
        for result in run(name, QUICK)
        if result.name == name
    }
    assert states == dict.fromkeys(BOUNDED, FAILED if wrong else PASSED)
