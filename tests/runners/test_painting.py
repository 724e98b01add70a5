"""Painted scratch shows on every kind of target what is written beside the plan or short of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyexport.runners import open_runner
from pyexport.runners.painting import OUTSIDE, scratch_finding
from pyexport.verify.subject import header_interface
from tests.networks import Recipe, export_recipe

EXPORT = export_recipe(Recipe((64, 32, 16, 10)))
TARGETS = ("host-zig", "cortex-m0", "rv32imc", "wasm32", "atmega328p")
PLANTED = {
    "as planned": ("scratch + 32", "scratch + 32", True, "48 of 48 planned bytes written"),
    "one byte too far": ("scratch + 32", "scratch + 33", False, "beside the 48 planned"),
    "before the start": ("= scratch;", "= scratch - 1;", False, "beside the 48 planned"),
    "less than planned": ("scratch + 32", "scratch + 30", False, "46 bytes were written"),
}
# predict itself has more, so that no other check sees what is planted; gcc refuses it at once
ROOM = (
    ("    net_scratch_t scratch[NET_SCRATCH_SIZE];", "    net_scratch_t scratch[64];"),
    ("net_predict_scratch(in, out, scratch);", "net_predict_scratch(in, out, scratch + 8);"),
)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("planted", PLANTED)
def test_a_buffer_that_is_not_where_the_plan_has_it_is_found(
    planted: str, target: str, tmp_path: Path
) -> None:
    right, wrong, ok, detail = PLANTED[planted]
    assert EXPORT.header.count(right) == 1
    edited = EXPORT.header.replace(right, wrong)
    for old, new in ROOM:
        assert edited.count(old) == 1
        edited = edited.replace(old, new)
    (tmp_path / "net.h").write_text(edited)
    interface = header_interface(EXPORT.artifact, EXPORT.program)
    runner = open_runner(target, tmp_path / "net.h", interface)
    (found,) = (finding for finding in runner.check() if finding.name == "scratch")
    assert found.ok == ok
    assert detail in found.detail


def test_a_model_without_scratch_writes_none(tmp_path: Path) -> None:
    exported = export_recipe(Recipe((3, 4)))
    exported.write(tmp_path)
    interface = header_interface(exported.artifact, exported.program)
    assert (interface.scratch_bytes, interface.scratch_written) == (0, 0)
    runner = open_runner("host", tmp_path / "net.h", interface)
    (found,) = (finding for finding in runner.check() if finding.name == "scratch")
    assert found.ok
    assert "0 of 0 planned bytes" in found.detail
    assert not scratch_finding(interface, OUTSIDE, 1).ok
