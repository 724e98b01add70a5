"""The Arduino sketches: built with Arduino's own core, and run on an emulated Uno."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pyexport.project import write_package
from scripts.make_firmware_example import from_artifact
from tests.firmware import arduino_core

ROOT = Path(__file__).resolve().parent.parent.parent
SKETCHES = sorted((ROOT / "examples").rglob("*.ino"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example model as Arduino and PlatformIO libraries, and room for builds."""
    missing = arduino_core.missing()
    if missing is not None:
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("sketches")
    for kind in ("arduino", "platformio"):
        write_package(from_artifact(), kind, folder / kind)
    return folder


def test_a_sketch_lies_in_a_folder_of_its_name() -> None:
    assert SKETCHES
    assert [path.parent.name for path in SKETCHES] == [path.stem for path in SKETCHES]


def test_the_digits_sketch_reads_what_is_drawn_in_it(folder: Path) -> None:
    sketch = ROOT / "examples" / "digits_on_arduino" / "digits_on_arduino.ino"
    image = arduino_core.build(sketch, folder / "arduino" / "src", folder / "digits")
    seen = arduino_core.serial_output(image, until="this is a 7")
    assert "self-test: passed" in seen
    assert re.findall(r"this is a (\d), seen in (?:\d+) microseconds", seen)[:3] == ["3", "5", "7"]
    assert " .ooo#o |" in seen


@pytest.mark.parametrize("kind", ["arduino", "platformio"])
def test_the_sketch_of_a_library_passes_its_self_test(folder: Path, kind: str) -> None:
    sketch = folder / kind / "examples" / "selftest" / "selftest.ino"
    image = arduino_core.build(sketch, folder / kind / "src", folder / f"selftest-{kind}")
    seen = arduino_core.serial_output(image, until="zeros: ")
    assert "model: digits\nself-test: passed\n" in seen
    microseconds = re.search(r"microseconds of one inference: (\d+)", seen)
    assert microseconds is not None
    assert 1_000 < int(microseconds[1]) < 20_000
