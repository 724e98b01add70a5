"""Trains an example and saves it: AdamW with one cycle of the rate, the same seed, the same net."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import pyexport
from scripts.example_models import networks
from scripts.example_models.catalog import Example, Recipe
from scripts.example_models.data import Array, Data, Split
from scripts.example_models.scoring import anomaly_scores, area_under_curve

_WEIGHT_DECAY = 1e-3
_TEST_BATCH = 500


def train(recipe: Recipe, data: Data, seed: int, say: Callable[[str], None]) -> nn.Module:
    """Return the trained network, in evaluation mode, for inputs times data.scale."""
    torch.manual_seed(seed)
    model: nn.Module = getattr(networks, recipe.network)()
    rows = data.train if recipe.rows is None else data.train.first(recipe.rows)
    inputs, targets = torch.from_numpy(rows.inputs) * data.scale, torch.from_numpy(rows.targets)
    if recipe.is_anomaly:
        start_at_mean(model, inputs)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.rate, weight_decay=_WEIGHT_DECAY)
    batches = len(inputs) // recipe.batch  # the rest is left out: a batch norm needs many rows
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.rate, total_steps=recipe.epochs * batches
    )
    for epoch in range(recipe.epochs):
        model.train()
        total = 0.0
        order = torch.randperm(len(inputs))
        for batch in order[: batches * recipe.batch].split(recipe.batch):
            optimizer.zero_grad()
            output = model(inputs[batch])
            if recipe.is_anomaly:
                loss = nn.functional.mse_loss(output, inputs[batch])
            else:
                loss = nn.functional.cross_entropy(output, targets[batch])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # recurrent nets need it
            optimizer.step()
            cycle.step()
            total += loss.item()
        say(f"epoch {epoch + 1} of {recipe.epochs}, loss {total / batches:.4f}")
    return model.eval()


def start_at_mean(model: nn.Module, inputs: torch.Tensor) -> None:
    """Let the last layer begin at the mean input, which is most of what it reproduces."""
    last = list(model.modules())[-1]
    assert isinstance(last, nn.Linear)  # an autoencoder ends in one
    with torch.no_grad():
        last.bias.copy_(inputs.mean(dim=0))


def outputs(model: nn.Module, inputs: Array, scale: float) -> Array:
    """Return the network's outputs (n, ...) for raw rows."""
    with torch.no_grad():
        parts = [
            model(torch.from_numpy(inputs[first : first + _TEST_BATCH]) * scale).numpy()
            for first in range(0, len(inputs), _TEST_BATCH)
        ]
    return np.concatenate(parts)


def score(recipe: Recipe, model: nn.Module, data: Data) -> float:
    """Return the share of test rows that are right, or the area under the ROC curve, 0..1."""
    found = outputs(model, data.test.inputs, data.scale)
    if recipe.is_anomaly:
        scores = anomaly_scores(data.test.inputs * data.scale, found)
        return area_under_curve(scores, data.test.targets)
    return float(np.mean(found.argmax(axis=1) == data.test.targets))


def save(
    example: Example, model: nn.Module, data: Data, path: Path, seed: int, rows: tuple[int, int]
) -> tuple[Path, ...]:
    """Write the archive, and beside it calibration and test rows as .npz; return the three.

    rows: how many training rows for calibration, and test rows for evaluation, go into the archive.
    """
    recipe, shape = example.recipe, data.test.inputs.shape[1:]
    calibration = data.train.first(rows[0])
    test = data.test.first(rows[1])
    known: dict[str, Any] = {"labels": data.labels}
    if rows[1]:
        known["evaluation"] = (test.inputs, test.targets)
    if recipe.is_anomaly:  # its outputs are no classes
        known = {"output_task": "anomaly"}
    pyexport.save(
        model,
        torch.zeros(1, *shape),
        path,
        input_range=(data.low, data.high),
        input_scale=data.scale,
        input_unit=data.unit,
        calibration=calibration.inputs,
        created_by=f"scripts/train_examples.py {example.family} --data {example.data}",
        source=data.source,
        notes=f"{recipe.title}, seed {seed}",
        **known,
    )
    paths = (path, path.with_suffix(".calibration.npz"), path.with_suffix(".test.npz"))
    save_rows(paths[1], calibration, data)
    save_rows(paths[2], data.test, data)
    return paths


def save_rows(path: Path, rows: Split, data: Data) -> None:
    """Write rows as bytes, which hold every raw value."""
    dtype = np.uint8 if data.low >= 0 else np.int8
    np.savez_compressed(
        path, inputs=rows.inputs.astype(dtype), targets=rows.targets.astype(np.uint8)
    )
