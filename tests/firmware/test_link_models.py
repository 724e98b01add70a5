"""Models of every kind over the link: floats, one output, many outputs, many inputs."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import pyexport
from pyexport.pipeline import Export
from pyexport.project import project_files
from pyexport.runners.link import open_link
from scripts.link_simulator import FIRMWARE
from tests.firmware.tcp_board import build_program, running
from tests.networks import Recipe, export_recipe
from tests.several import export_net

RECIPES = {
    "float32": Recipe((7, 40, 3), "relu6", True, (-1.0, 1.0), False, "float32"),
    "one output": Recipe((1, 8, 1), input_range=(-1.0, 1.0), whole=False),
    "300 outputs": Recipe((5, 300), "none", input_range=(-100.0, 100.0)),
    "600 inputs": Recipe((600, 4, 2), input_range=(1.0, 200.0)),
    "long names": Recipe((3, 2)),
}
LONG = "n" * 63


def include_folder(exported: Export, folder: Path) -> Path:
    """Write the include folder of a firmware project that runs an export."""
    model = folder / "model"
    model.mkdir(parents=True)
    shutil.copy(FIRMWARE / "include" / "model.h", folder)
    for name, content in project_files(exported).items():
        (model / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("kind", RECIPES)
def test_a_board_answers_bit_for_bit(kind: str, tmp_path: Path) -> None:
    exported = export_recipe(RECIPES[kind], LONG if kind == "long names" else "net")
    include = include_folder(exported, tmp_path / "include")
    program = build_program(tmp_path, include, "b" * 40)
    with running(program) as board:
        report = pyexport.verify(exported, port=board.port, random_rows=200)
    (target,) = report.targets
    assert report.problems == ()
    assert target.target == "b" * 32, "a board's name is cut off, so that the buffer holds it"
    assert target.rows >= 200
    has_argmax = exported.artifact.graph.output.size > 1
    assert (target.classes == target.rows) is has_argmax
    assert (target.tie_vectors > 0) is has_argmax


@pytest.mark.parametrize("name", ["fused", "sensor"])
def test_several_inputs_and_outputs_cross_the_link_as_one_block(name: str, tmp_path: Path) -> None:
    """Images beside features, and bytes beside 16-bit readings, which lie at an even address."""
    exported = export_net(name)
    program = build_program(tmp_path, include_folder(exported, tmp_path / "include"))
    with running(program) as board:
        report = pyexport.verify(exported, port=board.port, random_rows=100)
    (target,) = report.targets
    assert report.problems == ()
    assert (target.rows >= 100, target.classes) == (True, 0)


def test_a_board_whose_self_test_fails_says_so_and_still_answers(tmp_path: Path) -> None:
    exported = export_recipe(Recipe((12, 8, 4)))
    include = include_folder(exported, tmp_path / "include")
    header = include / "model" / "net.h"
    text = header.read_text(encoding="utf-8")
    broken = re.sub(
        r"(#define NET_CRC32 UINT32_C\(0x)(.)", lambda m: m[1] + "1F"[m[2] == "1"], text
    )
    assert broken != text
    header.write_text(broken, encoding="utf-8")
    with running(build_program(tmp_path, include)) as board:
        link = open_link(board.port)
        assert link.identify().selftest is False
        link.close()
        report = pyexport.verify(exported, port=board.port, random_rows=50)
    (target,) = report.targets
    assert report.problems == ("tcp: the header's own self-test fails",)
    assert (target.differing_rows, target.rows >= 50) == (0, True)
