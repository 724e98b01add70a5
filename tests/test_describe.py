"""What the header says about an export in words."""

from __future__ import annotations

import math
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pyexport.describe import header_info
from pyexport.ir import Clamp, Dataset
from pyexport.layer_rows import layer_rows
from pyexport.pipeline import ExportOptions, export_model, render_artifact
from tests.networks import Recipe, build, chain, layer, uneven

ROWS = np.floor(np.random.default_rng(0).random((20, 4)) * 17)


def test_the_command_repeats_every_option() -> None:
    options = ExportOptions(
        "tiny",
        target="cortex-m4",
        per_channel=False,
        input_range=(-0.5, 16.25),
        calibration=Dataset(ROWS),
        calibration_name="my rows.npz",
        templates=Path("/somewhere/mine"),
    )
    words = options.command_line()
    assert words == (
        "--target", "cortex-m4", "--per-tensor", "--input-range", "-0.5:16.25",
        "--calibration", "my rows.npz", "--templates", "mine",
    )  # fmt: skip


def test_the_header_tells_the_command_and_so_does_a_header_printed_again() -> None:
    model = chain(4, [layer(4, 3)], calibration=ROWS, source_name="my model.pt")
    export = export_model(model, ExportOptions("tiny", per_channel=False))
    line = "    python scripts/export.py 'my model.pt' --name tiny --per-tensor\n"
    assert line in export.header
    assert shlex.split(line)[2] == "my model.pt"
    assert render_artifact(export.artifact).header == export.header


def test_a_front_end_saturates_and_has_no_activation() -> None:
    header = export_model(uneven(), ExportOptions("tiny")).header
    assert 'affine0 "front end": affine + clamp -1..1, 5 -> 5' in header
    assert "hardtanh" not in header


def test_a_layer_without_activation_is_not_called_relu() -> None:
    positive = chain(4, [replace(layer(4, 3), bias=np.full(3, 1e3))], calibration=ROWS)
    export = export_model(positive, ExportOptions("tiny"))
    ((_, lines),) = header_info(export.artifact, export.program, None).layers
    assert lines[0] == 'linear0 "net.0": linear, 4 -> 3'
    assert export.artifact.graph.output.dtype == "s8"


@pytest.mark.parametrize("scheme", ["int8", "float32"])
@pytest.mark.parametrize(
    ("limits", "name"),
    [
        ((0.0, math.inf), "linear + relu"),
        ((0.0, 6.0), "linear + relu6"),
        ((-1.0, 1.0), "linear + hardtanh"),
        ((0.5, math.inf), "linear + clamp 0.5..inf"),
        ((-2.0, 3.25), "linear + clamp -2..3.25"),
        ((-math.inf, math.inf), "linear"),
    ],
)
@pytest.mark.parametrize("gain", [0.001, 1.0, 100.0])  # calibration reaches the limits, or does not
def test_an_activation_is_named_by_its_limits(
    limits: tuple[float, float], name: str, scheme: str, gain: float
) -> None:
    export = export_model(
        chain(4, [layer(4, 3, gain=gain), Clamp(*limits)], calibration=ROWS),
        ExportOptions("tiny", scheme=scheme),
    )
    again = render_artifact(export.artifact)
    assert f'linear0 "net.0": {name}, 4 -> 3' in export.header
    assert again.header == export.header


def test_the_comment_begins_with_the_identity_that_the_macro_holds_whole() -> None:
    export = export_model(chain(4, [layer(4, 3)], calibration=ROWS), ExportOptions("tiny"))
    identity = export.artifact.identity
    line = f" * identity    {identity[:16]}..., whole in TINY_IDENTITY\n"
    assert line in export.header[: export.header.index("*/")]
    assert f'"{identity}"' in export.header


@pytest.mark.parametrize(
    ("target", "goal", "weights"),
    [("atmega328p", "speed", 8), ("cortex-m4", "speed", 8), (None, "speed", 8), (None, "size", 4)],
)
def test_parameters_are_weights_and_biases_whatever_a_kernel_packs(
    target: str | None, goal: str, weights: int
) -> None:
    options = ExportOptions("net", target=target, optimize=goal, lanes=16, weights=weights)
    made = export_model(build(Recipe((17, 11, 3))), options)
    rows = layer_rows(made.artifact, made.program)
    assert [row["parameters"] for row in rows] == [17 * 11 + 11, 11 * 3 + 3]
