"""The verdict of the integers: a case is exported as int8, and simulated on its own data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pyexport.errors import PyexportError
from pyexport.ir import Dataset, FloatArray, Graph, Metadata, Model
from pyexport.passes import run_passes
from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.rows import input_tensors, join_rows, output_tensors, split_rows
from pyexport.sensor import FRONT_END
from pyexport.simulator.fast import FastSimulator
from scripts.conformance_cases.bounds import NoBoundError, enclosures
from scripts.conformance_cases.cases import Case
from scripts.conformance_cases.reading import Reading, on_device
from scripts.conformance_cases.states import FAILED, NOT_TAKEN, PASSED, Verdict

TINY, HUGE = 1e-30, 1e30
MOST_ROWS = 4  # of a case that are compared: every one takes an interval evaluation


def int8_verdict(case: Case, reading: Reading) -> Verdict:
    """Compare the simulator's outputs with the interval around the real ones, row by row."""
    graph, reading = run_passes(reading.graph), with_data(reading)
    try:
        exported = exported_case(reading)
    except PyexportError as refusal:
        return Verdict(NOT_TAKEN, str(refusal).removeprefix("case: "))
    integer = exported.artifact.graph
    if any(node.source == FRONT_END for node in integer.nodes):
        return Verdict(NOT_TAKEN, "columns that differ widely get a front end")
    given = on_device(reading, graph)
    rows = {name: own[:MOST_ROWS].astype(np.float64) for name, own in given.items()}
    outputs = simulated(integer, rows)
    for index in range(len(rows[graph.inputs[0]])):
        try:
            bounds = enclosures(graph, integer, {name: own[index] for name, own in rows.items()})
        except NoBoundError as reason:
            return Verdict(NOT_TAKEN, str(reason))
        for name in graph.outputs:
            got = outputs[name][index]
            beyond = np.maximum(bounds[name].low - got, got - bounds[name].high).max()
            if beyond > 0.0:
                return Verdict(FAILED, f"{beyond:.3g} beyond the interval of the operator")
    return Verdict(PASSED)


def with_data(reading: Reading) -> Reading:
    """Return the case on -1..1 instead if it holds memory that nobody initialized (1e-310, 1e223).

    Such data tell no range. The expected outputs do not belong to it: only `float` needs them.
    """
    largest = [float(np.abs(rows.astype(np.float64)).max()) for rows in reading.rows]
    if not any(most > HUGE or 0.0 < most < TINY for most in largest):
        return reading
    random = np.random.default_rng(1)
    return replace(reading, rows=tuple(random.uniform(-1.0, 1.0, r.shape) for r in reading.rows))


def exported_case(reading: Reading) -> Export:
    """Return the int8 export of a case, calibrated on its own rows; raises PyexportError.

    Rows of one number tell no range; from it to 0, or -1..1 where it is 0, is declared then.
    """
    rows = [own.astype(np.float64) for own in reading.rows]
    names = reading.graph.inputs
    ranges = {name: _range(own) for name, own in zip(names, rows, strict=True)}
    known = {name: limits for name, limits in ranges.items() if limits is not None}
    single = len(names) == 1
    options = ExportOptions(
        "net",
        calibration=Dataset(rows[0] if single else join_rows(rows)),
        input_range=ranges[names[0]] if single else known or None,
    )
    return export_model(Model(reading.graph, Metadata("case", "0" * 64, "onnx")), options)


def _range(rows: FloatArray) -> tuple[float, float] | None:
    """Return what is declared of an input; nothing where its rows show a range."""
    low, high = float(rows.min()), float(rows.max())
    if low < high:
        return None
    return (min(low, 0.0), max(low, 0.0)) if low else (-1.0, 1.0)


def simulated(integer: Graph, rows: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Return the reals that the simulator's outputs stand for, by name, (n, *output shape)."""
    quantized = []
    for tensor in input_tensors(integer):
        assert tensor.quant is not None  # of an int8 export
        quantized.append(tensor.quant.quantize(rows[tensor.name]))
    simulator = FastSimulator(integer)
    given = simulator.run(join_rows(quantized).astype(simulator.input_dtype))
    parts = split_rows(given, output_tensors(integer))
    return {t.name: t.quant.dequantize(parts[t.name]) for t in output_tensors(integer) if t.quant}
