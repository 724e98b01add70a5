"""Blocks and immediates on AVR give the simulator's bytes and sums, in assembly and in C."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from pyexport.codegen.text import MAX_LINE
from pyexport.lower.kernels.linear_acc16 import MOST_SUMS, block_sizes
from pyexport.pipeline import Export, ExportOptions, export_model, render_artifact
from pyexport.runners import open_runner
from pyexport.verify import Subject
from scripts.kernel_cases import compare as comparing
from scripts.kernel_cases.bench import Bench
from scripts.kernel_cases.compare import Count, artifact_for, compare
from scripts.kernel_cases.sums import narrow_linear_of
from tests.codegen.test_linear_swar import exported, kernels, require_equal
from tests.networks import Recipe, build, device_rows

CHIP = "atmega328p"
KERNELS = {"balanced": "linear_acc16", "speed": "linear_ldi16", "constant-time": "linear_acc16"}


def bench_of_sizes(sizes: range, goal: str, seed: str) -> Bench:
    bench = Bench(Random(seed))
    bench.goal = goal
    for n_out in sizes:
        narrow_linear_of(bench.random, bench, bench.random.choice([1, 2, 7, 16]), n_out)
    return bench


def compared(bench: Bench, target: str) -> Count:
    rows = bench.rows()
    return compare(artifact_for(bench, rows), rows, (target,))


def forged(monkeypatch: pytest.MonkeyPatch, change: Callable[[str], str]) -> None:
    """Change the text of every header of the chip that is compared."""

    def render(artifact: object) -> Export:
        made = render_artifact(replace(artifact, target=CHIP))  # type: ignore[type-var]
        return replace(made, header=change(made.header))

    monkeypatch.setattr(comparing, "render_artifact", render)


@pytest.mark.parametrize("goal", KERNELS)
def test_an_atmega_sums_in_pairs_of_registers(tmp_path: Path, goal: str) -> None:
    export = exported("remainders", goal, CHIP)
    assert kernels(export) == [KERNELS[goal]] * 3
    require_equal(export, CHIP, tmp_path)


@pytest.mark.parametrize("goal", KERNELS)
def test_every_size_of_a_block(goal: str) -> None:
    count = compared(bench_of_sizes(range(1, MOST_SUMS + 2), goal, f"blocks {goal}"), CHIP)
    assert count.is_right
    assert (KERNELS[goal], CHIP) in count.ran
    assert count.at_ends


@pytest.mark.parametrize("n_in", [255, 256, 257, 300])
def test_inputs_that_a_counter_of_8_bits_just_takes(n_in: int) -> None:
    bench = Bench(Random("long"))
    bench.goal = "balanced"
    narrow_linear_of(bench.random, bench, n_in, 12)
    assert compared(bench, CHIP).is_right


@pytest.mark.parametrize("goal", KERNELS)
def test_the_same_header_in_plain_c(goal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    forged(monkeypatch, lambda header: f"#define __AVR_ATmega328P__ 1\n{header}")
    count = compared(bench_of_sizes(range(1, 13), goal, f"host {goal}"), "host-sanitized")
    assert count.is_right
    assert (KERNELS[goal], "host-sanitized") in count.ran


@pytest.mark.parametrize(
    ("goal", "right", "wrong"),
    [
        ("balanced", r"adiw r30, \d+", "adiw r30, 1"),  # a zero skips too few weights
        ("balanced", r'"adc   %B\[high\], %\[zero\]\\n\\t"', ""),  # a carry is lost
        ("balanced", "adc r3, r1", "add r3, r1"),
        ("balanced", "mulsu r18, r19", "mul r18, r19"),
        ("speed", r"_SUB\((\d)", r"_ADD(\1"),  # the product of the opposite weight
        ("speed", "brne|breq", "brge"),  # inputs below 0 or above 127 are passed over
        ("speed", 'sbc "', 'sub "'),
    ],
)
def test_a_fault_in_the_assembly_is_found(
    goal: str, right: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(header: str) -> str:
        changed, count = re.subn(right, wrong, header)
        assert count
        return changed

    forged(monkeypatch, change)
    assert compared(bench_of_sizes(range(2, 12), goal, "faults"), CHIP).differing


@pytest.mark.parametrize(("goal", "wrong"), [("balanced", 0), ("balanced", 1), ("speed", 1)])
def test_ties_that_are_rounded_down_are_found(
    goal: str, wrong: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(header: str) -> str:
        assert ")(high + " in header
        return header.replace(")(high + ", f")(high - {wrong} + ")

    forged(monkeypatch, change)
    counts = [compared(bench_of_sizes(range(2, 9), goal, f"ties {i}"), CHIP) for i in range(3)]
    assert any(count.differing for count in counts) == bool(wrong)


def test_constant_time_takes_one_count_of_cycles(tmp_path: Path) -> None:
    export = exported("digits", "constant-time", CHIP)
    header = tmp_path / "net.h"
    header.write_text(export.header, encoding="utf-8")
    subject = Subject(export.artifact, export.program, header, "net.h")
    rows = device_rows(export, 20)
    rows = np.concatenate([rows, np.full_like(rows[:1], 0), np.full_like(rows[:1], 16)])
    measured = open_runner(CHIP, header, subject.interface).measure(rows)
    assert measured.count_min == measured.count_max


def test_weights_are_immediates_where_flash_has_the_room() -> None:
    """64 x 64 weights, 8 bytes each and some, are over 80 % of 32 KB."""
    small, large = Recipe((64, 32, 10)), Recipe((64, 64, 10))
    for recipe, kernel in ((small, "linear_ldi16"), (large, "linear_acc16")):
        options = ExportOptions("net", optimize="speed", lanes=16, target=CHIP)
        assert kernels(export_model(build(recipe), options))[0] == kernel


def test_no_line_of_immediates_is_long() -> None:
    header = exported("digits", "speed", CHIP).header
    code = header[header.index("#define NET_LOW0") :]
    lines = code[: code.index("_selftest")].splitlines()
    assert max(map(len, lines)) <= MAX_LINE


def test_no_statement_is_longer_than_a_string_of_newer_compilers(tmp_path: Path) -> None:
    """avr-gcc 15 refuses strings longer than the largest object, 32,767 bytes."""
    (tmp_path / "net.h").write_text(exported("digits", "speed", CHIP).header)
    read = "-DPYEXPORT_READ_U16(p)=(*(p))"
    command = ["gcc", "-E", "-D__AVR_ATmega328P__", "-DPYEXPORT_FLASH", "-DPYEXPORT_LPM", read]
    text = subprocess.run(
        [*command, "net.h"], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout
    statements = [part.split('"+x"')[0] for part in text.split("__asm__ volatile(")[1:]]
    lengths = [sum(map(len, re.findall(r'"(.*?)"', part))) for part in statements]
    assert len(lengths) > 6
    assert max(lengths) < 32767  # two characters for each end of a line here


def test_immediates_of_many_inputs_are_several_statements() -> None:
    bench = Bench(Random("statements 1"))
    bench.goal = "speed"
    narrow_linear_of(bench.random, bench, 150, 12)
    count = compared(bench, CHIP)
    assert count.is_right
    assert ("linear_ldi16", CHIP) in count.ran


def test_blocks_are_as_few_and_as_even_as_possible() -> None:
    assert block_sizes(64) == (11, 11, 11, 11, 10, 10)
    assert block_sizes(12) == (6, 6)
    assert block_sizes(11) == (11,)
    assert block_sizes(1) == (1,)
