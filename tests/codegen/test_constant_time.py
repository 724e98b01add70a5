"""Kernels of constant time take one count for every input, and compute what the others do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pyexport.pipeline import Export
from pyexport.runners import open_runner
from pyexport.runners.chip_image import model_object
from pyexport.runners.unicorn_runner import UnicornRunner
from pyexport.simulator.fast import FastSimulator
from pyexport.verify import Subject, build_suites
from tests.codegen import test_linear_swar
from tests.codegen.compile_c import C99, CXX11, compile_c
from tests.codegen.test_conv_swar import SAME, Layer, exported_layers
from tests.codegen.test_linear_bitserial import portable
from tests.networks import device_rows

PLAIN = ["conv2d_q15x_ct", "max_pool2d_ct"]  # of any target
LINEAR = {"cortex-m0": "linear_block32", "rv32imc": "linear_block32"}  # elsewhere plain too
CASES = [  # wide: sums of 32 bits
    *(("wide", target) for target in ("cortex-m0", "rv32imc", "rv32ec", "atmega328p")),
    ("signed", "rv32ec"),
    ("remainders", "rv32ec"),
]


def exported(name: str, target: str) -> Export:
    if name == "wide":
        layers = [Layer(3, pad=SAME, pool=(2, 2))]
        return exported_layers((4, 4, 16), layers, "constant-time", target, 32, 0)
    return test_linear_swar.exported(name, "constant-time", target)


def names(export: Export) -> list[str]:
    found = [s.kernel for s in export.program.steps if not s.is_free]  # type: ignore[union-attr]
    return list(dict.fromkeys(found))


@pytest.mark.parametrize(("name", "target"), CASES)
def test_every_input_takes_one_count(tmp_path: Path, name: str, target: str) -> None:
    export = exported(name, target)
    wide = [*PLAIN, LINEAR.get(target, "linear_q15x_ct")]
    assert names(export) == (wide if name == "wide" else ["linear_bitmask16"])
    assert not any("constant time" in text for text in export.warnings)
    header = tmp_path / "net.h"
    header.write_text(export.header, encoding="utf-8")
    subject = Subject(export.artifact, export.program, header, "net.h")
    runner = open_runner(target, header, subject.interface, compiler="gcc", roomy=True)
    extremes = build_suites(export.artifact, ("extremes",))[0].rows[:3]
    rows = np.concatenate([device_rows(export, 4), extremes])
    assert np.array_equal(runner.run(rows).outputs, FastSimulator(export.artifact.graph).run(rows))
    measured = runner.measure(rows)
    assert measured.count_min == measured.count_max
    if target == "rv32ec":
        assert isinstance(runner, UnicornRunner)
        assert "__mulsi3" not in model_object(runner.recipe).undefined


@pytest.mark.parametrize("name", ["wide", "signed"])
@pytest.mark.parametrize(
    "command", [("gcc", *C99), ("clang", *C99), ("g++", *CXX11), ("clang++", *CXX11)]
)
def test_the_c_is_clean(tmp_path: Path, name: str, command: tuple[str, ...]) -> None:
    (tmp_path / "net.h").write_text(portable(exported(name, "rv32ec")).header)
    (tmp_path / "use.c").write_text('#include "net.h"\n')
    compile_c([tmp_path / "use.c"], tmp_path / "use.o", (*command, "-O2", "-c"))


def test_a_wrong_mask_is_found(tmp_path: Path) -> None:
    export = exported("remainders", "rv32ec")
    assert "& 1u);" in export.header
    wrong = replace(portable(export), header=portable(export).header.replace("& 1u);", "& 3u);"))
    test_linear_swar.require_equal(portable(export), "host-sanitized", tmp_path)
    with pytest.raises(AssertionError):
        test_linear_swar.require_equal(wrong, "host", tmp_path)
