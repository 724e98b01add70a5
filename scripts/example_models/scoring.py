"""How an anomaly detector is scored: the error of its reproduction, and the area under the ROC."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def anomaly_scores(inputs: npt.NDArray[Any], outputs: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the mean squared difference of each row; both in the units of the network."""
    difference = np.asarray(inputs, np.float64) - np.asarray(outputs, np.float64)
    return np.asarray(np.mean(difference.reshape(len(difference), -1) ** 2, axis=1))


def area_under_curve(scores: npt.NDArray[Any], targets: npt.NDArray[Any]) -> float:
    """Return the chance that a row of class 1 scores higher than one of class 0; ties count half.

    That is the area under the ROC curve, from the ranks of the scores (Mann and Whitney).
    """
    values, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]  # from 1; equal scores share one
    positive = np.asarray(targets) == 1
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative or not len(values):
        raise ValueError("the area needs rows of both classes")
    above = ranks[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(above / (n_positive * n_negative))
