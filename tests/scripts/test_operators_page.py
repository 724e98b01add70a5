"""docs/operators.md is the present state of the registries."""

from __future__ import annotations

import pytest

from pyexport.ir import FLOAT_OPERATORS
from scripts import operators_page


def test_the_page_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert operators_page.main(["--check"]) == 0, capsys.readouterr().err


def test_every_operator_and_every_name_that_is_read_stands_in_it() -> None:
    assert set(operators_page.READ_AS) == {op.kind for op in FLOAT_OPERATORS}
    rows = [*operators_page.READ_AS.values(), operators_page.NOTHING]
    assert {name for row in rows for name in row.split()} == operators_page.read_names()


def test_an_outdated_page_is_noticed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(operators_page.READ_AS, "argmax", "argmax argmin")
    assert operators_page.main(["--check"]) == 1
    assert "operators.md is out of date" in capsys.readouterr().err
