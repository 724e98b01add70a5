"""The kernel for cores without a multiplier: right bytes and sums, and no multiplication."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import pytest

from pyexport.codegen.kernels.linear_bitserial16 import shifted_sum, signed_digits
from pyexport.ir import QuantizedLinear, QuantParams
from pyexport.lower.kernels.linear_bitserial16 import digits
from pyexport.pipeline import Export, render_artifact
from pyexport.runners import open_runner
from pyexport.runners.chip_image import model_object
from pyexport.runners.unicorn_runner import UnicornRunner
from pyexport.targets import get_target
from pyexport.verify import Subject
from scripts.kernel_cases.bench import Bench
from scripts.kernel_cases.compare import artifact_for, compare_bench
from tests.codegen.compile_c import C99, CXX11, compile_c
from tests.codegen.test_linear_swar import NETWORKS, exported, kernels, require_equal
from tests.networks import device_rows


def portable(export: Export) -> Export:
    """Return the export with a header that other compilers take too: its C is portable."""
    guard = f"#if !({get_target('rv32ec').guard})"
    assert guard in export.header
    return dataclasses.replace(export, header=export.header.replace(guard, "#if 0"))


def test_signed_digits_make_up_their_number_and_have_no_neighbors() -> None:
    for value in range(1 << 15):
        found = signed_digits(value)
        assert sum(sign << exponent for sign, exponent in found) == value
        exponents = [exponent for _, exponent in found]
        assert all(a - b > 1 for a, b in pairwise(exponents))
    assert shifted_sum(23) == "(a << 5) - (a << 3) - a"
    assert shifted_sum(0) == "0u"


@pytest.mark.parametrize(
    ("dtype", "low", "high", "count"),
    [("u8", 0, 1, 1), ("u8", 0, 2, 2), ("u8", 0, 3, 3), ("u8", 0, 16, 5), ("u8", 0, 255, 9),
     ("s8", -128, 127, 8), ("s8", -128, 0, 8), ("s8", -3, 2, 3)],
)  # fmt: skip
def test_all_inputs_have_digits_enough(dtype: str, low: int, high: int, count: int) -> None:
    assert digits(QuantParams(dtype, 1.0, 0, low, high)) == count
    longest = max(signed_digits(abs(a))[0][1] + 1 for a in range(low, high + 1) if a)
    assert longest == count


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_and_sums_are_those_of_the_simulator(tmp_path: Path, name: str) -> None:
    export = exported(name, "speed", "rv32ec")
    assert set(kernels(export)) == {"linear_bitserial16"}
    require_equal(export, "rv32ec", tmp_path)


def test_more_inputs_than_a_byte_numbers() -> None:
    random = Random("long")
    bench = Bench(random, goal="speed")
    source = bench.source((300,), QuantParams("u8", 1.0, 0, 0, 2))
    weight = np.array([[random.choice([-50, -7, 9, 50]) for _ in range(300)] for _ in range(3)])
    ends = np.array([[w[w < 0].sum() * 2, w[w > 0].sum() * 2] for w in weight])
    op = QuantizedLinear(
        weight.astype(np.int8), np.zeros(3, np.int32), np.full(3, 20000, np.int32),
        np.full(3, 7, np.int32), 0, np.ones(3), ends[:, 0], ends[:, 1],
    )  # fmt: skip
    bench.wish(source, np.where(weight > 0, 2, 0))
    bench.end(bench.add(op, (source,), (3,), bench.params()))
    made = render_artifact(dataclasses.replace(artifact_for(bench, bench.rows()), target="rv32ec"))
    assert "uint16_t lists[" in made.header
    count = compare_bench(bench, ("rv32ec",))
    assert count.is_right
    assert ("linear_bitserial16", "rv32ec") in count.ran


def test_sanitizers_find_nothing(tmp_path: Path) -> None:
    require_equal(portable(exported("remainders", "speed", "rv32ec")), "host-sanitized", tmp_path)


@pytest.mark.parametrize(
    "command", [("gcc", *C99), ("clang", *C99), ("g++", *CXX11), ("clang++", *CXX11)]
)
def test_the_c_is_clean(tmp_path: Path, command: tuple[str, ...]) -> None:
    export = portable(exported("signed", "balanced", "rv32ec"))
    (tmp_path / "net.h").write_text(export.header)
    (tmp_path / "use.c").write_text('#include "net.h"\n')
    compile_c([tmp_path / "use.c"], tmp_path / "use.o", (*command, "-O2", "-c"))


def test_gcc_calls_no_multiplication(tmp_path: Path) -> None:
    """clang puts some constants together again, and calls a multiplication by them."""
    export = exported("digits", "speed", "rv32ec")
    header = tmp_path / "net.h"
    header.write_text(export.header, encoding="utf-8")
    subject = Subject(export.artifact, export.program, header, "net.h")
    runner = open_runner("rv32ec", header, subject.interface, compiler="gcc", optimize="-O2")
    assert isinstance(runner, UnicornRunner)
    assert "__mulsi3" not in model_object(runner.recipe).undefined
    assert [finding for finding in runner.check() if not finding.ok] == []
    assert runner.measure(device_rows(export, 5)).stack_bytes < 2048


def test_other_goals_and_targets_have_other_kernels() -> None:
    assert kernels(exported("two", "constant-time", "rv32ec")) == ["linear_bitmask16"]
    assert kernels(exported("two", "size", "rv32ec")) == ["linear_q15x"]
    assert kernels(exported("two", "speed", "rv32imc")) == ["linear_swar16"]
