"""The range of real values that each tensor takes: observed on data, or bounded by intervals."""

from collections.abc import Mapping

import numpy as np

from pyexport.errors import CalibrationError, InvalidModelError, UnsupportedOperatorError
from pyexport.ir import Dataset, FloatArray, Graph, Node
from pyexport.quantize.intervals.interval import Interval
from pyexport.quantize.intervals.rules import INTERVAL_RULES
from pyexport.quantize.states import check_states, first_magnitude
from pyexport.reference import evaluate
from pyexport.reference.evaluation import BLOCK

Range = tuple[float, float]
InputRanges = Range | Mapping[str, Range]  # of the input, or of each input by its name


def range_of(ranges: InputRanges, name: str) -> Range:
    """Return the range of an input."""
    return ranges[name] if isinstance(ranges, Mapping) else ranges


def observed_ranges(graph: Graph, calibration: Dataset) -> dict[str, Range]:
    """Return (min, max) of every tensor over the calibration rows; summed in a fixed order."""
    if len(calibration.inputs) == 0:
        raise CalibrationError("the calibration data hold no rows")
    if graph.states:
        return _over_steps(graph, calibration)
    ranges: dict[str, Range] = {}
    for start in range(0, len(calibration.inputs), BLOCK):
        with np.errstate(over="ignore", invalid="ignore"):
            rows = calibration.inputs[start : start + BLOCK]
            values = evaluate(graph, rows, fixed_order=True)
        ranges = {name: _wider(ranges.get(name), v) for name, v in values.items()}
    return {name: _finite(name, r) for name, r in ranges.items()}


def _wider(known: Range | None, values: FloatArray) -> Range:
    """Return the range of values together with a known one; a NaN stays one."""
    low, high = known or (np.inf, -np.inf)
    return float(np.minimum(low, values.min())), float(np.maximum(high, values.max()))


def _over_steps(graph: Graph, calibration: Dataset) -> dict[str, Range]:
    """Return (min, max) of every tensor while the rows go by as the steps of one sequence."""
    ranges: dict[str, Range] = {}
    states: dict[str, FloatArray] | None = None
    for row in calibration.inputs:
        with np.errstate(over="ignore", invalid="ignore"):
            values = evaluate(graph, row[None], fixed_order=True, states=states)
        states = {state.name: values[state.write] for state in graph.states}
        ranges = {name: _wider(ranges.get(name), v) for name, v in values.items()}
    return {name: _finite(name, r) for name, r in ranges.items()}


def interval_ranges(graph: Graph, input_range: InputRanges) -> dict[str, Range]:
    """Return bounds of every tensor for every input inside input_range (interval arithmetic).

    One range holds for each of several inputs. Raises UnsupportedOperatorError for an operator
    without a rule, UnsupportedModelError for a state that no LSTM or GRU keeps.
    """
    check_states(graph)
    bounds = {}
    for state in graph.states:
        shape = graph.tensor(state.read).shape
        most = first_magnitude(state, graph)
        bounds[state.read] = Interval(np.full(shape, -most), np.full(shape, most))
    for name in graph.inputs:
        shape = graph.tensor(name).shape
        limits = range_of(input_range, name)
        bounds[name] = Interval(*(np.full(shape, limit, np.float64) for limit in limits))
    with np.errstate(over="ignore", invalid="ignore"):
        for node in graph.nodes:
            results = _propagate(node, [bounds[name] for name in node.inputs])
            bounds.update(zip(node.outputs, results, strict=True))
    ranges = {name: (float(b.low.min()), float(b.high.max())) for name, b in bounds.items()}
    return {name: _finite(name, r) for name, r in ranges.items()}


def _propagate(node: Node, inputs: list[Interval]) -> tuple[Interval, ...]:
    rule = INTERVAL_RULES.get(type(node.op))
    if rule is None:
        raise UnsupportedOperatorError(f"node {node.name}: no interval rule for {node.op.kind}")
    results = rule(node.op, inputs)
    return results if isinstance(results, tuple) else (results,)


def _finite(name: str, values: Range) -> Range:
    if not np.isfinite(values).all():
        raise InvalidModelError(
            f"tensor {name} overflows float64 on legal inputs; the weights are too large to export"
        )
    return values
