"""Damaged states in a .px file, and the commands that take a model one step at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyexport as public
from pyexport.artifact import parse_artifact, write_artifact
from pyexport.errors import FileFormatError
from pyexport.simulator.plain import read_plain
from pyexport.tensorfile import read_tensorfile, write_tensorfile
from tests.cli.command import pyexport
from tests.stream.models import N_IN, exported


def edited(edit: Callable[[dict[str, Any]], object]) -> bytes:
    metadata, tensors = read_tensorfile(write_artifact(exported("lstm").artifact), "test")
    document = json.loads(metadata["pyexport"])
    edit(document)
    return write_tensorfile({"pyexport": json.dumps(document)}, tensors)


DAMAGE: dict[str, Callable[[dict[str, Any]], object]] = {
    "no stream": lambda d: d.pop("stream"),
    "no states": lambda d: d["graph"].pop("states"),
    "states are no list": lambda d: d["graph"].update(states=7),
    "a state is no mapping": lambda d: d["graph"].update(states=["lstm0_h"]),
    "a key too many": lambda d: d["graph"]["states"][0].update(more=1),
    "an unknown tensor": lambda d: d["graph"]["states"][0].update(read="nobody"),
    "a read that is a list": lambda d: d["graph"]["states"][0].update(read=["x"]),
    "the input": lambda d: d["graph"]["states"][0].update(read="input"),
    "not written": lambda d: d["graph"]["states"][0].update(write="lstm0_c_old"),
    "twice": lambda d: d["graph"]["states"].append(d["graph"]["states"][0]),
    "exchanged": lambda d: d["graph"]["states"][0].update(write=d["graph"]["states"][1]["write"]),
    "a hostile name": lambda d: d["graph"]["states"][0].update(name="x[1]; int evil"),
    "starts outside": lambda d: d["graph"]["states"][0].update(initial=-128),
    "starts at a fraction": lambda d: d["graph"]["states"][0].update(initial=0.5),
    "no steps": lambda d: d["stream"].update(steps=0),
    "steps are true": lambda d: d["stream"].update(vector_steps=True),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_states_are_refused_in_one_line(damage: str) -> None:
    with pytest.raises(FileFormatError) as caught:
        parse_artifact(edited(DAMAGE[damage]), "net.px")
    assert "\n" not in str(caught.value)


def test_the_definition_refuses_damaged_states_too(tmp_path: Path) -> None:
    (tmp_path / "net.px").write_bytes(edited(DAMAGE["an unknown tensor"]))
    with pytest.raises(FileFormatError, match=r"net\.px"):
        read_plain(tmp_path / "net.px")


def test_simulate_computes_one_sequence_or_many_by_both_engines(tmp_path: Path) -> None:
    _, px, _ = exported("gru").write(tmp_path)
    np.save(tmp_path / "rows.npy", np.random.default_rng(0).uniform(-2, 2, (9, 1, N_IN)))
    found = {}
    for steps in ((), ("--steps", 3)):
        for engine in ("fast", "definition"):
            done = pyexport(
                "simulate", px, tmp_path / "rows.npy", "--engine", engine, "--json", *steps
            )
            assert done.status == 0, done
            found[engine, len(steps)] = json.loads(done.out)["outputs"]
    assert found["fast", 0] == found["definition", 0]
    assert found["fast", 2] == found["definition", 2]
    assert found["fast", 0][:3] == found["fast", 2][:3]
    assert found["fast", 0][3:] != found["fast", 2][3:]


def test_steps_are_refused_where_nothing_is_kept(tmp_path: Path) -> None:
    _, px, _ = exported("gru", stream=False).write(tmp_path)
    np.save(tmp_path / "rows.npy", np.zeros((2, 6, N_IN)))
    done = pyexport("simulate", px, tmp_path / "rows.npy", "--steps", 3)
    assert done.status == 2
    assert "keeps no state between rows" in done.err


def test_the_manifest_names_the_state(tmp_path: Path) -> None:
    _, _, manifest = exported("lstm").write(tmp_path)
    stated = json.loads(manifest.read_text())["stream"]
    assert stated["state_bytes"] == 16
    assert stated["state"] == {
        "lstm0_c": {"dtype": "s16", "size": 5},
        "lstm0_h": {"dtype": "s8", "size": 5},
    }


def test_firmware_takes_a_model_with_a_state(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.GRU(3, 2, batch_first=True))
    net.forward = lambda x: net[0](x)[0]
    public.save(net, torch.zeros(1, 4, 3), tmp_path / "m.pt", input_range=(-1, 1))
    project = tmp_path / "project"
    assert pyexport("new", project).status == 0
    done = pyexport("export", tmp_path / "m.pt", "--stream", "--firmware", project)
    assert (done.status, "now runs m" in done.out) == (0, True)
    names = (project / "include" / "model" / "pyexport.h").read_text(encoding="ascii")
    stated = json.loads((project / "include" / "model" / "m.json").read_text())["stream"]
    assert "#define MODEL_STATE_BYTES M_STATE_BYTES\n" in names
    assert "#define model_step m_step\n" in names and "model_predict" not in names
    ram = 3 + 2 + stated["state_bytes"]  # input, output
    assert int(re.search(r"MODEL_RAM_BYTES (\d+)", names)[1]) > ram
