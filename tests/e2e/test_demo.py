"""scripts/demo.py on a model that was made before: the table has a line for each target."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from rich.console import Console

import pyexport
from pyexport.runners import available

ROOT = Path(__file__).resolve().parents[2]
AVR = "atmega328p"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny saved model with rows to evaluate on."""
    import torch

    from tests.frontends.models import seeded

    rows = np.floor(np.random.default_rng(2).uniform(0, 17, size=(12, 8)))
    path = tmp_path_factory.mktemp("demo") / "model.pt"
    module = seeded(
        lambda: torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3))
    )
    pyexport.save(
        module, torch.zeros(1, 8), path,
        input_range=(0, 16), calibration=rows, evaluation=(rows, np.arange(12) % 3),
    )  # fmt: skip
    return path


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, with few random rows."""
    spec = importlib.util.spec_from_file_location("demo", ROOT / "scripts" / "demo.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "demo", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "RANDOM_ROWS", 8)
    monkeypatch.setattr(module, "console", Console(width=140, highlight=False))
    return module


def run(
    demo: ModuleType, model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[int, dict[str, list[str]]]:
    """Run the demo; return its status and the cells of the table by target."""
    monkeypatch.setattr(sys, "argv", ["demo.py", "--model", str(model), "--output", str(folder)])
    with demo.console.capture() as capture:
        status = demo.main()
    lines = [re.split(r"\s{2,}", line.strip()) for line in capture.get().splitlines()]
    return status, {cells[0]: cells for cells in lines if cells[0]}


def test_the_table_has_a_line_for_every_target(
    demo: ModuleType, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = available(AVR)
    if missing is not None:
        pytest.skip(missing)
    status, rows = run(demo, model, tmp_path, monkeypatch)
    assert status == 0
    heading = rows["target"]
    for target in (*demo.CHIPS, AVR):
        cells = dict(zip(heading, rows[target], strict=True))
        assert cells["mismatches"] == "0"
        assert cells["RAM"] == "0 B"
        assert cells["compared"] == f"{20 * (3 + 4 * 9):,} B"
        assert cells["float"].endswith(" %")
        assert ("cycles" in cells["instructions"]) == (target == AVR)
        assert cells["compiler"].endswith(("-Os", "-O2"))
    assert (tmp_path / "digits.h").exists()
    page = (tmp_path / "digits.report.html").read_text()
    assert "<strong>PASS:</strong>" in page and "the run that the demo printed" in page


def test_without_avr_tools_one_line_says_what_to_install(
    demo: ModuleType, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "CHIPS", ("cortex-m0",))
    monkeypatch.setattr(demo, "available", lambda name: f"{name}: apt-get install gcc-avr")
    status, rows = run(demo, model, tmp_path, monkeypatch)
    assert status == 0
    assert AVR not in rows
    assert f"{AVR} was left out: {AVR}: apt-get install gcc-avr" in rows


def test_a_model_that_is_refused_ends_the_demo(
    demo: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.pt").write_bytes(b"no model")
    with pytest.raises(SystemExit) as end:
        run(demo, tmp_path / "model.pt", tmp_path / "out", monkeypatch)
    assert end.value.code == 2
