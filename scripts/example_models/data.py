"""What an example is trained and tested on: raw sensor values, and what they mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Targets = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of raw inputs (n, *shape), whole numbers as the sensor gives them, and their classes.

    Of an anomaly task class 1 is the anomaly, and rows to train on are all of class 0.
    """

    inputs: Array
    targets: Targets

    def first(self, count: int) -> Split:
        """Return the first rows only."""
        return Split(self.inputs[:count], self.targets[:count])


@dataclass(frozen=True, eq=False)
class Data:
    """A data set in its two parts, with what `pyexport.save` is told about the input."""

    train: Split
    test: Split
    labels: tuple[str, ...]
    low: int  # least and greatest raw value that the sensor gives
    high: int
    unit: str
    scale: float  # the network is trained on the raw value times this
    source: str


Source = Callable[[], Data]
