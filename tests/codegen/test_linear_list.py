"""Kernels over a list of inputs give the bytes and the sums of the simulator."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from pyexport.pipeline import Export, ExportOptions, export_model
from tests.codegen.test_linear_swar import NETWORKS, kernels, require_equal
from tests.networks import build

CHIPS = ("cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33")


def listed(name: str, target: str | None = None) -> Export:
    """Return an export that uses the kernel wherever it matches; for no target its blocks are C."""
    options = ExportOptions(
        "net",
        target=target,
        optimize="speed",
        lanes=16,
        kernels=("linear_list16",),
        check_fits=False,
    )
    return export_model(build(NETWORKS[name]), options)


@pytest.mark.parametrize("name", ["remainders", "signed", "tensor"])
def test_blocks_in_c(tmp_path: Path, name: str) -> None:
    export = listed(name)
    assert set(kernels(export)) == {"linear_list16"}
    require_equal(export, "host-sanitized", tmp_path)


@pytest.mark.parametrize("target", CHIPS)
def test_blocks_in_assembly(tmp_path: Path, target: str) -> None:
    export = listed("remainders", target)
    assert set(kernels(export)) == {"linear_list16"}
    require_equal(export, target, tmp_path)


@pytest.mark.parametrize("level", ["-O0", "-O2"])
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4"])
def test_assembly_compiles_at_every_level_and_as_cpp(tmp_path: Path, core: str, level: str) -> None:
    header, source = tmp_path / "net.h", tmp_path / "net.c"
    header.write_text(listed("signed", core).header, encoding="utf-8")
    source.write_text(
        '#include "net.h"\nvoid run(const int8_t *in, int8_t *out);\n'
        "void run(const int8_t *in, int8_t *out) { net_predict(in, out); }\n",
        encoding="utf-8",
    )
    for standard in (("-std=c99",), ("-x", "c++", "-std=c++11")):
        command = ["arm-none-eabi-gcc", f"-mcpu={core}", "-mthumb", level, *standard]
        command += ["-fno-omit-frame-pointer", "-Wall", "-Wextra", "-Werror", "-S", "-o", "-"]
        text = subprocess.run(
            [*command, str(source)], capture_output=True, text=True, check=True
        ).stdout
        assert "ldmia r0!, {r1, r2}" in text


def test_an_input_of_zeros_leaves_the_biases(tmp_path: Path) -> None:
    wide = replace(NETWORKS["signed"], sizes=(5, 40), input_range=(-8.0, 8.0))
    options = ExportOptions("net", optimize="speed", lanes=16, target="cortex-m0", check_fits=False)
    export = export_model(build(wide), options)
    assert kernels(export) == ["linear_list16"]
    require_equal(export, "cortex-m0", tmp_path)
