"""The scratch scripts train, draw and save without any package, and say what is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import pyexport
from pyexport.scratch import LOSSES
from scripts import train_mnist_scratch, train_moons
from tests.scratch.test_mnist import small_set

ROOT = Path(__file__).resolve().parent.parent.parent
ALONE = ("-I", "-S")  # no site-packages: only the standard library can be imported


def script(
    name: str,
    *arguments: str,
    folder: Path,
    data: Path | None = None,
    python: tuple[str, ...] = ALONE,
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *python, str(ROOT / "scripts" / name), *arguments]
    environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache")}
    environment.pop("PYEXPORT_DATA", None)
    if data is not None:
        environment["PYEXPORT_DATA"] = str(data)
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("engine", ["packed", "lists", "value"])
def test_moons_are_learned_and_drawn(tmp_path, engine):
    done = script("train_moons.py", "--engine", engine, "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["training_accuracy"] == 100
    assert done.stderr == ""
    assert ElementTree.parse(tmp_path / "moons.svg").getroot().tag.endswith("svg")


def test_many_epochs_on_noisy_moons_clip_no_weight(tmp_path):
    options = ("--noise", "0.35", "--epochs", "60", "--seed", "4", "--json")
    done = script("train_moons.py", *options, folder=tmp_path, python=("-W", "error", *ALONE))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["epochs"] == 60


def test_moons_of_value_are_drawn_as_the_network_classifies(tmp_path):
    network = train_moons.new_network("value", 3)
    twin = train_moons.quick(network)
    assert twin.engine == "lists"
    for x in range(-3, 4):
        for y in range(-3, 4):
            assert twin([x / 2, y / 2]) == pytest.approx(network([x / 2, y / 2]))


def test_moons_can_be_exported(tmp_path):
    done = script("train_moons.py", "--output", "model.pt", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "100.0 %" in done.stdout
    result = pyexport.export(tmp_path / "model.pt", tmp_path, "moons")
    assert result.artifact.accuracy is not None
    assert result.artifact.accuracy.exported_correct >= 0.9 * result.artifact.accuracy.rows


@pytest.mark.parametrize("engine", ["lists", "value"])
def test_a_spiking_network_learns_the_moons(tmp_path, engine):
    options = ("moons", "--engine", engine, "--output", "snn.pt", "--json")
    done = script("train_snn_scratch.py", *options, folder=tmp_path, python=ALONE)
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(done.stdout)
    assert result["training_accuracy"] == 100
    assert result["hidden_spikes"] > 1
    assert (tmp_path / "snn.pt").exists()


def test_digits_are_learned_from_the_data_file_alone(tmp_path):
    import sklearn

    data = Path(sklearn.__file__).parent / "datasets" / "data" / "digits.csv.gz"
    options = ("--splits", "1", "--epochs", "4", "--data", str(data), "--json")
    done = script("train_digits_scratch.py", *options, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["mean"] > 90
    result = pyexport.export(tmp_path / "model.pt", tmp_path, "digits")
    assert result.artifact.accuracy is not None
    assert result.artifact.accuracy.rows == 359
    assert result.artifact.labels == tuple("0123456789")


def test_digits_are_found_beside_scikit_learn(tmp_path):
    options = ("--splits", "2", "--epochs", "1", "--hidden", "8")
    done = script("train_digits_scratch.py", *options, folder=tmp_path, python=())
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 5


def test_a_split_alone_gives_what_it_gives_among_others(tmp_path):
    options = ("--epochs", "1", "--hidden", "8", "--json")
    results = []
    for numbers in (("--splits", "3"), ("--first", "2", "--splits", "1")):
        done = script("train_digits_scratch.py", *options, *numbers, folder=tmp_path, python=())
        results.append(json.loads(done.stdout))
    assert results[0]["accuracy"][2:] == results[1]["accuracy"]


def test_without_scikit_learn_the_way_out_is_named(tmp_path):
    done = script("train_digits_scratch.py", folder=tmp_path)
    assert done.returncode == 2
    assert "give --data FILE" in done.stderr


def test_mnist_is_trained_drawn_and_saved(tmp_path):
    small_set(tmp_path / "data" / "mnist")
    options = ("--train", "3", "--validation", "1", "--hidden", "4", "--looks", "2")
    files = ("--output", "model.pt", "--picture", "curve.svg")
    done = script(
        "train_mnist_scratch.py", *options, *files, folder=tmp_path, data=tmp_path / "data",
        python=("-S",),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "test accuracy" in done.stdout
    ElementTree.parse(tmp_path / "curve.svg")
    model = pyexport.load(tmp_path / "model.pt")
    assert model.graph.input.declared_range == (0.0, 255.0)
    assert model.metadata.evaluation is not None


def test_mnist_that_is_missing_is_named_in_one_line(tmp_path):
    done = script("train_mnist_scratch.py", "--train", "10", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: MNIST is not in ")
    assert "--download" in done.stderr
    assert done.stderr.count("\n") == 1


def test_engines_are_compared_in_one_run(tmp_path):
    done = script(
        "compare_engines.py", "--rounds", "1", "--fast", "--json", folder=tmp_path, python=()
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["images"].startswith("noise")
    assert result["input_bits"] == 4
    seconds = result["seconds"]
    assert {"packed, batch 1", "lists, batch 1", "NumPy, batch 1", "PyTorch, batch 1"} <= set(
        seconds
    )
    assert all(value > 0 for value in seconds.values())


def test_engines_are_compared_without_any_package(tmp_path):
    done = script("compare_engines.py", "--rounds", "1", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "value, batch 1" in done.stdout
    assert "numpy is not installed" in done.stdout
    assert "images: noise with as many black pixels, because MNIST was not found" in done.stdout


def test_engines_are_compared_on_mnist_where_it_is(tmp_path):
    small_set(tmp_path / "mnist")
    done = script(
        "compare_engines.py", "--rounds", "1", "--fast", "--json", folder=tmp_path, data=tmp_path
    )
    assert json.loads(done.stdout)["images"] == "MNIST"


def test_counted_training_on_noise_says_so(tmp_path):
    done = script("compare_engines.py", "--count", "2", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("the images are noise")


def test_learning_rates_are_tried_on_validation_images(tmp_path):
    small_set(tmp_path / "mnist")
    options = ("--train", "3", "--validation", "1", "--hidden", "4", "--seeds", "2")
    done = script(
        "choose_rates.py", *options, "--rates", "0.01", "0.02", "--falls", "10", "20",
        folder=tmp_path, data=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = [line.split()[:2] for line in done.stdout.splitlines()[2:]]
    assert rows == [["0.01", "0.001"], ["0.01", "0.0005"], ["0.02", "0.002"], ["0.02", "0.001"]]


def test_every_loss_has_learning_rates():
    assert set(train_mnist_scratch.RATES) == set(LOSSES)


SCRIPTS = (
    "train_moons.py",
    "train_digits_scratch.py",
    "train_mnist_scratch.py",
    "train_snn_scratch.py",
)


BAD_OPTIONS = (
    ("--epochs", "0"),
    ("--points", "0"),
    ("--output", "none/model.pt"),
    ("--output", "."),
    ("--picture", "none/a.svg"),
    ("--rate", "0"),
    ("--rate", "nan"),
    ("--noise", "inf"),
    ("--patience", "nan"),
    ("--time-budget", "nan"),
    ("--skip-below", "nan"),
)
CASES = [
    (name, option, value)
    for name in SCRIPTS
    for option, value in BAD_OPTIONS
    if f'"{option}"' in (ROOT / "scripts" / name).read_text(encoding="utf-8")
]


@pytest.mark.parametrize(("name", "option", "value"), CASES)
def test_bad_options_are_refused_before_training(tmp_path, name, option, value):
    done = script(name, option, value, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {option} ")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_engines_of_impossible_sizes_are_refused_in_one_line(tmp_path):
    done = script("compare_engines.py", "--sizes", "784", "0", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: Linear(784, 0)")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "name", [*SCRIPTS, "compare_engines.py", "choose_rates.py"], ids=lambda name: name[:-3]
)
@pytest.mark.parametrize("option", ["--nonsense", "--epochs=many", "--loss=none", "--engine"])
def test_a_mistaken_option_is_one_line(tmp_path, name, option):
    done = script(name, option, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert "--help" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("compare_engines.py", ("--rounds", "0"), "--rounds is 0"),
        ("compare_engines.py", ("--sizes", "5", "2"), "--sizes starts with 5"),
        ("compare_engines.py", ("--count", "-1"), "--count is -1"),
        ("train_digits_scratch.py", ("--splits", "0"), "--splits is 0"),
        ("train_mnist_scratch.py", ("--train", "60000"), "--train and --validation"),
        ("choose_rates.py", ("--falls", "0.5"), "--falls starts at 1"),
        ("choose_rates.py", ("--seeds", "0"), "--seeds starts at 1"),
        ("choose_rates.py", ("--epochs", "0"), "epochs"),
        ("choose_rates.py", ("--rates", "0"), "--rate"),
    ],
)
def test_numbers_out_of_range_are_one_line(tmp_path, name, options, text):
    done = script(name, *options, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert text in done.stderr
    assert done.stderr.count("\n") == 1
