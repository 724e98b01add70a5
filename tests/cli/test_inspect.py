"""pyexport inspect: layers, shapes, costs, and tables that can be read at any width."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from torch import nn

import pyexport as api
from pyexport.snn import LIF, Encode, Readout, save_nir
from tests.cli.command import pyexport, refused

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("kind", ["model file", "artifact"])
def test_inspect_knows_the_costs_of_every_layer(model: Path, exported: Path, kind: str) -> None:
    subject = model if kind == "model file" else exported / "digits.px"
    done = pyexport("inspect", subject, "--json")
    document = json.loads(done.out)
    assert (done.status, done.err) == (0, "")
    whole = kind == "model file"  # of an artifact there is no list of what the file held
    held = ("imports",) if whole else ()
    made = ("producer", "refusals") if whole else ("refusals",)
    stored = ("tensors",) if whole else ()
    held_of_operators = ("left_out", "operators") if whole else ()
    assert sorted({*document} - {*held_of_operators}) == [
        "flash_bytes", "format", "identity", *held, "layers", "macs", "name", "parameters",
        *made, "scheme", "scratch_bytes", "scratch_lower_bound", "statements",
        *stored, "warnings",
    ]  # fmt: skip
    assert document["parameters"] == 2778  # 64*32+32 + 32*16+16 + 16*10+10
    assert document["macs"] == 2720
    assert [
        (r["inputs"], r["outputs"], r["parameters"], r["macs"]) for r in document["layers"]
    ] == [(64, 32, 2080, 2048), (32, 16, 528, 512), (16, 10, 170, 160)]
    # s8 weights, s32 biases, u16 multipliers
    assert [r["flash_bytes"] for r in document["layers"]] == [2240, 608, 220]
    assert [r["ram_bytes"] for r in document["layers"]] == [32, 48, 16]
    assert document["flash_bytes"] == sum(r["flash_bytes"] for r in document["layers"])
    assert document["scratch_bytes"] == document["scratch_lower_bound"] == 48


def test_inspect_prints_the_same_as_a_table(exported: Path) -> None:
    done = pyexport("inspect", exported / "digits.px")
    lines = done.out.splitlines()
    assert lines[0] == "digits.px: 64-32-16-10 network, int8"
    assert lines[1] == "format  pyexport artifact"
    assert lines[2].split()[:4] == ["input", "64", "u8", "0..16,"]
    total = next(line for line in lines if line.startswith("total"))
    assert total.split() == ["total", "2778", "2720", "3068", "48"]


def test_a_model_without_a_range_is_shown_as_float32(plain_model: Path) -> None:
    done = pyexport("inspect", plain_model)
    assert done.status == 0
    assert "sizes are those of the float32 scheme" in done.err
    assert "network, float32" in done.out
    document = json.loads(pyexport("inspect", plain_model, "--json").out)
    assert document["scheme"] == "float32"
    assert document["parameters"] == 2778
    assert document["flash_bytes"] == 4 * 2778
    assert len(document["warnings"]) == 1


def test_a_spiking_network_without_a_range_is_shown_as_int8(tmp_path: Path) -> None:
    path = tmp_path / "net.nir"
    layers = [nn.Linear(4, 2), LIF(0.5, membranes=True), Readout()]
    save_nir(nn.Sequential(Encode("direct", 3), *layers), path)
    done = pyexport("inspect", path)
    assert done.status == 0
    assert "sizes are those of int8 with inputs of 0..1" in done.err
    assert "lif_direct" in done.out
    assert "refuse" not in done.out


def test_a_specialized_artifact_keeps_its_costs(model: Path, tmp_path: Path) -> None:
    api.export(model, tmp_path, "net", target="atmega328p")
    assert json.loads(pyexport("inspect", tmp_path / "net.px", "--json").out)["macs"] == 2720


@pytest.mark.parametrize("columns", [60, 80, 100, 160, 400])
@pytest.mark.parametrize("command", ["inspect", "targets"])
def test_no_table_cuts_a_word_or_leaves_the_terminal(
    exported: Path, columns: int, command: str
) -> None:
    arguments = [command] if command == "targets" else [command, str(exported / "digits.px")]
    done = subprocess.run(
        [sys.executable, "-m", "pyexport", *arguments],
        cwd=ROOT, env=os.environ | {"COLUMNS": str(columns)},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "…" not in done.stdout
    if columns < 80:
        return
    words = {
        "inspect": ("linear_q15x", "2778", "2720", "params"),
        "targets": ("cortex-m33", "STM32L552ZE", "host-sanitized", "512 KB"),
    }[command]
    assert [word for word in words if word not in done.stdout] == []
    table = done.stdout.split("\n\n")[1 if command == "inspect" else 0]
    assert max(len(line.rstrip()) for line in table.splitlines()) <= columns


def test_what_is_neither_model_nor_artifact_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("weights to come")
    line = refused(tmp_path, "inspect", tmp_path / "notes.txt")
    assert line.startswith(f"{tmp_path / 'notes.txt'}: this is not a model file")


@pytest.mark.parametrize("command", ["inspect", "verify"])
def test_an_artifact_is_known_by_its_content(exported: Path, tmp_path: Path, command: str) -> None:
    (tmp_path / "renamed.bin").write_bytes((exported / "digits.px").read_bytes())
    options = ["--suite", "dataset"] if command == "verify" else []
    assert pyexport(command, tmp_path / "renamed.bin", *options).status == 0


def test_a_model_file_is_no_artifact(model: Path, tmp_path: Path) -> None:
    line = refused(tmp_path, "simulate", model, tmp_path / "rows.npy")
    assert line.startswith(f"{model}: not a pyexport artifact (.px); `pyexport export` makes one")


@pytest.mark.parametrize("said", [("--snn-steps", "4"), ("--input-range", "0..1"), ("--trust",)])
def test_an_artifact_takes_no_option_of_a_model_file(
    exported: Path, tmp_path: Path, said: tuple[str, ...]
) -> None:
    line = refused(tmp_path, "inspect", exported / "digits.px", *said)
    assert f"{said[0]} is for a model file; " in line and "is an export, which has" in line


def test_the_memory_plan_is_printed_with_its_peak(exported: Path) -> None:
    done = pyexport("inspect", exported / "digits.px", "--memory")
    assert done.status == 0
    rows = [line.split() for line in done.out.splitlines()]
    assert ["linear1_out", "arena", "16", "32..47", "linear1", "linear2"] in rows
    assert "48 bytes of scratch; no plan of these steps needs fewer than 48" in done.out
    assert (
        "most are alive while linear1 runs: 48 bytes (linear0_out 32, linear1_out 16)" in done.out
    )
    plan = json.loads(pyexport("inspect", exported / "digits.px", "--memory", "--json").out)[
        "memory"
    ]
    assert plan["peak_step"] == "linear1"
    assert plan["alive_bytes"] == [32, 48, 16]
    assert [b["name"] for b in plan["buffers"]] == ["input", "output", "linear0_out", "linear1_out"]


def test_the_memory_plan_of_a_model_file_is_drawn(model: Path, tmp_path: Path) -> None:
    done = pyexport("inspect", model, "--memory-svg", tmp_path / "plan.svg")
    assert done.status == 0
    assert done.out.splitlines()[-1] == f"wrote {tmp_path / 'plan.svg'}"
    assert (tmp_path / "plan.svg").read_text(encoding="utf-8").startswith("<svg ")


def test_a_picture_that_cannot_be_made_is_refused_in_one_line(
    exported: Path, tmp_path: Path
) -> None:
    px = exported / "digits.px"
    assert "pictures end in .svg" in refused(tmp_path, "inspect", px, "--memory-svg", "plan.png")
    missing = tmp_path / "none" / "plan.svg"
    assert "cannot be written" in refused(tmp_path, "inspect", px, "--memory-svg", missing)
