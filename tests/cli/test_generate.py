"""`pyexport generate` and `pyexport attack`: what they write, print and refuse."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from pyexport import export
from pyexport.artifact import read_artifact
from tests.cli.command import pyexport, refused
from tests.verify.blobs import save_torch

FEW = ("--composite", 5, "--steps", 60)


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a classifier of three classes, blobs.pt, and its export blobs.px."""
    folder = tmp_path_factory.mktemp("blobs")
    export(save_torch(folder / "blobs.pt"), folder)
    return folder


def test_generate_writes_numbers_sheets_and_an_animation(blobs: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    done = pyexport("generate", blobs / "blobs.pt", "--output", tmp_path, *FEW)
    assert done.status == 0, done.err
    assert "C on host = simulator: 0 of 21 rows differ" in done.out
    kinds = ("generated.npz", "optimal.png", "composites.png", "growth.gif")
    assert {path.name for path in tmp_path.iterdir()} == {f"blobs-{kind}" for kind in kinds}
    with np.load(tmp_path / "blobs-generated.npz") as stored:
        assert stored["optimal"].shape == (3, 4) and stored["grown"].shape == (15, 4)
        assert stored["optimal"].min() >= 0 and stored["optimal"].max() <= 100
        assert (stored["optimal_float"] == np.arange(3)).all()


def test_generate_is_reproducible_and_speaks_json(blobs: Path, tmp_path: Path) -> None:
    options = (*FEW, "--no-pictures", "--target", "none", "--classes", "2,right", "--json")
    outputs = [
        pyexport("generate", blobs / "blobs.pt", "--output", tmp_path / n, *options) for n in "ab"
    ]
    document = json.loads(outputs[0].out)
    assert [result["class"] for result in document["classes"]] == [2, 1]
    assert document["classes"][0]["optimal"] == {"float": 2, "integer": 2}
    name = "blobs-generated.npz"
    with np.load(tmp_path / "a" / name) as one, np.load(tmp_path / "b" / name) as other:
        assert all((one[key] == other[key]).all() for key in one)


def test_attack_turns_starts_into_a_class(blobs: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rows = tmp_path / "rows.npy"
    np.save(rows, np.random.default_rng(3).integers(0, 100, size=(30, 4)))
    options = ("--artifact", blobs / "blobs.px", "--starts", 6, "--rows", rows, "--shape", "2x2")
    done = pyexport("attack", blobs / "blobs.pt", "--output", tmp_path / "out", *options, "--json")
    assert done.status == 0, done.err
    document = json.loads(done.out)
    assert document["succeeded"] == document["starts"] == 6
    for row in document["rows"]:
        assert row["float"] == row["integer"] == row["firmware"] == row["target"]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"blobs-attack.npz", "blobs-attack.png"}


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("fgsm", ("--untargeted", "--epsilon", "40")),
        ("pgd", ("--norm", "l2", "--epsilon", "60b", "--restarts", 2, "--gradients", "integer")),
        ("minimal", ("--untargeted", "--steps", 50, "--on", "both")),
    ],
)
def test_attacks_by_name(
    blobs: Path, tmp_path: Path, method: str, options: tuple[object, ...]
) -> None:
    words = ("--method", method, "--starts", 6, "--no-pictures", "--output", tmp_path, *options)
    document = json.loads(pyexport("attack", blobs / "blobs.pt", *words, "--json").out)
    assert document["method"] == method and document["differing_rows"] == 0
    assert document["targeted"] == ("--untargeted" not in options)
    assert document["succeeded"] >= 1
    with np.load(tmp_path / "blobs-attack.npz") as stored:
        assert (stored["integer"] == stored["firmware"]).all()
        if method == "pgd":
            moved = stored["rows"].astype(float) - stored["starts"]
            assert np.linalg.norm(moved, axis=1).max() <= 60.0
    shown = pyexport("attack", blobs / "blobs.pt", *words)
    assert shown.status == 0, shown.err
    assert ("any other" in shown.out) == ("--untargeted" in options)


def test_a_query_attack_asks_the_firmware(blobs: Path, tmp_path: Path) -> None:
    words = ("--method", "query", "--queries", 60, "--starts", 5, "--no-pictures")
    where = ("--output", tmp_path)
    document = json.loads(pyexport("attack", blobs / "blobs.pt", *words, *where, "--json").out)
    assert document["succeeded"] == 5 and document["differing_rows"] == 0
    assert all(0 < row["queries"] <= 60 for row in document["rows"])
    assert all(row["firmware"] == row["target"] for row in document["rows"])
    with np.load(tmp_path / "blobs-attack.npz") as stored:
        assert stored["queries"].tolist() == [row["queries"] for row in document["rows"]]


def test_a_query_attack_needs_somebody_to_ask(blobs: Path, tmp_path: Path) -> None:
    query = ("attack", blobs / "blobs.pt", "--method", "query")
    assert "nothing can be asked" in refused(tmp_path, *query, "--target", "none")
    assert "name its port" in refused(tmp_path, *query, "--patience", 3)
    assert refused(tmp_path, *query, "--port", "/dev/none").startswith("/dev/none")
    assert "says nothing to" in refused(tmp_path, *query, "--gradients", "float")


def test_an_option_that_a_method_would_ignore_is_refused(blobs: Path, tmp_path: Path) -> None:
    model = blobs / "blobs.pt"
    line = refused(tmp_path, "attack", model, "--epsilon", "2")
    assert line == "--epsilon says nothing to --method near; it is for fgsm, pgd"
    assert "use one of near, fgsm" in refused(tmp_path, "attack", model, "--method", "none")
    pgd = ("attack", model, "--method", "pgd")
    assert "is no distance" in refused(tmp_path, *pgd, "--epsilon", "-1")
    assert "needs --epsilon" in refused(tmp_path, *pgd, "--norm", "l2")
    assert "one goal" in refused(tmp_path, *pgd, "--untargeted", "--to", "1")


def test_a_file_without_a_range_takes_one(blobs: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(1)
    net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    torch.export.save(torch.export.export(net, (torch.zeros(1, 4),)), tmp_path / "bare.pt2")
    rows = tmp_path / "rows.npy"
    np.save(rows, np.random.default_rng(3).integers(0, 100, size=(40, 4)))
    where = ("--output", tmp_path / "out", "--input-range", "0:100", "--no-pictures")
    bare = tmp_path / "bare.pt2"
    made = pyexport("generate", bare, *where, *FEW, "--target", "none")
    assert made.status == 0, made.err
    few = ("--rows", rows, "--starts", 3, "--target", "none")
    done = pyexport("attack", bare, *where, *few, "--method", "minimal", "--untargeted")
    assert done.status == 0, done.err
    hunted = pyexport("hunt", bare, *where, "--rows", rows, "--wanted", 20, "--random", 0)
    assert hunted.status == 0, hunted.err
    both = (blobs / "blobs.pt", "--artifact", blobs / "blobs.px", "--input-range", "0:9")
    assert "leave out one" in refused(tmp_path, "hunt", *both)


def test_hunt_finds_explains_and_recalibrates(blobs: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    options = ("--output", tmp_path, "--wanted", 100, "--random", 5_000, "--recalibrate")
    done = pyexport("hunt", blobs / "blobs.pt", *options)
    assert done.status == 0, done.err
    for text in ("hunt", "uniform random", "what makes them disagree", "with the finds"):
        assert text in done.out
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"blobs-hunt.npz", "blobs-hunt.png", "blobs-calibration.npz"}
    with np.load(tmp_path / "blobs-hunt.npz") as stored:
        assert (stored["float"] != stored["integer"]).all() and len(stored["rows"]) >= 100
    document = json.loads(pyexport("hunt", blobs / "blobs.pt", *options, "--json").out)
    assert document["hunt"]["largest_gap"] > document["random"]["largest_gap"]
    assert document["recalibrated"]["rows"] > 60


def test_finds_become_self_test_vectors_that_pass(blobs: Path, tmp_path: Path) -> None:
    model, found = blobs / "blobs.pt", tmp_path / "blobs-hunt.npz"
    few = ("--wanted", 50, "--random", 0, "--no-pictures", "--output", tmp_path)
    assert pyexport("hunt", model, *few).status == 0
    words = ("export", model, "--selftest-from", found, "--output", tmp_path / "out")
    done = pyexport(*words)
    assert done.status == 0, done.err
    with np.load(found) as stored:
        small = stored["small_rows"]
    vectors = read_artifact(tmp_path / "out" / "blobs.px").vectors
    count = min(8, len(small))
    assert count > 0 and (vectors.inputs[:count] == small[:count]).all()
    text = (tmp_path / "out" / "blobs.h").read_text(encoding="utf-8")
    printed = re.search(r"blobs_vector_in\[[^=]*=\s*\{(.*?)\};", text, re.S)
    assert printed is not None
    numbers = [int(number) for number in re.findall(r"\d+", re.sub(r"/\*.*?\*/", "", printed[1]))]
    assert numbers[: small[:count].size] == small[:count].reshape(-1).tolist()
    assert "--selftest-from blobs-hunt.npz" in text
    checked = pyexport("verify", tmp_path / "out" / "blobs.h", "--suite", "corners")
    assert checked.status == 0 and "self-tests pass" in checked.out
    np.savez(tmp_path / "other.npz", inputs=small)
    again = ("export", model, "--output", tmp_path / "out", "--selftest-from")
    assert "holds no found rows" in refused(tmp_path, *again, tmp_path / "other.npz")
    assert "blobs.pt" in refused(tmp_path, *again, model)


def test_refusals_are_one_line(blobs: Path, tmp_path: Path) -> None:
    model, px = blobs / "blobs.pt", blobs / "blobs.px"
    assert "holds the integer model only" in refused(tmp_path, "generate", px)
    assert "is no class" in refused(tmp_path, "generate", model, "--classes", "12")
    assert "names a class twice" in refused(tmp_path, "generate", model, "--classes", "1,1")
    assert "unknown target" in refused(
        tmp_path, "attack", blobs / "blobs.pt", "--target", "host-none"
    )
    assert "not the size" in refused(tmp_path, "generate", blobs / "blobs.pt", "--shape", "9x9")
