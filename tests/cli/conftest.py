"""The digits-shaped network that the command tests share, saved and exported once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pyexport
from tests.frontends.models import mlp


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved PyTorch model with range, calibration, evaluation rows and labels."""
    import torch

    random = np.random.default_rng(5)
    rows = np.floor(random.uniform(0, 17, size=(40, 64)))
    path = tmp_path_factory.mktemp("model") / "digits.pt"
    pyexport.save(
        mlp(),
        torch.zeros(1, 64),
        path,
        input_range=(0, 16),
        input_unit="pixels",
        calibration=rows,
        evaluation=(rows[:30], np.arange(30) % 10),
        labels=[f"digit {i}" for i in range(10)],
    )
    return path


@pytest.fixture(scope="session")
def plain_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same network as torch.export.save writes it: no range, no data, no labels."""
    import torch

    from tests.frontends.models import write_export

    path = tmp_path_factory.mktemp("plain") / "plain.pt2"
    return write_export(path, mlp(), torch.zeros(1, 64))


@pytest.fixture(scope="session")
def exported(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with digits.h, digits.px and digits.json. Tests that edit one copy it first."""
    folder = tmp_path_factory.mktemp("exported")
    pyexport.export(model, folder, "digits")
    return folder
