"""How right a model is on its evaluation rows, before the export and after it."""

from __future__ import annotations

import numpy as np

from pyexport.decision import decide, least_yes
from pyexport.ir import Array, FloatArray, Tensor
from pyexport.scores import Accuracy, Errors
from pyexport.statements import Statements


def accuracy(
    float_outputs: Array, outputs: Array, targets: Array, output: Tensor, statements: Statements
) -> Accuracy | None:
    """Return how many rows both get right; None where nothing says what class an output means.

    outputs are those of the exported model, as the device gives them. With a threshold class 1 is
    "yes"; without one it is the largest output, and a single output has no class.
    """
    threshold = statements.output_threshold
    if threshold is not None:
        float_yes = decide(float_outputs, threshold)
        exported_yes = decide(outputs, least_yes(threshold, output))
        return _accuracy(float_yes == (targets == 1), exported_yes == (targets == 1))
    if output.size == 1:
        return None
    return _accuracy(
        np.argmax(float_outputs, axis=1) == targets, np.argmax(outputs, axis=1) == targets
    )


def errors(float_outputs: Array, outputs: Array, targets: FloatArray, output: Tensor) -> Errors:
    """Return root mean square and mean absolute errors against real targets (n, outputs)."""
    exported = outputs if output.quant is None else output.quant.dequantize(outputs)
    float_error = np.asarray(float_outputs, np.float64) - targets
    exported_error = np.asarray(exported, np.float64) - targets
    return Errors(
        rows=len(targets),
        float_rmse=_rmse(float_error),
        float_mae=float(np.abs(float_error).mean()),
        exported_rmse=_rmse(exported_error),
        exported_mae=float(np.abs(exported_error).mean()),
    )


def accuracy_line(accuracy: Accuracy, exported: str) -> str:
    """Return one line, "float 97.10 %, int8 97.00 %"; `exported` is what that model is called."""
    return (
        f"float {100 * accuracy.float_correct / accuracy.rows:.2f} %, "
        f"{exported} {100 * accuracy.exported_correct / accuracy.rows:.2f} %"
    )


def errors_line(found: Errors, exported: str, unit: str | None) -> str:
    """Return one line with the errors of both models in the output's unit."""
    of = f" {unit}" if unit else ""
    return (
        f"float RMSE {found.float_rmse:.6g}{of}, MAE {found.float_mae:.6g}{of}; "
        f"{exported} RMSE {found.exported_rmse:.6g}{of}, MAE {found.exported_mae:.6g}{of}"
    )


def _accuracy(float_right: Array, exported_right: Array) -> Accuracy:
    return Accuracy(len(float_right), int(float_right.sum()), int(exported_right.sum()))


def _rmse(error: FloatArray) -> float:
    return float(np.sqrt(np.square(error).mean()))
