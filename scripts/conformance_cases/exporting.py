"""The verdict of the integers: a case is exported as int8, and simulated on its own data."""

from __future__ import annotations

import numpy as np

from pyexport.errors import PyexportError
from pyexport.ir import Array, Dataset, FloatArray, Graph, Metadata, Model
from pyexport.passes import run_passes
from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.sensor import FRONT_END
from pyexport.simulator.fast import FastSimulator
from scripts.conformance_cases.bounds import NoBoundError, enclosures
from scripts.conformance_cases.cases import Case
from scripts.conformance_cases.reading import Reading, on_device
from scripts.conformance_cases.states import FAILED, NOT_TAKEN, PASSED, Verdict

MOST_ROWS = 4  # of a case that are compared: every one takes an interval evaluation


def int8_verdict(case: Case, reading: Reading) -> Verdict:
    """Compare the simulator's outputs with the interval around the real ones, row by row."""
    graph = run_passes(reading.graph)
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        return Verdict(NOT_TAKEN, "several inputs or outputs")
    rows = on_device(reading, graph)[graph.input.name].astype(np.float64)[:MOST_ROWS]
    try:
        exported = exported_case(reading)
    except PyexportError as refusal:
        return Verdict(NOT_TAKEN, str(refusal).removeprefix("case: "))
    integer = exported.artifact.graph
    if any(node.source == FRONT_END for node in integer.nodes):
        return Verdict(NOT_TAKEN, "columns that differ widely get a front end")
    outputs = simulated(integer, rows)
    for row, got in zip(rows, outputs, strict=True):
        try:
            bounds = enclosures(graph, integer, {graph.input.name: row})[graph.output.name]
        except NoBoundError as reason:
            return Verdict(NOT_TAKEN, str(reason))
        beyond = np.maximum(bounds.low - got, got - bounds.high).max()
        if beyond > 0.0:
            return Verdict(FAILED, f"{beyond:.3g} beyond the interval of the operator")
    return Verdict(PASSED)


def exported_case(reading: Reading) -> Export:
    """Return the int8 export of a case, calibrated on its own rows; raises PyexportError.

    Rows of one number tell no range; from it to 0, or -1..1 where it is 0, is declared then.
    """
    metadata = Metadata("case", "0" * 64, "onnx")
    rows = reading.rows[0].astype(np.float64)
    low, high = float(rows.min()), float(rows.max())
    declared = None
    if low == high:
        declared = (min(low, 0.0), max(low, 0.0)) if low else (-1.0, 1.0)
    options = ExportOptions("net", calibration=Dataset(rows), input_range=declared)
    return export_model(Model(reading.graph, metadata), options)


def simulated(integer: Graph, rows: FloatArray) -> FloatArray:
    """Return the reals that the simulator's outputs stand for, (n, *output shape)."""
    source, target = integer.input.quant, integer.output.quant
    assert source is not None and target is not None  # of an int8 export
    simulator = FastSimulator(integer)
    q: Array = source.quantize(rows).astype(simulator.input_dtype).reshape(len(rows), -1)
    outputs = simulator.run(q)
    return target.dequantize(outputs).reshape(len(rows), *integer.output.shape)
