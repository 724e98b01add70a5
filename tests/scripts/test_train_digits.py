"""The training script gives an accurate, reproducible network that takes raw pixels."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from scripts import train_digits

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def digits() -> train_digits.Digits:
    return train_digits.split_digits()


def script(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "train_digits.py"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_the_split_is_80_to_20_and_every_class_is_on_both_sides(digits: train_digits.Digits):
    assert digits.train_pixels.shape == (1437, 64)
    assert digits.test_pixels.shape == (360, 64)
    shares = np.bincount(digits.test_classes) / (
        np.bincount(digits.train_classes) + np.bincount(digits.test_classes)
    )
    assert np.all(np.abs(shares - 0.2) < 0.005)


def test_the_saved_network_is_linear_relu_and_dropout_alone():
    kinds = [type(layer) for layer in train_digits.build_model()]
    block = [nn.Linear, nn.ReLU, nn.Dropout]
    assert kinds == [*block, *block, nn.Linear]


def test_folding_the_input_scaling_keeps_the_outputs(digits: train_digits.Digits):
    torch.manual_seed(0)
    model = train_digits.build_model().eval()
    pixels = torch.from_numpy(digits.test_pixels)
    with torch.no_grad():
        before = model((pixels - 8) / 8)
        train_digits.fold_input_scaling(model)
        after = model(pixels)
    assert torch.allclose(before, after, atol=1e-5)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(digits: train_digits.Digits):
    first, again, other = (
        train_digits.train(digits, seed, epochs=1, advance=lambda: None) for seed in (3, 3, 4)
    )
    for one, two in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, two)
    assert not torch.equal(first[0].weight, other[0].weight)


def test_the_network_is_accurate_on_raw_pixels(tmp_path: Path):
    done = script("--seeds", "2", "--json", "--output", "model.pt", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["test_images"] == 360
    assert summary["mean"] >= 96
    assert summary["min"] <= summary["mean"] <= summary["max"]
    saved = torch.export.load(tmp_path / "model.pt").module()
    data = train_digits.split_digits()
    classes = [
        int(saved(torch.from_numpy(data.test_pixels[i : i + 1])).argmax()) for i in range(360)
    ]
    assert 100 * np.mean(classes == data.test_classes) == pytest.approx(summary["accuracy"][0])


def test_a_missing_output_folder_is_refused_before_training(tmp_path: Path):
    done = script("--output", "no/such/model.pt", folder=tmp_path)
    assert done.returncode == 2
    assert "there is no folder" in done.stderr
