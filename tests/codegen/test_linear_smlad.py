"""Kernels on pairs of products give the simulator's bytes and sums, in constant time."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.runners import open_runner
from pyexport.verify import Subject
from tests.codegen.test_linear_swar import NETWORKS, exported, kernels, require_equal
from tests.networks import Recipe, build, device_rows

CHIPS = ("cortex-m4", "cortex-m7", "cortex-m33")


def wide(name: str, goal: str, target: str | None = None) -> Export:
    """Return an export whose sums fit 24 bits, and in some layers 16."""
    options = ExportOptions(
        "net", optimize=goal, target=target, kernels=("linear_smlad24",), check_fits=False
    )
    return export_model(build(NETWORKS[name]), options)


@pytest.mark.parametrize("name", NETWORKS)
def test_portable_c_gives_the_bytes_and_sums_of_the_simulator(tmp_path: Path, name: str) -> None:
    export = wide(name, "speed")
    assert set(kernels(export)) == {"linear_smlad24"}
    require_equal(export, "host-sanitized", tmp_path)


@pytest.mark.parametrize("target", CHIPS)
def test_a_chip_gives_the_same(tmp_path: Path, target: str) -> None:
    require_equal(wide("remainders", "speed", target), target, tmp_path)


def test_sums_of_more_than_24_bits_take_four_instructions_for_four(tmp_path: Path) -> None:
    sizes = Recipe((2500, 5), activation="none", input_range=(-128.0, 127.0))
    export = export_model(build(sizes), ExportOptions("net", optimize="speed", target="cortex-m4"))
    op = export.artifact.graph.nodes[0].op
    assert max(op.acc_high.max(), -op.acc_low.min()) > 1 << 23  # type: ignore[attr-defined]
    assert kernels(export) == ["linear_smlad32"]
    require_equal(export, "cortex-m4", tmp_path)


@pytest.mark.parametrize(("goal", "lanes"), [("constant-time", 16), ("balanced", 32)])
def test_every_input_takes_as_many_instructions(tmp_path: Path, goal: str, lanes: int) -> None:
    make = exported if lanes == 16 else wide
    export = make("digits", goal, "cortex-m4")
    assert set(kernels(export)) == {"linear_smlad24"}
    header = tmp_path / "net.h"
    header.write_text(export.header, encoding="utf-8")
    subject = Subject(export.artifact, export.program, header, "net.h")
    measured = open_runner("cortex-m4", header, subject.interface).measure(device_rows(export, 20))
    assert measured.count_min == measured.count_max


def test_an_m33_without_the_extension_runs_the_portable_c(tmp_path: Path) -> None:
    """The same header compiles there, and holds no instruction of the extension."""
    header, source = tmp_path / "net.h", tmp_path / "net.c"
    header.write_text(wide("remainders", "speed", "cortex-m33").header, encoding="utf-8")
    source.write_text(
        '#include "net.h"\nvoid run(const uint8_t *in, int8_t *out);\n'
        "void run(const uint8_t *in, int8_t *out) { net_predict(in, out); }\n",
        encoding="utf-8",
    )
    found = {}
    for core in ("cortex-m33", "cortex-m33+nodsp"):
        command = ["arm-none-eabi-gcc", f"-mcpu={core}", "-mthumb", "-O2", "-std=c99", "-S"]
        command += ["-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror", "-o", "-"]
        text = subprocess.run(
            [*command, str(source)], capture_output=True, text=True, check=True
        ).stdout
        found[core] = bool(re.search("smlad|smmla|sxtb16|usat", text))
    assert found == {"cortex-m33": True, "cortex-m33+nodsp": False}


@pytest.mark.parametrize("level", ["-O0", "-Os", "-O3"])
def test_the_assembly_leaves_compilers_enough_registers(tmp_path: Path, level: str) -> None:
    """At -O0 the frame pointer takes one more; sums of 32 bits need a spare one."""
    sizes = replace(NETWORKS["signed"], sizes=(2500, 5, 4, 3), input_range=(-128.0, 127.0))
    options = ExportOptions("net", optimize="speed", target="cortex-m4")
    header, source = tmp_path / "net.h", tmp_path / "net.c"
    header.write_text(export_model(build(sizes), options).header, encoding="utf-8")
    source.write_text(
        '#include "net.h"\nvoid run(const int8_t *in, int8_t *out);\n'
        "void run(const int8_t *in, int8_t *out) { net_predict(in, out); }\n",
        encoding="utf-8",
    )
    command = ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", level, "-fno-omit-frame-pointer"]
    subprocess.run([*command, "-S", "-o", "-", str(source)], capture_output=True, check=True)
