"""The range of real values that each tensor takes: observed on data, or bounded by intervals."""

import numpy as np

from pyexport.errors import CalibrationError, InvalidModelError, UnsupportedOperatorError
from pyexport.ir import Affine, Clamp, Dataset, FloatArray, Graph, Linear, Node, Softmax
from pyexport.reference import evaluate

Range = tuple[float, float]


def observed_ranges(graph: Graph, calibration: Dataset) -> dict[str, Range]:
    """Return (min, max) of every tensor over the calibration rows; summed in a fixed order."""
    if len(calibration.inputs) == 0:
        raise CalibrationError("the calibration data hold no rows")
    with np.errstate(over="ignore", invalid="ignore"):
        values = evaluate(graph, calibration.inputs, fixed_order=True)
    ranges = {name: (float(v.min()), float(v.max())) for name, v in values.items()}
    return {name: _finite(name, r) for name, r in ranges.items()}


def interval_ranges(graph: Graph, input_range: Range) -> dict[str, Range]:
    """Return bounds of every tensor for every input inside input_range (interval arithmetic)."""
    low = np.full(graph.input.size, input_range[0], dtype=np.float64)
    high = np.full(graph.input.size, input_range[1], dtype=np.float64)
    bounds = {graph.input.name: (low, high)}
    with np.errstate(over="ignore", invalid="ignore"):
        for node in graph.nodes:
            bounds[node.outputs[0]] = _propagate(node, *bounds[node.inputs[0]])
    ranges = {name: (float(b[0].min()), float(b[1].max())) for name, b in bounds.items()}
    return {name: _finite(name, r) for name, r in ranges.items()}


def _propagate(node: Node, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
    op = node.op
    if isinstance(op, Linear):
        weight, bias = op.weight.astype(np.float64), op.bias.astype(np.float64)
        positive, negative = np.maximum(weight, 0.0), np.minimum(weight, 0.0)
        new_low = (positive * low + negative * high).sum(axis=1) + bias
        new_high = (positive * high + negative * low).sum(axis=1) + bias
        return np.clip(new_low, op.low, op.high), np.clip(new_high, op.low, op.high)
    if isinstance(op, Clamp):
        return np.clip(low, op.low, op.high), np.clip(high, op.low, op.high)
    if isinstance(op, Affine):
        ends = op.scale * low + op.shift, op.scale * high + op.shift
        return np.minimum(*ends), np.maximum(*ends)
    if isinstance(op, Softmax):
        return np.zeros_like(low), np.ones_like(high)
    raise UnsupportedOperatorError(f"node {node.name}: no interval rule for {op.kind}")


def _finite(name: str, values: Range) -> Range:
    if not np.isfinite(values).all():
        raise InvalidModelError(
            f"tensor {name} overflows float64 on legal inputs; the weights are too large to export"
        )
    return values
