"""What was measured on the evaluation rows: accuracy, or the errors of a regression."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Accuracy:
    """Share of evaluation rows whose class is right, of the float and of the exported model."""

    rows: int
    float_correct: int
    exported_correct: int

    def __post_init__(self) -> None:
        counts = (self.rows, self.float_correct, self.exported_correct)
        if not all(type(count) is int and count >= 0 for count in counts):
            raise TypeError("a number of rows is not a count")
        if not max(counts) <= self.rows > 0:
            raise ValueError("the accuracy is over 100 %")


@dataclass(frozen=True)
class Errors:
    """Of a regression on its evaluation rows: real outputs of both models against the targets."""

    rows: int
    float_rmse: float  # root of the mean squared error
    float_mae: float  # mean absolute error
    exported_rmse: float
    exported_mae: float

    def __post_init__(self) -> None:
        if type(self.rows) is not int or self.rows < 1:
            raise TypeError("a number of rows is not a count")
        if not all(
            isinstance(v, float) and 0.0 <= v < math.inf for v in list(vars(self).values())[1:]
        ):
            raise ValueError("an error is not a finite number")
