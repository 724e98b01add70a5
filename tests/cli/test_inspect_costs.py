"""`inspect --cost` of spiking networks: prices where there are some, and how often neurons fire."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pyexport.artifact import read_artifact
from pyexport.pipeline import ExportOptions, export_model
from scripts.spiking_models import random_layers, spiking_graph, spiking_model
from tests.cli.command import pyexport


def stored(folder: Path, steps: int, stream: bool = False) -> Path:
    """Write a latency network of 20 inputs, of which one is always dark, and return its file."""
    rows = np.random.default_rng(7).integers(1, 17, (12, 20)).astype(np.float64)
    rows[:, 0] = 0.0
    graph = spiking_graph(random_layers((20, 16, 4), gain=2.0), "latency", steps, beta=0.875)
    export_model(spiking_model(graph, rows), ExportOptions("net", stream=stream)).write(folder)
    return folder / "net.px"


def said(text: str) -> dict[str, str]:
    """Return what lines say about the spikes of a node."""
    lines = [line for line in text.splitlines() if " makes a spike in " in line]
    return dict(line.split(" makes a spike in ", 1) for line in lines)


def test_costs_say_how_often_each_layer_fires_in_each_step(tmp_path: Path) -> None:
    path = stored(tmp_path, 4)
    done = pyexport("inspect", path, "--cost", "--target", "cortex-m4")
    assert done.status == 0, done.err
    assert "nobody measured" not in done.out
    total = [line for line in done.out.splitlines() if line.startswith("total")][-1]
    mean, worst = (int(word.replace(",", "")) for word in total.split()[1:3])
    assert 0 < mean < worst  # not everything fires in every step
    encoder, *neurons = [n for n in read_artifact(path).graph.nodes if n.name in said(done.out)]
    whole, each = said(done.out)[encoder.name].split(" % of its places: step by step ")
    assert float(whole) == pytest.approx(100 * 19 / 20 / 4, abs=0.06)  # 19 of 20 fire once
    assert sum(map(float, each.rstrip(" %").split(", "))) == pytest.approx(95.0, abs=0.3)
    assert len(neurons) == 2


def test_many_steps_are_summed_up(tmp_path: Path) -> None:
    done = pyexport("inspect", stored(tmp_path, 12), "--cost", "--target", "rv32imc")
    assert done.status == 0, done.err
    spikes = said(done.out)
    assert len(spikes) == 3
    assert all(text.endswith(" % in each of 12 steps") for text in spikes.values())


def test_chips_without_prices_of_spiking_kernels_name_the_kernels(tmp_path: Path) -> None:
    done = pyexport("inspect", stored(tmp_path, 4), "--cost", "--target", "atmega328p")
    assert done.status == 0, done.err
    assert "nobody measured lif_avr16 on atmega328p for shapes like " in done.out
    total = [line for line in done.out.splitlines() if line.startswith("total")][-1]
    assert total.split()[1:3] == ["-", "-"]


def test_costs_of_a_stream_say_that_no_zeros_are_counted(tmp_path: Path) -> None:
    path = stored(tmp_path, 4, stream=True)
    for words in (("--target", "cortex-m4"), ()):
        done = pyexport("inspect", path, "--cost", *words)
        assert done.status == 0, done.err
        assert " as in no row (of streams and float32 none is counted); worst: " in done.out
