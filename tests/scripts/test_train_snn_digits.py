"""The script that trains spiking networks saves ones that export, and tells what they do."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

import pyexport
from pyexport.integer.spiking import QuantizedLif
from scripts import train_snn_digits as script
from scripts.train_digits import split_digits

ROOT = Path(__file__).resolve().parent.parent.parent


def test_one_epoch_of_latency_is_saved_exported_and_told_of(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "train_snn_digits.py")]
    options = ["--encoding", "latency", "--epochs", "1", "--output", str(tmp_path), "--json"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
    (row,) = json.loads(done.stdout)
    assert row["encoding"] == "latency"
    assert row["multiplications"] == 0
    assert row["updates"] == 740
    assert 20 < row["accuracy"] < 100  # guessing gives 10
    assert row["same_class"] > 80
    artifact = pyexport.quantize(pyexport.load(tmp_path / "digits_latency_0.pt2"))
    layers = [n.op for n in artifact.graph.nodes if isinstance(n.op, QuantizedLif)]
    assert [layer.shift_leak for layer in layers] == [True, True]  # no multiplication
    # Spikes of the encoder on the test images: one for each pixel that is not black.
    assert row["input_events"] == round(float((split_digits().test_pixels > 0).sum()) / 360, 1)


def test_a_leak_of_the_trained_networks_is_a_shift() -> None:
    for task in script.TASKS.values():
        layers = [m for m in script.build(task) if isinstance(m, script.LIF)]
        assert [layer.beta.tolist() for layer in layers] == [[1 - 2**-3]] * 2


def test_images_that_are_held_out_are_none_of_the_test() -> None:
    digits = split_digits()
    held = script.hold_out(digits)
    assert len(held.train_pixels) + len(held.test_pixels) == len(digits.train_pixels) == 1437
    assert len(held.test_pixels) == script.N_VALIDATION
    both = torch.from_numpy(held.train_pixels), torch.from_numpy(held.test_pixels)
    assert all(any(torch.equal(row, x) for x in torch.from_numpy(digits.train_pixels))
               for rows in both for row in rows[:3])  # fmt: skip


def test_a_penalty_makes_hidden_neurons_fire_less() -> None:
    digits = split_digits()
    spikes = []
    with script.Progress(disable=True) as progress:
        for penalty in (0.0, 3.0):
            task = replace(script.TASKS["direct"], epochs=1, penalty=penalty)
            model = script.train(task, digits, 0, progress, progress.add_task("", total=1))
            assert isinstance(model, nn.Sequential)
            spikes.append(script.measure(task, model, digits, 0, None).hidden_spikes)
    assert spikes[1] < 0.9 * spikes[0]
