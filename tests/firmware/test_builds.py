"""Builds with PlatformIO say which model they contain, and refuse one that does not fit."""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pyexport.ir import Clamp, Linear
from pyexport.pipeline import Export
from pyexport.project import install, write_package
from scripts.emulated_boards import PioProject, copy_project, prepare_core
from tests.networks import chain, export

pytest.importorskip("platformio")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> PioProject:
    folder = tmp_path_factory.mktemp("builds")
    return copy_project(folder / "firmware", prepare_core(folder / "core"))


def build(project: PioProject, environment: str, model: Path | None = None) -> tuple[int, str]:
    """Build one environment, PYEXPORT_MODEL set or not; return the status and what was printed."""
    variables = {k: v for k, v in os.environ.items() if not k.startswith("PYEXPORT_")}
    variables["PLATFORMIO_CORE_DIR"] = str(project.core)
    if model is not None:
        variables["PYEXPORT_MODEL"] = str(model)
    done = subprocess.run(
        [sys.executable, "-m", "platformio", "run", "-d", str(project.folder), "-e", environment],
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stdout


def network(n_in: int, hidden: int) -> Export:
    """Return an export whose size the test chooses."""
    random = np.random.default_rng(0)
    first = Linear(random.normal(size=(hidden, n_in)), random.normal(size=hidden))
    second = Linear(random.normal(size=(10, hidden)), np.zeros(10))
    rows = random.integers(0, 17, (20, n_in)).astype(float)
    return export(chain(n_in, [first, Clamp(0.0, math.inf), second], calibration=rows), "big")


def test_a_build_says_which_model_it_contains_and_follows_the_variable(
    project: PioProject, model: Path, tmp_path: Path
) -> None:
    shutil.rmtree(project.folder / "include" / "model", ignore_errors=True)
    status, printed = build(project, "native")
    assert status == 0, printed
    identity = r"identity [0-9a-f]{16}\.\.\."
    assert re.search(rf"^Model: digits, {identity}, include/example$", printed, re.M)
    mine = tmp_path / "gesture.pt"
    shutil.copy(model, mine)
    status, printed = build(project, "native", mine)
    assert status == 0, printed
    assert f"Exporting {mine} (PYEXPORT_MODEL)" in printed
    assert re.search(rf"^Model: gesture, {identity}, include/model$", printed, re.M)
    assert "src/main.o" in printed
    status, printed = build(project, "native", mine)
    assert status == 0, printed
    assert "Exporting" not in printed


def test_platformio_builds_with_a_model_that_is_a_library(project: PioProject) -> None:
    shutil.rmtree(project.folder / "include" / "model", ignore_errors=True)
    write_package(network(64, 12), "platformio", project.folder / "lib" / "big-platformio")
    user = project.folder / "src" / "user.cpp"
    user.write_text("#include <big.h>\nint size = BIG_INPUT_SIZE;\n", encoding="ascii")
    try:
        status, printed = build(project, "native")
    finally:
        user.unlink()
    assert status == 0, printed
    assert "|-- big @ 1.0.0" in printed


def test_a_bad_model_stops_the_build_in_one_line(project: PioProject, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pt"
    bad.write_bytes(b"no model")
    status, printed = build(project, "native", bad)
    assert status == 1
    (line,) = re.findall(r"^Error: (.*)$", printed, re.M)
    assert line.startswith(f"PYEXPORT_MODEL={bad}: {bad}: ")
    assert "Compiling" not in printed


@pytest.mark.parametrize(
    ("n_in", "hidden", "said"),
    [
        (64, 480, r"\d+ bytes of tables are \d+ more than the board's 32768 bytes of flash"),
        (784, 8, r"2096 bytes of input, .* are 48 more than the board's 2048 bytes of RAM"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_before_anything_is_compiled(
    project: PioProject, n_in: int, hidden: int, said: str
) -> None:
    install(network(n_in, hidden), project.folder)
    status, printed = build(project, "uno_sim")
    assert status == 1
    assert re.search(rf"^Error: big does not fit uno_sim: {said}; use a smaller", printed, re.M)
    assert "Compiling" not in printed


def test_a_program_that_does_not_fit_ends_in_a_plain_sentence(project: PioProject) -> None:
    install(network(64, 350), project.folder)
    status, printed = build(project, "uno_sim")
    assert status == 1
    assert "overflowed" in printed, "the linker says by how much"
    sentence = (
        r"^Error: the firmware for uno_sim does not link\. If .* big with its \d+ bytes of tables"
    )
    assert re.search(sentence, printed, re.M)
