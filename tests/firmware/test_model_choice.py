"""The PlatformIO pre-script: which model is built, when it is exported again, whether it fits."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def load_script() -> ModuleType:
    path = ROOT / "firmware" / "scripts" / "model_choice.py"
    spec = importlib.util.spec_from_file_location("model_choice", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["model_choice"] = module
    spec.loader.exec_module(module)
    return module


choice = load_script()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A firmware project with the example only, and nothing beside it."""
    folder = tmp_path / "project"
    example = "include/example"
    shutil.copytree(ROOT / "firmware" / example, folder / example)
    shutil.copy(ROOT / "firmware" / "include" / "model.h", folder / "include")
    (folder / "platformio.ini").write_text("[platformio]\n", encoding="utf-8")
    return folder


def test_the_example_is_the_model_of_a_fresh_project(project: Path) -> None:
    model = choice.read_model(project)
    assert (model.name, model.place) == ("digits", "include/example")
    header = (project / "include" / "example" / "digits.h").read_text(encoding="ascii")
    assert f'"{model.identity}"' in header


def test_nothing_is_exported_without_the_variable(project: Path) -> None:
    assert not choice.rebuild(project, {})
    assert not (project / "include" / "model").exists()


def test_a_model_is_exported_once_and_again_when_its_file_changes(
    project: Path, model: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "gesture.pt"
    shutil.copy(model, mine)
    named = {"PYEXPORT_MODEL": "gesture.pt", "PWD": str(tmp_path)}
    assert choice.rebuild(project, named)
    built = choice.read_model(project)
    assert (built.name, built.place) == ("gesture", "include/model")
    assert not choice.rebuild(project, named)
    mine.write_bytes(mine.read_bytes() + b"\n")  # a zip archive may be followed by something
    with pytest.raises(choice.ModelError) as refusal:
        choice.rebuild(project, named)
    assert str(refusal.value).startswith("PYEXPORT_MODEL=gesture.pt: ")
    shutil.copy(model, mine)
    assert not choice.rebuild(project, named)
    assert choice.rebuild(project, {**named, "PYEXPORT_OPTIONS": "--scheme float32"})
    assert choice.read_model(project).identity != built.identity


def test_a_header_that_was_edited_is_exported_again(project: Path, model: Path) -> None:
    named = {"PYEXPORT_MODEL": str(model)}
    choice.rebuild(project, named)
    header = project / "include" / "model" / "digits.h"
    whole = header.read_bytes()
    header.write_bytes(whole + b"/* mine */\n")
    assert choice.rebuild(project, named)
    assert header.read_bytes() == whole


def test_a_file_that_the_options_name_is_found_beside_the_model_and_noticed_when_it_changes(
    project: Path, model: Path, tmp_path: Path
) -> None:
    beside = tmp_path / "beside"
    (beside / "templates").mkdir(parents=True)
    shutil.copy(model, beside / "gesture.pt")
    (beside / "random.py").write_text("raise SystemExit('not this one')\n", encoding="utf-8")
    rows = np.random.default_rng(1).uniform(0, 16, size=(20, 64))
    np.save(beside / "rows.npy", rows)
    named = {
        "PYEXPORT_MODEL": "gesture.pt",
        "PYEXPORT_OPTIONS": "--calibration rows.npy --templates=templates --output out",
        "PWD": str(beside),
    }
    assert choice.rebuild(project, named)
    assert not choice.rebuild(project, named)
    first = choice.read_model(project).identity
    np.save(beside / "rows.npy", rows / 2)
    assert choice.rebuild(project, named)
    assert choice.read_model(project).identity != first
    (beside / "templates" / "ops").mkdir()
    (beside / "templates" / "ops" / "mine.j2").write_text("mine", encoding="utf-8")
    assert choice.rebuild(project, named)
    assert not choice.rebuild(project, named)
    assert (beside / "out" / "gesture.h").is_file()


def test_a_missing_model_file_is_named(project: Path) -> None:
    with pytest.raises(choice.ModelError, match=r"PYEXPORT_MODEL=no\.pt: no such file"):
        choice.rebuild(project, {"PYEXPORT_MODEL": "no.pt"})


def test_a_missing_exporter_is_named(
    project: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(choice.ModelError, match="pip install pyexport"):
        choice.rebuild(project, {"PYEXPORT_MODEL": str(model)})


@pytest.mark.parametrize(
    ("flash", "ram", "said"),
    [
        (4_000, 2_048, "252 more than the board's 4000 bytes of flash"),
        (32_256, 500, "196 more than the board's 500 bytes of RAM"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(
    project: Path, flash: int, ram: int, said: str
) -> None:
    model = choice.read_model(project)
    choice.check_fits(model, "uno", 0, 0)
    choice.check_fits(model, "uno", 32_256, 2_048)
    with pytest.raises(choice.ModelError, match=f"digits does not fit uno: .*{said}"):
        choice.check_fits(model, "uno", flash, ram)


def test_a_file_that_pyexport_did_not_write_is_refused(project: Path) -> None:
    folder = project / "include" / "model"
    folder.mkdir()
    (folder / "pyexport.h").write_text("#define MODEL_NAME 1\n", encoding="ascii")
    with pytest.raises(choice.ModelError, match="delete include/model and export again"):
        choice.read_model(project)
