"""A header on disk and the artifact beside it: strangers are refused, other exports fail."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import pyexport
from pyexport.errors import CheckFailedError, FileFormatError
from pyexport.ir import Linear
from pyexport.runners import available
from pyexport.verify import subject_from_header
from pyexport.verify.subject import header_interface
from tests import networks
from tests.networks import Recipe


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    pyexport.export(networks.build(Recipe((6, 5, 3))), tmp_path, "net")
    return tmp_path


def test_a_header_is_read_with_its_artifact(exported: Path) -> None:
    subject = subject_from_header(exported / "net.h")
    interface = subject.interface
    assert subject.artifact.name == "net"
    assert (interface.input_dtype, interface.input_size) == ("u8", 6)
    assert (interface.output_dtype, interface.output_size) == ("s8", 3)
    assert interface.trace_sizes == (5, 3)
    assert interface.has_argmax
    text = (exported / "net.h").read_text()
    assert [s for s in interface.parameter_symbols if f" {s}[" not in text] == []


def test_a_header_without_an_artifact_tells_what_is_missing(exported: Path) -> None:
    (exported / "net.px").unlink()
    with pytest.raises(FileFormatError, match=r"net\.px must lie beside it") as caught:
        subject_from_header(exported / "net.h")
    assert str(exported / "net.h") in str(caught.value)


@pytest.mark.parametrize("text", ["", "int x;\n", '#define NET_IDENTITY "12"\n'])
def test_a_foreign_header_is_refused(exported: Path, text: str) -> None:
    (exported / "net.h").write_text(text)
    with pytest.raises(FileFormatError, match="not a header that pyexport wrote"):
        subject_from_header(exported / "net.h")


def test_a_file_that_is_no_text_is_refused(exported: Path) -> None:
    (exported / "net.h").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileFormatError, match="cannot be read as a header"):
        subject_from_header(exported / "net.h")
    with pytest.raises(FileFormatError, match="does not exist"):
        subject_from_header(exported / "none.h")


def test_the_artifact_of_another_export_fails(exported: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    pyexport.export(networks.build(Recipe((6, 5, 3), seed=9)), other, "net")
    shutil.copy(other / "net.px", exported / "net.px")
    with pytest.raises(CheckFailedError, match=r"another export than net\.px \(identity [0-9a-f]"):
        subject_from_header(exported / "net.h")


def test_the_artifact_of_another_name_fails(exported: Path) -> None:
    pyexport.export(networks.build(Recipe((6, 5, 3))), exported, "other")
    shutil.copy(exported / "other.px", exported / "net.px")
    with pytest.raises(CheckFailedError, match="another export"):
        subject_from_header(exported / "net.h")


def test_a_runner_learns_which_inputs_are_legal(exported: Path) -> None:
    interface = subject_from_header(exported / "net.h").interface
    assert (interface.input_low, interface.input_high) == (0, 16)
    recipe = Recipe((6, 3), scheme="float32", input_range=(-2.0, 0.5), whole=False)
    floats = networks.export_recipe(recipe)
    other = header_interface(floats.artifact, floats.program)
    assert (other.input_low, other.input_high) == (-2.0, 0.5)


def test_a_sum_that_only_illegal_inputs_overflow_is_no_finding() -> None:
    weight = np.array([[1.0, -1.0, 1e-7, 0.0]], dtype=np.float32)
    model = networks.chain(
        4,
        [Linear(weight, np.zeros(1, np.float32))],
        input_range=(0.0, 1.0),
        calibration=[[1, 1, 1, 0], [0, 0, 1, 1], [0, 0, 0, 0], [1, 1, 0, 1]],
    )
    missing = available("host-sanitized")
    if missing is not None:
        pytest.skip(missing)
    report = pyexport.verify(networks.export(model), ("host-sanitized",), random_rows=20)
    assert report.problems == ()
