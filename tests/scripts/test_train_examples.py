"""The example models: frozen data, networks that export, a script that trains and saves them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

import pyexport
from pyexport.errors import FileFormatError, UsageError
from scripts import train_examples
from scripts.example_models import catalog, gestures, images, machine, networks, training, words
from scripts.example_models.catalog import EXAMPLES, FAMILIES, Example
from scripts.example_models.data import Data
from scripts.example_models.scoring import anomaly_scores, area_under_curve

SHAPES = {
    "mnist": (1, 28, 28),
    "fashion": (1, 28, 28),
    "gestures": (3, 128),
    "words": (1, 49, 10),
    "machine": (640,),
}
FROZEN = {
    "gestures": "655d42e272befe99",
    "words": "8873f1201df9ad83",
    "machine": "0e43ea1c64d602ed",
}


@pytest.fixture(autouse=True)
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (gestures, words, machine):
        monkeypatch.setattr(module, "_TRAIN", 128)
        monkeypatch.setattr(module, "_TEST", 32)


@pytest.mark.parametrize("name", FROZEN)
def test_generated_data_never_change(name: str) -> None:
    data = catalog.SOURCES[name]()
    digest = hashlib.sha256()
    for split in (data.train, data.test):
        digest.update(split.inputs.astype("<i2").tobytes() + split.targets.astype("<i2").tobytes())
    assert digest.hexdigest()[:16] == FROZEN[name]


@pytest.mark.parametrize("name", FROZEN)
def test_generated_rows_are_whole_numbers_that_the_sensor_gives(name: str) -> None:
    data = catalog.SOURCES[name]()
    for split in (data.train, data.test):
        assert split.inputs.shape[1:] == SHAPES[name]
        assert (split.inputs == np.floor(split.inputs)).all()
        assert split.inputs.min() >= data.low and split.inputs.max() <= data.high
    assert set(data.test.targets) <= set(range(len(data.labels)))


def test_an_anomaly_detector_is_trained_on_normal_rows_alone() -> None:
    data = machine.machine()
    assert not data.train.targets.any()
    assert set(data.test.targets) == {0, 1}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_every_network_exports_before_it_is_trained(example: Example) -> None:
    torch.manual_seed(0)
    module = getattr(networks, example.recipe.network)().eval()
    found = pyexport.check(module, torch.zeros(1, *SHAPES[example.data]))
    assert any(fit.fits for fit in found.fits)
    assert found.macs > 10_000


def test_mlperf_tinys_autoencoder_has_its_layers() -> None:
    widths = [layer.out_features for layer in networks.autoencoder().modules()
              if isinstance(layer, torch.nn.Linear)]  # fmt: skip
    assert widths == [128, 128, 128, 128, 8, 128, 128, 128, 128, 640]


def test_the_area_is_the_share_of_pairs_in_order_and_ties_count_half() -> None:
    # (positive, negative) pairs: 3 > 1, 3 > 2, 2 > 1, and 2 = 2
    assert area_under_curve(np.array([3.0, 2.0, 1.0, 2.0]), np.array([1, 1, 0, 0])) == 3.5 / 4
    assert area_under_curve(np.array([0.0, 1.0]), np.array([1, 0])) == 0.0
    with pytest.raises(ValueError, match="both classes"):
        area_under_curve(np.array([1.0, 2.0]), np.array([1, 1]))


def test_the_anomaly_score_is_the_mean_squared_error_of_each_row() -> None:
    assert anomaly_scores(np.array([[1, 2], [0, 0]]), np.array([[1, 4], [3, 1]])).tolist() == [2, 5]


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    quick = {
        name: catalog.Recipe(r.title, r.network, r.data, 1, r.rate, r.rows, r.batch, r.is_anomaly)
        for name, r in FAMILIES.items()
    }
    monkeypatch.setattr(catalog, "FAMILIES", quick)
    monkeypatch.setattr("sys.argv", ["train_examples.py", *words])
    train_examples.main()


@pytest.fixture
def torch_as_before() -> object:
    threads = torch.get_num_threads()
    yield None
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("torch_as_before")
def test_training_twice_writes_the_same_three_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        run(monkeypatch, "gru", "--out", str(tmp_path / f"{name}.pt2"), "--evaluation", "20")
    first, second = ({p.name.partition(".")[2]: p.read_bytes() for p in tmp_path.glob(f"{name}.*")}
                     for name in ("one", "two"))  # fmt: skip
    assert first.keys() == {"pt2", "calibration.npz", "test.npz"}
    assert first["pt2"] == second["pt2"]
    model = pyexport.load(tmp_path / "one.pt2")
    assert model.metadata.input_range == (-128, 127)
    assert model.metadata.statements.labels == gestures.LABELS
    with np.load(tmp_path / "one.test.npz") as rows:
        assert rows["inputs"].dtype == np.int8
        assert rows["inputs"].shape == (32, 3, 128)


@pytest.mark.usefixtures("torch_as_before")
def test_the_autoencoder_starts_at_the_mean_and_is_scored_by_its_area(tmp_path: Path) -> None:
    data = machine.machine()
    torch.manual_seed(0)
    model = networks.autoencoder()
    training.start_at_mean(model, torch.from_numpy(data.train.inputs))
    last = list(model.modules())[-1]
    assert np.allclose(last.bias.detach().numpy(), data.train.inputs.mean(axis=0), rtol=1e-5)
    assert 0.0 <= training.score(FAMILIES["autoencoder"], model.eval(), data) <= 1.0


@pytest.mark.parametrize(
    "words, message",
    [
        (("lenet", "--data", "words"), "lenet learns mnist or fashion"),
        (("all", "--data", "mnist"), "go with one family"),
        (("gru", "--out", "net.pt"), "ends in .pt2"),
        (("gru", "--calibration", "0"), "--calibration at 1"),
        (("vgg",), "invalid choice"),
    ],
)
def test_wrong_options_are_one_line(
    words: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        run(monkeypatch, *words)
    assert "\n" not in str(caught.value)


def test_missing_fashion_mnist_names_the_package_and_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(images.FASHION_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(FileFormatError) as caught:
        images.fashion()
    assert "dataset-fashion-mnist" in str(caught.value)
    assert images.FASHION_VARIABLE in str(caught.value)


def test_fashion_mnist_is_read_from_the_folder_of_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part, count in (("train", 3), ("t10k", 2)):
        head = (2051).to_bytes(4, "big") + b"".join(n.to_bytes(4, "big") for n in (count, 28, 28))
        images_file = tmp_path / f"{part}-images-idx3-ubyte.gz"  # gzipped or not, both are read
        images_file.write_bytes(head + bytes(range(256)) * 3 * count + bytes(16 * count))
        marks = (2049).to_bytes(4, "big") + count.to_bytes(4, "big") + bytes([9] * count)
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(marks)
    monkeypatch.setenv(images.FASHION_VARIABLE, str(tmp_path))
    data: Data = images.fashion()
    assert data.train.inputs.shape == (3, 1, 28, 28)
    assert data.train.inputs[0, 0, 0, :3].tolist() == [0, 1, 2]
    assert data.test.targets.tolist() == [9, 9]
    assert data.labels[9] == "ankle boot"
