"""The text of a header on disk is compared with what pyexport prints, where that is known."""

from __future__ import annotations

from pathlib import Path

import pytest

import pyexport
from pyexport.verify import Report
from pyexport.verify.text import text_finding
from tests import networks
from tests.networks import Recipe


def verify(folder: Path, *edit: str) -> Report:
    header = folder / "net.h"
    if edit:
        old, new = edit
        assert old in header.read_text()
        header.write_text(header.read_text().replace(old, new, 1))
    return pyexport.verify(header, suites=("random",), random_rows=5)


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    pyexport.export(networks.build(Recipe((6, 5, 3))), tmp_path, "net")
    return tmp_path


def test_an_untouched_header_is_what_is_printed(exported: Path) -> None:
    report = verify(exported)
    assert report.ok
    assert report.text is not None
    assert report.text.detail.endswith("lines are what pyexport prints")


def test_a_change_that_computes_the_same_is_named_by_line(exported: Path) -> None:
    report = verify(exported, "#define NET_INPUT_HIGH 16", "#define NET_INPUT_HIGH 15")
    assert not report.ok
    assert report.observed == ()
    (problem,) = report.problems
    number = (exported / "net.h").read_text().split("\n").index("#define NET_INPUT_HIGH 15") + 1
    assert problem == (
        f"header: text: line {number} is '#define NET_INPUT_HIGH 15', "
        "pyexport prints '#define NET_INPUT_HIGH 16'"
    )


def test_a_header_of_another_version_is_not_compared(exported: Path) -> None:
    report = verify(exported, f"pyexport {pyexport.__version__}.", "pyexport 0.0.9.")
    assert report.ok
    assert report.text is not None
    assert report.text.detail.startswith("not compared: the header was printed by pyexport 0.0.9")


def test_a_header_of_own_templates_is_not_compared(tmp_path: Path) -> None:
    templates = tmp_path / "mine"
    templates.mkdir()
    pyexport.export(networks.build(Recipe((6, 5, 3))), tmp_path, "net", templates=templates)
    report = verify(tmp_path, "#define NET_INPUT_HIGH 16", "#define NET_INPUT_HIGH 15")
    assert report.ok
    assert report.text is not None
    assert report.text.detail == "not compared: the header was printed from templates of its own"


def test_a_header_in_memory_has_no_text_to_compare() -> None:
    made = networks.export_recipe(Recipe((6, 5, 3)))
    assert pyexport.verify(made, suites=("random",), random_rows=5).text is None


def test_a_long_or_missing_line_is_quoted_shortly() -> None:
    finding = text_finding("a\n" + "x" * 100, "a\n" + "y" * 100)
    assert finding.detail == f"line 2 is '{'x' * 57}...', pyexport prints '{'y' * 57}...'"
    assert text_finding("a", "a\nb").detail == "line 2 is missing, pyexport prints 'b'"
