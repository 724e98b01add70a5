"""Chooses the writer of a live model by what the model is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Unpack

from pyexport.frontends.live import is_sklearn
from pyexport.statements import Arguments


def save_model(model: Any, example: Any, path: str | Path, **arguments: Unpack[Arguments]) -> None:
    """Write a scikit-learn model as a checkpoint, anything else as a PyTorch module."""
    if is_sklearn(model):
        from pyexport.frontends.sklearn_save import save_sklearn

        save_sklearn(model, example, path, **arguments)
    else:
        from pyexport.frontends.torch_save import save

        save(model, example, path, **arguments)
