"""Rasters of spikes: every mark is a spike of the simulator, a device or the float network."""

from __future__ import annotations

import xml.etree.ElementTree as Xml
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import pyexport as api
from pyexport.artifact import Artifact
from pyexport.integer.spiking import QuantizedLif
from pyexport.report.page.comparing import ReportOptions
from pyexport.report.page.gather import gather
from pyexport.report.page.spiking import spike_values
from pyexport.report.raster import raster_svg
from pyexport.simulator.fast import FastSimulator
from pyexport.snn import LIF, Encode, Readout
from pyexport.verify.spikes import SpikeTrain, float_trains, integer_trains
from tests.cli.command import pyexport, refused

STEPS, ROWS = 6, np.random.default_rng(2).uniform(0, 16, (10, 4)).round()


def save(path: Path, **rule: object) -> nn.Sequential:
    torch.manual_seed(3)
    net = nn.Sequential(
        Encode("rate", STEPS, high=16.0), nn.Linear(4, 5), LIF(0.75, **rule), nn.Linear(5, 3),
        LIF(0.75, membranes=True, **rule), Readout("count"),
    )  # fmt: skip
    with torch.no_grad():
        net[1].weight *= 3.0
        net[3].weight *= 3.0
    api.save(net, torch.zeros(1, 4), path, input_range=(0, 16), calibration=ROWS)
    return net


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spiking")
    save(folder / "net.pt2")
    api.export(folder / "net.pt2", folder, "net")
    np.save(folder / "rows.npy", ROWS)
    return folder


def marks(svg: str, kind: str) -> int:
    return sum(e.get("class") == kind for e in Xml.fromstring(svg).iter())


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"reset": "carry", "reset_delay": False},
        {"reset_delay": False, "refractory": 2, "compare": "ge"},
    ],
)
def test_spikes_of_a_trace_are_those_that_the_next_layer_reads(
    rule: dict[str, object], tmp_path: Path
) -> None:
    save(tmp_path / "net.pt2", **rule)
    artifact: Artifact = api.quantize(api.load(tmp_path / "net.pt2"))
    result = FastSimulator(artifact.graph).trace(ROWS[:1].astype(np.uint8))
    assert result.accumulators is not None
    trains = integer_trains(artifact.graph, result.accumulators)
    assert [t.spikes.shape for t in trains] == [(STEPS, 5), (STEPS, 3)]
    last = artifact.graph.nodes[-1].op
    bits = 16 - STEPS.bit_length()
    counts = result.outputs[0].astype(int) >> bits  # docs/arithmetic.md: count readout
    assert last.kind == "quantized_readout"
    assert trains[1].spikes.sum(axis=0).tolist() == counts.tolist()
    (first, _) = (n.op for n in artifact.graph.nodes if isinstance(n.op, QuantizedLif))
    assert trains[0].spikes.any() and first.size == 5


def test_float_spikes_are_those_of_torch(folder: Path) -> None:
    torch_net = save(folder / "again.pt2")
    trains = float_trains(api.load(folder / "net.pt2").graph, ROWS[:1])
    spikes = torch_net[:3](torch.from_numpy(ROWS[:1]).float())
    assert np.array_equal(trains[0].spikes, spikes[0].detach().numpy() > 0)


def test_every_spike_is_a_mark_and_every_difference_a_shape_of_its_own() -> None:
    a, b = (np.zeros((3, 2), bool) for _ in range(2))
    a[0, 0] = a[1, 1] = b[1, 1] = b[2, 0] = b[2, 1] = True
    sides = {"float": [SpikeTrain("<lif>", a)], "integer": [SpikeTrain("<lif>", b)]}
    svg = raster_svg(sides, "a & b")
    assert marks(svg, "s") == 2 + 3  # strokes, in black
    assert marks(svg, "g") == 1  # both
    assert marks(svg, "o") == 1  # a ring: only the float network
    assert marks(svg, "x") == 2 * 2  # crosses: only the integer one
    assert "float o, integer x: 3 of 6 differ" in svg
    assert "&lt;lif&gt;, float: 2 spikes" in svg


def test_simulate_draws_the_float_network_the_simulator_and_a_target(folder: Path) -> None:
    svg = folder / "out.svg"
    words = ["simulate", folder / "net.px", folder / "rows.npy", "--raster", svg]
    assert pyexport(*words, "--beside", folder / "net.pt2", "--on", "host").status == 0
    text = svg.read_text("ascii")
    assert "host: 0 differ from integer" in text
    assert marks(text, "s") > 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--beside", "net.pt2"], "--beside and --on belong to --raster"),
        (["--raster", "out.png"], "the suffix must be .svg"),
        (["--raster", "out.svg", "--on", "z80"], "--on z80: is no target"),
        (["--raster", "out.svg", "--raw", "--beside", "net.pt2"], "takes real values, not --raw"),
    ],
)
def test_what_cannot_be_drawn_is_refused(folder: Path, options: list[str], words: str) -> None:
    assert words in refused(folder, "simulate", folder / "net.px", folder / "rows.npy", *options)


def test_the_report_has_a_section_about_spikes(folder: Path) -> None:
    material = gather(folder / "net.h", ReportOptions(targets=("host",), vectors=50))
    values = spike_values(material)
    assert isinstance(values, dict)
    assert "of them differ from the float network" in values["text"]
    assert "; 0 differ in the firmware on host. " in values["text"]
    assert "firmware on host" in values["picture"]
    assert marks(values["picture"], "s") > 0
