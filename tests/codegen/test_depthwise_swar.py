"""Depthwise convolutions with two sums in a word give the bytes and the sums of the simulator."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pyexport.ir import Conv2d, Op, Reshape, output_shapes
from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.runners import open_runner
from pyexport.verify import Subject
from tests.codegen.test_conv_swar import require_equal
from tests.networks import chain, device_rows


@dataclass(frozen=True)
class Layer:
    """A depthwise convolution of 3x3 windows, or others."""

    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int, int, int] = (1, 1, 1, 1)
    dilation: tuple[int, int] = (1, 1)
    each: int = 1  # outputs of a channel
    low: float = 0.0


NETWORKS = {
    "same": ((8, 7, 4), [Layer(), Layer()]),  # the second in place
    "strides": ((11, 9, 3), [Layer(stride=(2, 2)), Layer(stride=(1, 2), pad=(0, 1, 0, 0))]),
    "several": ((5, 12, 2), [Layer(each=2), Layer((2, 3), pad=(0, 0, 1, 2))]),
    "signed": ((6, 6, 3), [Layer(low=-math.inf), Layer((2, 2), pad=(1, 0, 1, 1), each=3)]),
    "line": ((1, 23, 5), [Layer((1, 5), pad=(0, 2, 0, 2)), Layer((1, 3), (1, 2), (0, 0, 0, 0))]),
    "gaps": ((10, 3, 2), [Layer((3, 1), pad=(2, 0, 4, 0), dilation=(2, 1))]),
}


def exported(name: str, goal: str, target: str | None = None) -> Export:
    shape, layers = NETWORKS[name]
    random, ops, size = np.random.default_rng(len(name)), list[Op](), shape
    for layer in layers:
        channels = size[2]
        conv = Conv2d(
            random.normal(0, 0.3, (channels * layer.each, *layer.kernel, 1)),
            random.normal(0, 1, channels * layer.each),
            stride=layer.stride, pad=layer.pad, dilation=layer.dilation, groups=channels,
            low=layer.low,
        )  # fmt: skip
        ops.append(conv)
        size = output_shapes(conv, size)[0]
    n_in = math.prod(shape)
    rows = random.integers(0, 17, (64, n_in)) * (random.random((64, n_in)) < 0.7)
    model = chain(n_in, [Reshape(shape), *ops, Reshape((math.prod(size),))], calibration=rows)
    return export_model(
        model, ExportOptions("net", optimize=goal, lanes=16, target=target, check_fits=False)
    )


def kernels(export: Export) -> list[str]:
    steps = export.program.steps
    return [step.kernel for step in steps if not step.is_free]  # type: ignore[union-attr]


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_and_sums_are_those_of_the_simulator(tmp_path: Path, name: str) -> None:
    export = exported(name, "constant-time" if name == "several" else "speed")
    assert kernels(export) == ["depthwise_swar16"] * len(NETWORKS[name][1])
    require_equal(export, "host-sanitized", tmp_path)


@pytest.mark.parametrize(
    ("name", "target", "goal"),
    [
        ("same", "cortex-m0", "balanced"),
        ("strides", "cortex-m4", "speed"),
        ("signed", "rv32imc", "speed"),
    ],
)
def test_a_chip_gives_the_same(tmp_path: Path, name: str, target: str, goal: str) -> None:
    export = exported(name, goal, target)
    assert "depthwise_swar16" in kernels(export)
    require_equal(export, target, tmp_path)


@pytest.mark.parametrize("target", ["cortex-m4", "cortex-m0", "rv32imc"])
def test_constant_time_is_one_count(tmp_path: Path, target: str) -> None:
    export = exported("same", "constant-time", target)
    header = tmp_path / "net.h"
    header.write_text(export.header, encoding="utf-8")
    interface = Subject(export.artifact, export.program, header, "net.h").interface
    compiler = "riscv64-unknown-elf-gcc" if target == "rv32imc" else "arm-none-eabi-gcc"
    counted = open_runner(target, header, interface, compiler=compiler).measure(
        device_rows(export, 10)
    )
    assert counted.count_min == counted.count_max


def test_a_channel_becomes_its_outputs_in_place() -> None:
    program = exported("same", "speed").program
    # Both layers write the output; the scratch is the words of a padded channel: 6 lines of 9.
    assert program.arena_bytes == 4 * 6 * 9


def test_weights_take_no_more_flash_and_others_keep_their_kernel() -> None:
    fast, small = exported("same", "balanced").program, exported("same", "size").program
    assert kernels(exported("same", "size")) == ["conv2d_q15x"] * 2
    tables = [sum(len(const.data) for const in program.consts) for program in (fast, small)]
    assert tables[0] <= tables[1]
    assert kernels(exported("same", "speed", "rv32ec")) == ["conv2d_q15x"] * 2
