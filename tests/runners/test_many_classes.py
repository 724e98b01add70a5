"""A class index of more than a byte comes back whole from every kind of harness."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pyexport
from pyexport.pipeline import Export
from pyexport.runners import available, open_runner
from pyexport.verify import Subject, subject_from_header
from tests import networks
from tests.networks import Recipe

CLASSES = 300


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Export, Path]:
    """A model of 300 classes, in memory and on disk."""
    made = networks.export_recipe(Recipe((4, CLASSES), "none"), "many")
    folder = tmp_path_factory.mktemp("many")
    made.write(folder)
    return made, folder / "many.h"


@pytest.mark.parametrize(
    "name", ["host", "host-sanitized", "cortex-m0", "rv32imc", "rv32ec", "wasm32", "atmega328p"]
)
def test_the_class_of_each_output_comes_back(exported: tuple[Export, Path], name: str) -> None:
    missing = available(name)
    if missing is not None:
        pytest.skip(missing)
    made, header = exported
    subject = Subject(made.artifact, made.program, header)
    runner = open_runner(name, header, subject.interface)
    peaks = np.where(np.eye(CLASSES, dtype=bool), 127, -128).astype(np.int8)
    peaks = peaks[[0, 1, 254, 255, 256, 257, CLASSES - 1]]
    assert runner.argmax(peaks).tolist() == [0, 1, 254, 255, 256, 257, CLASSES - 1]
    rows = networks.device_rows(made, 20)
    result = runner.run(rows)
    assert result.classes is not None
    assert result.classes.tolist() == result.outputs.argmax(axis=1).tolist()
    assert runner.selftest()


def test_an_argmax_of_many_classes_that_takes_the_last_of_a_tie_is_noticed(
    exported: tuple[Export, Path], tmp_path: Path
) -> None:
    _, header = exported
    text = header.read_text()
    assert "out[i] > out[best]" in text
    (tmp_path / "many.px").write_bytes(header.with_suffix(".px").read_bytes())
    (tmp_path / "many.h").write_text(text.replace("out[i] > out[best]", "out[i] >= out[best]"))
    assert subject_from_header(header).interface.has_argmax
    report = pyexport.verify(tmp_path / "many.h", suites=("random",), random_rows=50)
    assert any("argmax" in problem for problem in report.problems)
