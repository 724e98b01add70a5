"""Convolutions with two sums in a word give the bytes and the sums of the simulator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pyexport.ir import Conv2d, Linear, MaxPool2d, Op, Reshape, output_shapes
from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.runners import open_runner
from pyexport.simulator.fast import FastSimulator
from pyexport.verify import Subject, build_suites
from tests.networks import chain, device_rows


@dataclass(frozen=True)
class Layer:
    """A convolution of 3x3 windows, or others, and what is behind it."""

    outputs: int
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    pool: tuple[int, int] = (1, 1)


SAME = (1, 1, 1, 1)
NETWORKS = {
    "same": ((8, 8, 1), [Layer(6, pad=SAME, pool=(2, 2)), Layer(19, pad=SAME, pool=(2, 2))]),
    "valid": ((9, 8, 3), [Layer(5), Layer(4, stride=(2, 1))]),
    "pointwise": ((4, 5, 7), [Layer(12, (1, 1)), Layer(3, (1, 1), stride=(2, 2))]),
    "line": ((1, 24, 2), [Layer(9, (1, 5), pad=(0, 2, 0, 2), pool=(1, 2))]),
    "two": ((5, 5, 2), [Layer(2, (3, 1))]),
    "gaps": ((9, 9, 4), [Layer(8, (3, 2), pad=(2, 1, 2, 1), dilation=(2, 2), pool=(1, 1))]),
    "uneven": ((6, 7, 4), [Layer(17, (2, 3), pad=(1, 0, 0, 2), pool=(3, 1))]),
}


def exported(
    name: str, goal: str, target: str | None = None, kernels: tuple[str, ...] = ()
) -> Export:
    shape, layers = NETWORKS[name]
    return exported_layers(shape, layers, goal, target, 16, len(name), kernels)


def exported_layers(
    shape: tuple[int, int, int],
    layers: list[Layer],
    goal: str,
    target: str | None,
    lanes: int,
    seed: int,
    kernels: tuple[str, ...] = (),
) -> Export:
    random, ops, size = np.random.default_rng([seed, len(layers)]), [], shape
    for layer in layers:
        weight = random.normal(0, 0.3, (layer.outputs, *layer.kernel, size[2]))
        conv = Conv2d(
            weight, random.normal(0, 1, layer.outputs),
            stride=layer.stride, pad=layer.pad, dilation=layer.dilation, low=0.0,
        )  # fmt: skip
        ops.append(conv)
        size = output_shapes(conv, size)[0]
        if layer.pool != (1, 1):
            ops.append(MaxPool2d(layer.pool, layer.pool))
            size = output_shapes(ops[-1], size)[0]
    flat = int(np.prod(size))
    last: list[Op] = [Reshape((flat,)), Linear(random.normal(0, 0.2, (3, flat)), np.zeros(3))]
    n_in = int(np.prod(shape))
    rows = random.integers(0, 17, (64, n_in)) * (random.random((64, n_in)) < 0.7)
    model = chain(n_in, [Reshape(shape), *ops, *last], calibration=rows)
    options = ExportOptions(
        "net", optimize=goal, lanes=lanes, kernels=kernels, target=target, check_fits=False
    )
    return export_model(model, options)


def kernels(export: Export) -> list[str]:
    names = [step.kernel for step in export.program.steps]  # type: ignore[union-attr]
    return [name for name in names if name.startswith("conv2d")]


def wanted_kernels(name: str) -> list[str]:
    layers = NETWORKS[name][1]
    return ["conv2d_swar16" if layer.pool == (1, 1) else "conv2d_pool_swar16" for layer in layers]


def require_equal(export: Export, target: str, folder: Path) -> None:
    """Compare outputs and sums of corners, noise and the accumulators' extremes."""
    header = folder / "net.h"
    header.write_text(export.header, encoding="utf-8")
    subject = Subject(export.artifact, export.program, header, "net.h")
    suites = build_suites(export.artifact, ("extremes",))
    rows = np.concatenate([device_rows(export, 40), *(suite.rows[:40] for suite in suites)])
    runner = open_runner(target, header, subject.interface, roomy=True)
    traced, expected = runner.trace(rows), FastSimulator(export.artifact.graph).trace(rows)
    assert np.array_equal(traced.outputs, expected.outputs)
    assert np.array_equal(traced.accumulators, expected.accumulators)
    assert np.array_equal(runner.run(rows).outputs, expected.outputs)


@pytest.mark.parametrize("goal", ["speed", "constant-time"])
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_and_sums_are_those_of_the_simulator(tmp_path: Path, name: str, goal: str) -> None:
    export = exported(name, goal)
    assert kernels(export) == wanted_kernels(name)
    sanitized = goal == "speed" and name in ("same", "gaps", "uneven")
    require_equal(export, "host-sanitized" if sanitized else "host", tmp_path)


@pytest.mark.parametrize("name", ["same", "line", "uneven"])
def test_windows_of_a_pool_together_give_the_same(tmp_path: Path, name: str) -> None:
    export = exported(name, "speed", kernels=("conv2d_tile_swar16",))
    wanted = [kernel.replace("pool", "tile") for kernel in wanted_kernels(name)]
    assert kernels(export) == wanted
    require_equal(export, "host-sanitized", tmp_path)


def test_riscv_takes_the_windows_of_a_pool_together(tmp_path: Path) -> None:
    export = exported("same", "speed", "rv32imc")
    assert kernels(export) == ["conv2d_tile_swar16"] * 2
    require_equal(export, "rv32imc", tmp_path)


@pytest.mark.parametrize(
    ("name", "target", "goal"),
    [
        ("same", "cortex-m0", "speed"),
        ("gaps", "cortex-m4", "speed"),
        ("line", "cortex-m0", "balanced"),
        ("uneven", "rv32imc", "constant-time"),
    ],
)
def test_a_chip_gives_the_same(tmp_path: Path, name: str, target: str, goal: str) -> None:
    require_equal(exported(name, goal, target), target, tmp_path)


@pytest.mark.parametrize("target", [None, "cortex-m4", "cortex-m0"])
def test_balanced_takes_the_kernels_of_speed_for_small_layers(target: str | None) -> None:
    balanced, fast = exported("same", "balanced", target), exported("same", "speed", target)
    assert kernels(balanced) == kernels(fast) == wanted_kernels("same")
    ours, theirs = ([s for s in e.program.steps if "conv" in s.kernel] for e in (balanced, fast))  # type: ignore[union-attr]
    assert ours == theirs


def test_balanced_pays_no_flash_for_many_weights_or_empty_lanes() -> None:
    layers = {
        "conv2d_swar16": Layer(16, (1, 1)),  # 4,096 weights
        "conv2d_q15x": Layer(17, (1, 1)),  # one output more
    }
    for kernel, layer in layers.items():
        export = exported_layers((1, 2, 256), [layer], "balanced", "cortex-m4", 16, 1)
        assert kernels(export) == [kernel]
    three = [Layer(3, (1, 1))]  # fills four lanes, so that tables grow 2.6 times
    assert kernels(exported_layers((2, 2, 64), three, "balanced", "cortex-m4", 16, 1)) == [
        "conv2d_q15x"
    ]


def test_constant_time_takes_as_many_instructions_for_every_input(tmp_path: Path) -> None:
    export = exported("same", "constant-time", "cortex-m4")
    header = tmp_path / "net.h"
    header.write_text(export.header, encoding="utf-8")
    subject = Subject(export.artifact, export.program, header, "net.h")
    runner = open_runner("cortex-m4", header, subject.interface)
    measured = runner.measure(device_rows(export, 12))
    assert measured.count_min == measured.count_max


def test_what_lies_between_a_convolution_and_its_pooling_is_never_stored() -> None:
    apart, together = (exported("same", goal).program for goal in ("size", "speed"))
    names = {buffer.name for buffer in together.buffers}
    assert len(names) == len(apart.buffers) - 2
    assert together.arena_bytes < apart.arena_bytes / 2
    absorbed = [step.absorbed for step in together.steps if step.absorbed]  # type: ignore[union-attr]
    assert absorbed == ["max_pool2d0", "max_pool2d1"]
