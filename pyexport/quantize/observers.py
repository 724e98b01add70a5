"""The range of real values that each tensor takes: observed on data, or bounded by intervals."""

import numpy as np

from pyexport.errors import CalibrationError, InvalidModelError, UnsupportedOperatorError
from pyexport.ir import Dataset, Graph
from pyexport.quantize.intervals import Interval, propagate
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
    shape = (1, *graph.input.shape)
    bounds: dict[str, Interval] = {
        graph.input.name: (np.full(shape, input_range[0]), np.full(shape, input_range[1]))
    }
    with np.errstate(over="ignore", invalid="ignore"):
        for node in graph.nodes:
            results = propagate(node.op, [bounds[name] for name in node.inputs])
            if results is None:
                raise UnsupportedOperatorError(
                    f"node {node.name}: no interval rule for {node.op.kind}"
                )
            bounds.update(zip(node.outputs, results, strict=True))
    ranges = {name: (float(b[0].min()), float(b[1].max())) for name, b in bounds.items()}
    return {name: _finite(name, r) for name, r in ranges.items()}


def _finite(name: str, values: Range) -> Range:
    if not np.isfinite(values).all():
        raise InvalidModelError(
            f"tensor {name} overflows float64 on legal inputs; the weights are too large to export"
        )
    return values
