"""The kernels' figure of the evidence: what it runs, and that it can fail."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from pyexport.artifact import read_artifact
from pyexport.lower.kernels import KERNELS
from pyexport.pipeline import Export, render_artifact
from pyexport.simulator.fast import FastSimulator
from scripts.evidence_topics import operators_kernels
from scripts.kernel_cases import compare as comparing
from scripts.kernel_cases import exercise as exercising
from scripts.kernel_cases.bench import Bench
from scripts.kernel_cases.cases import BRANCHES, EXERCISED, RAW, SPIKING, bench_of
from scripts.kernel_cases.compare import NUMPY, Count, compare_bench
from scripts.kernel_cases.exercise import exercise

# kernels that portable C does not have
OWN_CHIPS = {
    "linear_acc16": "atmega328p",
    "linear_ldi16": "atmega328p",
    "linear_bitserial16": "rv32ec",
    "lif_avr16": "atmega328p",
    "linear_bitmask16": "rv32ec",
    "lif_bitlist": "rv32ec",
    "lif_bitserial": "rv32ec",
}


def test_every_registered_kernel_has_cases() -> None:
    assert set(EXERCISED) == {kernel.name for kernel in KERNELS}


@pytest.mark.parametrize("kernel", [*BRANCHES, "linear_f32", *SPIKING])
def test_numpy_and_c_give_the_definitions_bytes_and_sums(kernel: str) -> None:
    target = OWN_CHIPS.get(kernel, "host-gcc")
    count = compare_bench(bench_of(kernel, Random(f"test {kernel}"), 3), (NUMPY, target))
    assert count.is_right
    assert (kernel, target) in count.ran
    assert count.bytes


@pytest.mark.parametrize("kernel", RAW)
def test_raw_inputs_of_16_bits(kernel: str) -> None:
    benches = [bench_of(kernel, Random(f"raw {seed}"), 2) for seed in range(6)]
    raw = next(b for b in benches if isinstance(b, Bench) and b.input_shape)
    assert raw.graph().input.dtype in ("u16", "s16")
    assert compare_bench(raw, (NUMPY, "host-gcc")).is_right


def test_sums_reach_the_ends_of_their_proofs() -> None:
    count = compare_bench(bench_of("linear_q15x", Random("ends"), 12), ("host-gcc",))
    assert count.at_ends > 50
    assert not count.outside


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Round down instead of to the nearest, in every kernel that has one shift."""

    def wrong(*arguments: Any) -> Export:
        made = render_artifact(*arguments)
        return replace(made, header=made.header.replace("acc + INT32_C(", "acc + 0 * INT32_C("))

    monkeypatch.setattr(comparing, "render_artifact", wrong)


@pytest.mark.usefixtures("planted")
def test_a_wrong_kernel_is_found_and_made_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exercising, "ATTEMPTS", 6)
    result = exercise("linear_q15x", ("host-gcc",), 4)
    assert result.problem.startswith("host-gcc: ")
    result.save(tmp_path)
    graph = read_artifact(tmp_path / "linear_q15x.px").graph
    assert sum(node.op.kind == "quantized_linear" for node in graph.nodes) == 1


@pytest.mark.parametrize(
    "kernel",
    ["linear_swar16", "linear_swar8", "linear_swar4", "conv2d_swar16", "conv2d_pool_swar16"],
)
def test_ties_that_are_rounded_down_are_found(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*arguments: Any) -> Export:
        made = render_artifact(*arguments)
        header, count = re.subn(r"\+ (\d+|INT32_C\(\d+\))\) >>", r"+ \1 - 1) >>", made.header)
        assert count
        return replace(made, header=header)

    monkeypatch.setattr(comparing, "render_artifact", wrong)
    cases = 12 if "pool" in kernel else 4  # of a pool only the largest sum is rounded
    benches = [bench_of(kernel, Random(f"ties {seed}"), cases) for seed in range(5)]
    assert any(compare_bench(bench, ("host-gcc",)).differing for bench in benches)


@pytest.mark.parametrize(
    ("kernel", "right", "wrong"),
    [
        ("conv2d_swar16", "row < rows", "row + 1 < rows"),  # at borders only
        ("conv2d_pool_swar16", "odd = sum > odd", "odd = sum < odd"),
        ("conv2d_pool_swar16", "sum <<= 16", "sum <<= 15"),
        ("linear_smlad24", "256 * a0 - a1", "256 * a0 + a1"),
        ("linear_smlad24", "(uint32_t)a1 & 0xFFFFu", "(uint32_t)a1 & 0xFFu"),  # of 256 too
        ("conv2d_tile_swar16", "*to++ = ", "*to++ = 1 + "),  # the padding
        ("conv2d_tile_swar16", "odd = sum > odd", "odd = sum < odd"),
        ("depthwise_swar16", " << 16)", " << 15)"),
        ("depthwise_swar16", "sum - (uint32_t)first", "sum"),  # the carry between the lanes
        ("linear_block32", "+= (uint32_t)PYEXPORT", "+= (uint8_t)PYEXPORT"),
        ("linear_list16", "(uint32_t)x[1] / 4u", "(uint32_t)x[1] / 8u"),
        ("linear_smlad32", "sxtb16(word >> 8)", "sxtb16(word >> 7)"),
        ("linear_smlad32", "(crossed >> 16) + ", "(crossed >> 16) - (int32_t)carry + "),
    ],
)
def test_faults_in_lists_pairs_and_windows_are_found(
    kernel: str, right: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any) -> Export:
        made = render_artifact(*arguments)
        return replace(made, header=made.header.replace(right, wrong))

    benches = [bench_of(kernel, Random(f"pairs {seed}"), 5) for seed in range(4)]
    monkeypatch.setattr(comparing, "render_artifact", broken)
    assert any(compare_bench(bench, ("host-gcc",)).differing for bench in benches)


@pytest.mark.parametrize(
    ("kernel", "right", "wrong"),
    [
        ("linear_q15x_s4", "- 8) * (int16_t)x[1]", "- 7) * (int16_t)x[1]"),
        ("linear_q15x_s4", "two & 15", "two & 7"),
        ("linear_swar4", "0x0F0F0F0Fu", "0x0F0F0F07u"),
        ("linear_swar4", "(h >> 8) & 0x00FF00FFu", "(h >> 8) & 0x00FFFFFFu"),
        ("linear_swar4", " << 12)", " << 11)"),
        ("linear_swar4", "0x00080008", "0x00080000"),
    ],
)
def test_a_wrong_mask_or_offset_of_4_bits_is_found(
    kernel: str, right: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def planted(*arguments: Any) -> Export:
        made = render_artifact(*arguments)
        assert right in made.header
        return replace(made, header=made.header.replace(right, wrong))

    bench = bench_of(kernel, Random(f"4 bits {kernel}"), 6)
    assert compare_bench(bench, ("host-gcc",)).is_right
    monkeypatch.setattr(comparing, "render_artifact", planted)
    assert compare_bench(bench, ("host-gcc",)).differing


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("(positive & 0x1u) != 0", "(positive & 0x1u) == 0"),  # the sign of a digit
        ("s0 <<= 1;", "s0 <<= 2;"),
        ("*down1 = 0;", "*down1 = 1;"),  # the end of a list
        ("acc <= 0 ? 0", "acc <= 999 ? 0"),
        ("(int32_t)(word - a) >> 16", "(int32_t)word >> 16"),  # the borrow of the lower sum
    ],
)
def test_faults_in_sums_of_shifted_weights_are_found(
    right: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = []

    def broken(*arguments: Any) -> Export:
        made = render_artifact(*arguments)
        planted.append(right in made.header)
        return replace(made, header=made.header.replace(right, wrong))

    benches = [bench_of("linear_bitserial16", Random(f"shifts {seed}"), 6) for seed in range(3)]
    monkeypatch.setattr(comparing, "render_artifact", broken)
    assert any(compare_bench(bench, ("rv32ec",)).differing for bench in benches)
    assert any(planted)


def test_a_proof_that_is_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def narrow(*arguments: Any) -> Export:
        made = render_artifact(*arguments)
        steps = tuple(replace(step, acc_high=step.acc_low) for step in made.program.steps)
        return replace(made, program=replace(made.program, steps=steps))

    monkeypatch.setattr(comparing, "render_artifact", narrow)
    monkeypatch.setattr(exercising, "ATTEMPTS", 2)
    assert exercise("reduce_q15x", ("host-gcc",), 2).problem.endswith("leave their bounds")


def test_a_kernel_that_a_target_never_ran_is_named() -> None:
    names = list(dict.fromkeys(kernel.name for kernel in KERNELS))
    everywhere = [[name, "rv32imc"] for name in names]
    run = {"offered": everywhere, "ran": everywhere[1:]}
    assert operators_kernels.uncovered([run]) == [f"kernel {names[0]} was never run on rv32imc"]
    run = {"offered": everywhere[1:], "ran": everywhere[1:]}
    assert operators_kernels.uncovered([run]) == [f"kernel {names[0]} was never run"]


def test_only_kernels_of_one_chip_are_owed_to_that_chip(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the short form, where another kernel of the same bench need not run there."""

    def compare(bench: object, targets: tuple[str, ...]) -> Count:
        count = Count()
        count.offered = {(name, targets[0]) for name in ("conv2d_tile_swar16", "gather")}
        return count

    monkeypatch.setattr(operators_kernels, "compare_bench", compare)
    offered = {tuple(pair) for run in operators_kernels._short_runs() for pair in run["offered"]}
    assert {name for name, target in offered if target == "rv32imc"} == {"conv2d_tile_swar16"}
    assert {name for name, target in offered if target == "rv32ec"} > {"gather"}


def test_stored_values_beside_computed_ones() -> None:
    """The fast simulator has them in every row."""
    bench = bench_of("constant", Random("stored"), 2)
    assert isinstance(bench, Bench)
    rows = bench.rows()
    assert FastSimulator(bench.graph()).run(rows[:0]).shape[0] == 0
    assert len(np.unique(FastSimulator(bench.graph()).run(rows), axis=0)) > 1
    assert compare_bench(bench, (NUMPY, "host-gcc")).is_right
