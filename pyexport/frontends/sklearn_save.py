"""Writes a fitted scikit-learn model as a checkpoint, which is read without running anything."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from pyexport.errors import UnsupportedModelError, UsageError
from pyexport.frontends.sklearn_estimators import read_estimator
from pyexport.ir import Activation, Affine, Clamp, Dataset, Linear, Node, Softmax
from pyexport.scratch.checkpoint import Checkpoint, LayerRecord, Rows
from pyexport.scratch.checkpoint_writer import save_checkpoint
from pyexport.statements import Arguments


def save_sklearn(
    estimator: Any, example: Any, path: str | Path, **arguments: Unpack[Arguments]
) -> None:
    """Write what `from_sklearn` reads, with float64 weights; arguments as there.

    example may be None; rows of another width than the model's are refused.
    """
    read = read_estimator(estimator, **arguments)
    size = read.graph.input.size
    if example is not None and (np.ndim(example) == 0 or np.shape(example)[-1] != size):
        raise UsageError(
            f"{read.name}: the example has the shape {np.shape(example)}, the model takes "
            f"{size} columns; give a row of them, or None"
        )
    checkpoint = Checkpoint(
        graph=tuple(_record(node, read.name) for node in read.graph.nodes),
        statements=read.extras.statements,
        calibration=_rows(read.extras.calibration),
        evaluation=_rows(read.extras.evaluation),
        producer=read.producer,
    )
    save_checkpoint(checkpoint, path)
    for warning in read.warnings:
        warnings.warn(warning, stacklevel=4)


def _record(node: Node, name: str) -> LayerRecord:
    match node.op:
        case Linear(weight=weight, bias=bias):
            outputs, inputs = weight.shape
            numbers = {"inputs": inputs, "outputs": outputs}
            return LayerRecord("linear", numbers, weight.tolist(), bias.tolist())
        case Affine(scale=scale, shift=shift):
            return LayerRecord("affine", {"columns": len(scale)}, [scale.tolist()], shift.tolist())
        case Clamp(low=0.0, high=math.inf):
            return LayerRecord("relu")
        case Clamp(low=low, high=high):
            return LayerRecord("clamp", {"low": low, "high": high})
        case Activation(function="tanh" | "sigmoid" as function):
            return LayerRecord(function)
        case Softmax():
            return LayerRecord("softmax")
    raise UnsupportedModelError(f"{name}: a step of kind {node.op.kind} has no form in a file")


def _rows(data: Dataset | None) -> Rows | None:
    if data is None:
        return None
    targets = None if data.targets is None else data.targets.tolist()
    return Rows(data.inputs.reshape(len(data.inputs), -1).tolist(), targets)
