"""Reads a trained model in memory, a PyTorch module or a scikit-learn model, by what it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyexport.errors import UsageError
from pyexport.ir import Model
from pyexport.statements import KEYS, SAMPLES


def read_live(model: Any, example: Any, metadata: Mapping[str, Any]) -> Model:
    """Return the model of a live object; metadata as for `pyexport.save`."""
    if is_sklearn(model):
        from pyexport.frontends.sklearn_estimators import from_sklearn

        return from_sklearn(model, **metadata)
    from pyexport.frontends.torch_save import from_torch

    if example is None:
        name = type(model).__name__
        raise UsageError(f"{name}: an example input is needed too, e.g. torch.zeros(1, 64)")
    return from_torch(model, example, **metadata)


def metadata_keys() -> tuple[str, ...]:
    """Return the names of the statements about a model that `pyexport.save` takes."""
    return (*(key.field for key in KEYS), *SAMPLES)


def is_sklearn(model: object) -> bool:
    """Return whether an object is of scikit-learn, without importing it."""
    return any(kind.__module__.split(".")[0] == "sklearn" for kind in type(model).__mro__)
