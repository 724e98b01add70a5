"""The command `report`: what it writes, when it fails, and what it takes from files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pyexport as api
from pyexport.artifact import read_artifact
from tests.cli.command import pyexport, refused
from tests.report.page_reader import read
from tests.several import fused
from tests.stream.models import exported as stream_export
from tests.verify.blobs import save_torch

QUICK = ("--target", "host", "--vectors", 200, "--suite", "dataset,corners")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blobs")
    save_torch(folder / "blobs.pt")
    api.export(folder / "blobs.pt", folder, "blobs")
    return folder


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    for name in ("blobs.h", "blobs.px", "blobs.pt"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    return tmp_path


def test_it_writes_one_file_and_says_so(copy: Path) -> None:
    path = copy / "out" / "blobs.html"
    done = pyexport("report", copy / "blobs.h", *QUICK, "-o", path)
    assert (done.status, done.err) == (0, "")
    first, last = done.out.splitlines()
    assert first.startswith("PASS firmware and simulator agree bit for bit on host: ")
    assert last == f"wrote {path}"
    assert [p.name for p in path.parent.iterdir()] == ["blobs.html"]
    assert first.removeprefix("PASS ") in read(path.read_text()).text


def test_a_planted_bug_fails_and_is_placed(copy: Path) -> None:
    text = (copy / "blobs.h").read_text()
    start = text.index("{", text.index(" blobs_linear1_bias["))
    number = next(part for part in text[start:].replace("{", " ").split() if part.endswith(","))
    place = text.index(number, start)
    bug = f"{int(number[:-1]) + 40_000},"
    (copy / "blobs.h").write_text(text[:place] + bug + text[place + len(number) :])
    done = pyexport("report", copy / "blobs.h", *QUICK, "--output", copy / "bug.html")
    assert done.status == 1
    assert "error: " in done.err and "linear1" in done.err
    page = read((copy / "bug.html").read_text())
    assert "FAIL:" in page.text and "PASS" not in page.text
    assert page.table("Compared bit for bit")[1][5].startswith("✗ no: ")
    assert "smallest input found" in page.text
    assert "firmware and simulator differ on" in page.text  # generated inputs were judged by it


def test_an_altered_artifact_is_refused(copy: Path) -> None:
    data = (copy / "blobs.px").read_bytes()
    weight = read_artifact(copy / "blobs.px").graph.nodes[0].op.weight.tobytes()  # type: ignore[attr-defined]
    other = bytes([weight[0] ^ 1]) + weight[1:]
    assert weight in data
    (copy / "blobs.px").write_bytes(data.replace(weight, other))
    line = refused(copy, "report", copy / "blobs.px", *QUICK, "-o", copy / "x.html")
    assert "export the model again" in line


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--output", "x.txt"], "ends in .html"),
        (["--target", "z80"], "target 'z80' is unknown"),
        (["--suite", "nosuch"], "suite 'nosuch' is unknown"),
        (["--seed", "-1"], "negative"),
        (["--shape", "9x9"], "not the size of the input"),
        (["--from", "none.json"], "does not exist"),
        (["--model", "blobs.px"], "blobs.px"),
    ],
)
def test_an_option_that_means_nothing_is_refused(
    copy: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], words: str
) -> None:
    monkeypatch.chdir(copy)
    assert words in refused(copy, "report", "blobs.h", "--vectors", 200, *options)


def test_targets_that_cannot_run_are_named(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("comparing",):
        monkeypatch.setattr(
            f"pyexport.report.page.{module}.available",
            lambda name: None if name == "host" else f"{name}: no emulator",
        )
    done = pyexport("report", copy / "blobs.h", *QUICK[2:], "-o", copy / "x.html")
    assert done.status == 0
    assert "atmega328p was not run: no emulator\n" in done.err
    page = read((copy / "x.html").read_text())
    assert page.cell("Not run", "rv32imc", "why") == "rv32imc: no emulator"


def test_saved_results_are_taken_and_judged_again(copy: Path) -> None:
    saved = copy / "saved"
    saved.mkdir()
    for words in (
        ("generate", copy / "blobs.pt", "--composite", 5, "--steps", 20),
        ("attack", copy / "blobs.pt", "--starts", 3, "--rounds", 2, "--steps", 20),
        ("hunt", copy / "blobs.pt", "--wanted", 20, "--steps", 5, "--random", 0),
    ):
        done = pyexport(*words, "--no-pictures", "--artifact", copy / "blobs.px", "--output", saved)
        assert done.status == 0, done.err
    verified = pyexport("verify", copy / "blobs.h", "--suite", "corners", "--json")
    (saved / "verified.json").write_text(verified.out)
    page = copy / "x.html"
    done = pyexport("report", copy / "blobs.h", "--from", saved, "-o", page, "--json")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found["verification"] == json.loads(verified.out)
    assert (found["generated"]["grown_rows"], found["attack"]["starts"]) == (15, 3)
    assert found["hunt"]["disagreements"] >= 20
    assert "Taken from verified.json" in read(page.read_text()).text

    other = json.loads(verified.out) | {"identity": "0" * 64}
    (saved / "verified.json").write_text(json.dumps(other))
    again = pyexport("report", copy / "blobs.h", "--from", saved, "-o", page)
    assert again.status == 1 and "another export" in again.err
    (saved / "verified.json").write_text(json.dumps(other | {"ok": "yes"}))
    assert "did not print" in refused(copy, "report", copy / "blobs.h", "--from", saved, "-o", page)
    (saved / "plain.npz").write_bytes((saved / "blobs-hunt.npz").read_bytes()[:40])
    line = refused(copy, "report", copy / "blobs.h", "--from", saved / "plain.npz", "-o", page)
    assert "plain.npz" in line


def test_several_inputs_and_streams_have_reports(tmp_path: Path) -> None:
    api.export(fused(), tmp_path, "fused")
    stream_export("gru").write(tmp_path)
    for name, why in (("fused", "2 inputs"), ("net", "keeps a state between inferences")):
        path = tmp_path / f"{name}.html"
        done = pyexport("report", tmp_path / f"{name}.px", *QUICK[:4], "-o", path)
        assert done.status == 0, done.err
        page = read(path.read_text())
        assert f"{why}" in page.text
        assert int(page.cell("Compared bit for bit", "host", "inputs")) > 0
