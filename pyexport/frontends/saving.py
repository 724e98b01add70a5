"""Chooses the writer of a live model by what the model is."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def save_model(model: Any, example: Any, path: str | Path, **metadata: Any) -> None:
    """Write a scikit-learn model as a checkpoint, anything else as a PyTorch module."""
    if _is_sklearn(model):
        from pyexport.frontends.sklearn_save import save_sklearn

        save_sklearn(model, example, path, **metadata)
    else:
        from pyexport.frontends.torch_save import save

        save(model, example, path, **metadata)


def _is_sklearn(model: object) -> bool:
    """Return whether an object is of scikit-learn, without importing it."""
    return any(kind.__module__.split(".")[0] == "sklearn" for kind in type(model).__mro__)
