"""`generate`, `attack`, `hunt` and `inspect` of a NIR file, with the options of `export` for it."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import nir
import numpy as np
import pytest

from pyexport.artifact import read_artifact
from tests.cli.command import pyexport, refused

SAID = (
    *("--snn-reset", "zero", "--snn-dt", "0.001", "--snn-steps", 6),
    *("--snn-encoding", "rate", "--snn-readout", "count"),
)
RANGE = ("--input-range", "0:100")


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with net.nir, four inputs and three classes, its export net.px, and rows.npy."""
    folder = tmp_path_factory.mktemp("nir")
    random = np.random.default_rng(3)

    def lif(n: int) -> nir.LIF:
        return nir.LIF(np.full(n, 0.004), np.ones(n), np.zeros(n), np.full(n, 0.5), np.zeros(n))

    nodes = {
        "in": nir.Input({"input": np.array([4])}),
        "fc1": nir.Linear(random.normal(0.0, 2.0, (12, 4))), "lif1": lif(12),
        "fc2": nir.Linear(random.normal(0.0, 2.0, (3, 12))), "lif2": lif(3),
        "out": nir.Output({"output": np.array([3])}),
    }  # fmt: skip
    names = list(nodes)
    graph = nir.NIRGraph(nodes, list(pairwise(names)))
    nir.write(folder / "net.nir", graph)
    np.save(folder / "rows.npy", random.integers(0, 101, (40, 4)))
    done = pyexport("export", folder / "net.nir", *SAID, *RANGE, "--output", folder)
    assert done.status == 0, done.err
    return folder


def made(command: str, net: Path, output: Path, *options: object) -> dict[str, object]:
    """Return what a command says as JSON."""
    words = ("--no-pictures", "--output", output, "--json", *options)
    done = pyexport(command, net / "net.nir", *words)
    assert done.status == 0, done.err
    document: dict[str, object] = json.loads(done.out)
    return document


def test_an_attack_takes_the_options_of_the_file(net: Path, tmp_path: Path) -> None:
    words = ("--rows", net / "rows.npy", "--starts", 3, "--untargeted")
    document = made("attack", net, tmp_path, *SAID, *RANGE, *words)
    assert document["differing_rows"] == 0
    assert document["starts"] == 3 and document["succeeded"] > 0  # type: ignore[operator]


def test_an_artifact_knows_how_its_file_was_read(net: Path, tmp_path: Path) -> None:
    artifact = ("--artifact", net / "net.px")
    words = ("--composite", 0, "--steps", 20, "--target", "none")
    document = made("generate", net, tmp_path, *artifact, *words)
    assert document["identity"] == read_artifact(net / "net.px").identity
    other = ("--snn-steps", 7, "--target", "none")
    error = refused(tmp_path, "generate", net / "net.nir", *artifact, *other, "--output", tmp_path)
    assert "--snn-steps 7: " in error and "exported with --snn-steps 6; leave it out" in error
    assert "--snn-steps 6 --snn-encoding rate" in (net / "net.h").read_text()


def test_a_hunt_takes_the_options_of_the_file(net: Path, tmp_path: Path) -> None:
    words = ("--rows", net / "rows.npy", "--wanted", 20, "--steps", 10, "--random", 1000)
    document = made("hunt", net, tmp_path, *SAID, *RANGE, *words)
    assert document["hunt"]["tried"] > 0  # type: ignore[index]


def test_inspect_and_check_take_the_options_of_the_file(net: Path) -> None:
    for command, span in (("inspect", RANGE), ("check", ())):
        done = pyexport(command, net / "net.nir", *SAID, *span, "--json")
        assert done.status == 0, done.err
        assert json.loads(done.out)["parameters"] >= 4 * 12 + 12 * 3


def test_inspect_names_a_spiking_network_by_its_layers(net: Path) -> None:
    done = pyexport("inspect", net / "net.px")
    assert done.out.startswith("net.px: 4-12-3 spiking network, int8\n"), done.out
    assert "spikes  6 steps, rate encoding, 15 neurons, count readout\n" in done.out
    assert "MACs of neurons that read spikes: additions" in done.out
