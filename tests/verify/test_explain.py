"""A first difference is explained by the step that goes wrong, on a small input."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import pyexport
from pyexport.integer.conv import QuantizedConv2d
from pyexport.ir import Conv2d, Graph, Node, Reshape
from pyexport.pipeline import ExportOptions, export_model
from pyexport.simulator.fast import FastSimulator
from pyexport.verify.explain import Explanation
from pyexport.verify.planted_conv import PLANTED_CONV
from pyexport.verify.window_story import told_by_windows
from scripts.evidence_topics.conv_networks import windows
from tests.networks import chain
from tests.verify.saturating import saturating_model


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    pyexport.export(saturating_model(), folder, "digits")
    return folder


def explained(exported: Path, tmp_path: Path, old: str, new: str) -> Explanation:
    (tmp_path / "digits.px").write_bytes((exported / "digits.px").read_bytes())
    text = (exported / "digits.h").read_text()
    assert old in text
    (tmp_path / "digits.h").write_text(text.replace(old, new, 1))
    report = pyexport.verify(tmp_path / "digits.h", suites=["corners"], random_rows=100)
    found = report.targets[0].explanation
    assert found is not None
    return found


def test_a_wrong_limit_of_the_output_is_shown_step_by_step(exported: Path, tmp_path: Path) -> None:
    found = explained(exported, tmp_path, "acc < -128 ? -128", "acc < -120 ? -120")
    smallest, steps = found.lines
    assert smallest.startswith("smallest input found: ")
    pattern = (
        r"the sum agrees; \(0x[0-9A-F]{8}\) \* \d+ >> 16 = -?\d+, \(-?\d+ \+ \d+\) >> \d+ = -?\d+"
        r"( \+ -?\d+ = -?\d+)?, in -128\.\.127: (-?\d+); the device gives -120"
    )
    match = re.fullmatch(pattern, steps)
    assert match, steps
    assert int(match[2]) == found.mismatch.expected < -120


def test_a_hidden_neuron_is_named_by_what_it_does_to_the_sums_behind_it(
    exported: Path, tmp_path: Path
) -> None:
    wrong = "PYEXPORT_READ_U16(&multiplier[o]) ^ ((o == 2) << 9)"
    found = explained(
        exported, tmp_path, "PYEXPORT_READ_U16(&multiplier[o])", f"(uint16_t)({wrong})"
    )
    assert found.mismatch.node == "linear1"
    assert "as if its input 2, from linear0, were" in found.lines[1]
    assert found.lines[2].startswith("linear0 neuron 2: its sum agrees; (0x")


def test_the_input_is_small_and_still_shows_the_bug(exported: Path, tmp_path: Path) -> None:
    wrong = "acc += (int16_t)PYEXPORT_READ_S8(w) * (int16_t)(i == 5 ? in[i] + in[i] : in[i]);"
    right = "acc += (int16_t)PYEXPORT_READ_S8(w) * (int16_t)in[i];"
    found = explained(exported, tmp_path, right, wrong)
    assert found.lines[0] == ("smallest input found: [5] = 1; the other 63 values are zero")


TOLD = {
    "last kernel column lost": "as if without kernel column 1",
    "bias of one channel + 1": "as if the bias of channel 2 were +1 off",
    "column padding off by one": "as if input channel 1 read the value of the column before",
}


@pytest.fixture(scope="module")
def windowed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("windows")
    pyexport.export(windows(), folder, "conv")
    return folder


@pytest.mark.parametrize("bug", TOLD)
def test_wrong_sums_of_a_convolution_are_told_by_their_place_and_what_they_share(
    windowed: Path, bug: str, tmp_path: Path
) -> None:
    (tmp_path / "conv.px").write_bytes((windowed / "conv.px").read_bytes())
    planted = next(mutant for mutant in PLANTED_CONV if mutant.name == bug)
    (tmp_path / "conv.h").write_text(planted.plant((windowed / "conv.h").read_text()))
    report = pyexport.verify(tmp_path / "conv.h", suites=["random"], random_rows=20)
    found = report.targets[0].explanation
    assert found is not None
    place = r'conv2d0 "0" channel \d at row \d, column \d+, accumulator: simulator -?\d+ \(0x'
    assert re.match(place, found.mismatch.sentence())
    assert found.lines[1].endswith(TOLD[bug]), found.lines


@pytest.mark.parametrize(
    ("stride", "dilation", "groups", "features"), [(1, 1, 1, 336), (2, 1, 2, 96), (1, 2, 2, 180)]
)
def test_a_lost_product_is_found_in_windows_of_every_kind(
    stride: int, dilation: int, groups: int, features: int
) -> None:
    torch.manual_seed(stride + dilation)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(4, 6, 3, stride, 1, dilation, groups), torch.nn.ReLU(),
        torch.nn.Flatten(), torch.nn.Linear(features, 3),
    )  # fmt: skip
    model = pyexport.from_torch(net, torch.zeros(1, 4, 7, 8), input_range=(-1.0, 3.0))
    graph = export_model(model, ExportOptions("net")).artifact.graph
    node = next(n for n in graph.nodes if isinstance(n.op, QuantizedConv2d))
    (height, width, _), quant = graph.tensor(node.inputs[0]).shape, graph.input.quant
    assert quant is not None
    rows = np.random.default_rng(0).integers(-128, 128, (3, 7 * 8 * 4)).astype(np.int8)
    image = rows.reshape(3, height, width, 4).astype(np.int64) - quant.zero_point
    down, across, n_out = graph.tensor(node.outputs[0]).shape
    off = np.zeros((3, down, across, n_out), np.int64)
    for n, y, x, o in np.ndindex(off.shape):  # the product of row 2, column 0, channel 1 is lost
        at = y * stride + 2 * dilation - 1, x * stride - 1
        if 0 <= at[0] < height and 0 <= at[1] < width:
            channel = o // (6 // groups) * (4 // groups) + 1
            off[n, y, x, o] = -image[n, at[0], at[1], channel] * int(node.op.weight[o, 2, 0, 1])
    told = told_by_windows(graph, node, rows, off.reshape(3, -1))
    assert told.startswith("as if without the tap of row 2, column 0, channel 1 (")


def test_one_wrong_value_that_a_convolution_reads_is_named() -> None:
    graph, node = windowed_graph()
    source = graph.tensor(node.inputs[0])
    row = np.zeros((1, source.size), np.int8)
    changed = row.copy()
    changed[0, (3 * source.shape[1] + 4) * source.shape[2] + 1] += 5
    sums = [FastSimulator(graph).trace(rows).accumulators for rows in (row, changed)]
    assert sums[0] is not None and sums[1] is not None
    size = int(np.prod(graph.tensor(node.outputs[0]).shape))
    told = told_by_windows(graph, node, row, (sums[1] - sums[0])[:, :size])
    assert told == "as if what it reads of the input, channel 1 at row 3, column 4, were +5 off"


def test_a_changed_weight_is_named_only_if_every_window_agrees() -> None:
    graph, node = windowed_graph()
    source, op = graph.tensor(node.inputs[0]), node.op
    assert isinstance(op, QuantizedConv2d) and source.quant is not None
    rows = np.random.default_rng(1).integers(1, 100, (2, source.size)).astype(np.int8)
    weight, bias = op.weight.copy(), op.bias.copy()
    weight[2, 0, 1, 0] += 3
    bias[2] -= 3 * source.quant.zero_point  # as C that takes it off each input
    nodes = (replace(node, op=replace(op, weight=weight, bias=bias)), *graph.nodes[1:])
    sums = [FastSimulator(g).trace(rows).accumulators for g in (graph, replace(graph, nodes=nodes))]
    assert sums[0] is not None and sums[1] is not None
    off = (sums[1] - sums[0])[:, : graph.tensor(node.outputs[0]).size]
    told = told_by_windows(graph, node, rows, off)
    assert told.startswith("as if +3 were added to the weight of the tap of row 0, column 1"), told
    alone = np.where(np.arange(off.size).reshape(off.shape) == np.flatnonzero(off)[0], off, 0)
    assert "weight" not in told_by_windows(graph, node, rows, alone)


def test_without_padding_a_weight_is_multiplied_by_the_input_as_it_is() -> None:
    random = np.random.default_rng(2)
    conv = Conv2d(random.normal(0.0, 0.3, (3, 2, 2, 2)), np.zeros(3))
    rows = random.uniform(-3.0, 4.0, (16, 50))
    model = chain(50, [Reshape((5, 5, 2)), conv], calibration=rows, input_range=(-3.0, 4.2))
    graph = export_model(model, ExportOptions("net")).artifact.graph
    node = next(n for n in graph.nodes if isinstance(n.op, QuantizedConv2d))
    assert graph.input.quant is not None and graph.input.quant.zero_point != 0
    asked = random.integers(-100, 100, (2, 50)).astype(np.int8)
    image = asked.reshape(2, 5, 5, 2).astype(np.int64)
    off = np.zeros((2, 4, 4, 3), np.int64)
    off[..., 1] = 3 * image[:, 1:, :4, 1]  # row 1, column 0, channel 1
    told = told_by_windows(graph, node, asked, off.reshape(2, -1))
    assert told.startswith("as if +3 were added to the weight of the tap of row 1, column 0"), told


def windowed_graph() -> tuple[Graph, Node]:
    graph = export_model(windows(), ExportOptions("conv")).artifact.graph
    return graph, graph.nodes[0]
