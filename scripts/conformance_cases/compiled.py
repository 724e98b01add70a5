"""The verdict of the C: the header of a case, compiled and run, against the simulator.

A compiler takes far longer than a case: what a header gave is kept in build/conformance.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import numpy as np

from pyexport.errors import PyexportError, ToolFailedError
from pyexport.ir import Array
from pyexport.layout import to_device
from pyexport.pipeline import Export
from pyexport.rows import input_tensors, join_rows, row_dtype, row_limits, row_size
from pyexport.runners import open_runner
from pyexport.simulator.fast import FastSimulator
from pyexport.verify.compare import compare_suite, simulate_suite
from pyexport.verify.subject import header_interface
from pyexport.verify.suites import Suite
from scripts.conformance_cases.cases import Case
from scripts.conformance_cases.exporting import exported_case, with_data
from scripts.conformance_cases.reading import Reading
from scripts.conformance_cases.states import FAILED, NOT_TAKEN, PASSED, Verdict

KEPT = Path(__file__).resolve().parents[2] / "build" / "conformance"
CHIPS = ("cortex-m0", "cortex-m7")
_TOO_LARGE = "bytes of RAM of"  # what the emulated chip says of a case that it cannot hold
_TOO_SLOW = "no result after"  # of one with millions of products, which the host runs
MOST_ROWS, RANDOM_ROWS = 4, 12  # of the case, and any legal bytes
FEW_ROWS, MANY_VALUES = 1, 1 << 14  # of each where a row has so many: an emulator takes minutes


def chip_verdict(case: Case, reading: Reading) -> Verdict:
    """Return the verdict of the smallest emulated chip that has room for the case."""
    for target in CHIPS[:-1]:
        verdict = compiled_verdict(target, case, reading)
        if _TOO_LARGE not in verdict.detail:
            return verdict
    return compiled_verdict(CHIPS[-1], case, reading)


def compiled_verdict(target: str, case: Case, reading: Reading) -> Verdict:
    """Compare outputs, classes and accumulators of a target with the simulator, byte for byte."""
    reading = with_data(reading)
    try:
        exported = exported_case(reading)
    except PyexportError as refusal:
        return Verdict(NOT_TAKEN, str(refusal).removeprefix("case: "))
    key = hashlib.sha256(f"{target}\n{exported.header}".encode()).hexdigest()[:32]
    known = KEPT / key
    if known.exists():
        return Verdict(PASSED)
    try:
        verdict = _compared(target, exported, _rows(exported, reading))
    except ToolFailedError as error:
        text = str(error).partition(": ")[2][:200]
        many = row_size(input_tensors(exported.artifact.graph)) > MANY_VALUES
        if _TOO_LARGE in text or (many and _TOO_SLOW in text):
            return Verdict(NOT_TAKEN, text.partition(", stopped at")[0])
        return Verdict(FAILED, text)
    if verdict.state == PASSED:
        known.parent.mkdir(parents=True, exist_ok=True)
        known.touch()
    return verdict


def _compared(target: str, exported: Export, rows: Array) -> Verdict:
    artifact = exported.artifact
    with tempfile.TemporaryDirectory() as folder:
        header = Path(folder) / f"{artifact.name}.h"
        header.write_text(exported.header, encoding="utf-8")
        runner = open_runner(target, header, header_interface(artifact, exported.program))
        suite = Suite("case", rows)
        expected = simulate_suite(FastSimulator(artifact.graph), suite)
        comparison = compare_suite(artifact, runner, suite, expected)
    if comparison.differing_rows:
        return Verdict(FAILED, f"{comparison.differing_rows} of {comparison.rows} rows differ")
    return Verdict(PASSED)


def _rows(exported: Export, reading: Reading) -> Array:
    """Return device rows: those of the case, all lowest, all highest, and random ones."""
    tensors = input_tensors(exported.artifact.graph)
    size = row_size(tensors)
    most, count = (FEW_ROWS, FEW_ROWS) if size > MANY_VALUES else (MOST_ROWS, RANDOM_ROWS)
    own = []
    for tensor, rows in zip(tensors, reading.rows, strict=True):
        assert tensor.quant is not None  # of an int8 export
        own.append(tensor.quant.quantize(to_device(rows[:most].astype(np.float64), tensor)))
    low, high = (limits.astype(np.int64) for limits in row_limits(exported.artifact.graph))
    random = np.random.default_rng(1).integers(low, high + 1, (count, size))
    return np.concatenate([join_rows(own), [low], [high], random]).astype(row_dtype(tensors))
