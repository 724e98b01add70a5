"""The two tiny models whose headers are kept as golden files."""

from __future__ import annotations

import math

import numpy as np

from pyexport.ir import Clamp, Dataset, Linear, Model
from pyexport.pipeline import Export
from tests.networks import chain, export

SCHEMES = {"tiny": "int8", "tiny_f32": "float32"}


def tiny_model() -> Model:
    """Return a network of 3, 4 and 2 numbers with everything that a header can say."""
    first = Linear(
        np.array([[1.0, -0.5, 0.25], [0.0, 0.75, -1.0], [0.0, 0.0, 0.0], [0.5, 0.5, 0.5]]),
        np.array([0.5, 1.0, 2.0, -3.0]),
    )
    second = Linear(
        np.array([[1.0, -1.0, 0.5, 0.25], [-0.75, 0.5, 0.25, 1.0]]), np.array([0.0, -0.125])
    )
    rows = np.array([[a, b, c] for a in (0, 5, 16) for b in (0, 9, 16) for c in (0, 16)], float)
    return chain(
        3,
        [first, Clamp(0.0, math.inf), second],
        calibration=rows,
        evaluation=Dataset(rows, np.arange(18) % 2),
        labels=("no", "yes"),
        unit="pixel intensity",
        source_name="tiny.pt",
        sources=("fc1", "act", "fc2"),
    )


def tiny_export(name: str) -> Export:
    """Return the export of a golden file's name."""
    return export(tiny_model(), name, scheme=SCHEMES[name])
