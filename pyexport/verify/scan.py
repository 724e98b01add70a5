"""Gives a layer's own code every sum that its channels are proved to have; compares the bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pyexport.codegen.unit import scan_header, unit_name
from pyexport.ir import Array, Node, QuantizedAffine, QuantizedLinear
from pyexport.program import Step
from pyexport.runners import Finding, open_runner
from pyexport.simulator.arrays.base import factors, requantized
from pyexport.verify.subject import Subject
from pyexport.verify.units import Unit

NAME = "requantization scan"
BLOCK = 1 << 20  # sums at once
MOST_PRODUCTS = 20_000_000_000  # of a layer's scan: beyond, sums are skipped evenly


@dataclass(frozen=True)
class Scan:
    """One layer, scanned."""

    node: str
    sums: int  # compared
    every: int  # 1: each sum of each channel's proved interval; 3: every third
    wrong: int
    first: str  # the first difference, "" if there is none


def scan_units(
    subject: Subject, units: Sequence[Unit], compiler: str | None, optimize: str | None
) -> tuple[Scan, ...]:
    """Return the scan of every linear and affine layer that adds its bias in 32 bits, on the host.

    The bias table is replaced by the sums, so nothing but the layer's rounding and limits is asked.
    """
    if not units:
        return ()
    header = subject.header.read_text(encoding="utf-8")
    steps = {s.node: s for s in subject.program.steps if isinstance(s, Step)}
    scans = []
    with tempfile.TemporaryDirectory(prefix="pyexport-") as folder:
        for unit in units:
            (node,) = unit.artifact.graph.nodes
            step = steps[unit.node]
            if not _is_scanned(node, step):
                continue
            model = subject.artifact.name
            path = Path(folder) / f"{unit_name(model, unit.node)}.h"
            path.write_text(scan_header(header, subject.program, step, model), encoding="utf-8")
            scans.append(_scan(unit, node, path, compiler, optimize))
    return tuple(scans)


def scan_findings(
    subject: Subject, units: Sequence[Subject], compiled: tuple[str | None, str | None]
) -> tuple[Finding, ...]:
    """Return whether all scanned sums agree; nothing where no layer can be scanned."""
    scans = scan_units(subject, [u for u in units if isinstance(u, Unit)], *compiled)
    return (_finding(scans),) if scans else ()


def _finding(scans: Sequence[Scan]) -> Finding:
    wrong = next((scan for scan in scans if scan.wrong), None)
    if wrong is not None:
        return Finding(NAME, False, f"{wrong.first}; {wrong.wrong} of {wrong.sums} sums differ")
    sums, most = sum(scan.sums for scan in scans), max(scan.every for scan in scans)
    which = "each sum" if most == 1 else f"at least one in {most} sums"
    detail = f"{sums:,} sums of {len(scans)} layers alone: {which} of the proved intervals agrees"
    return Finding(NAME, True, detail)


def _is_scanned(node: Node, step: Step) -> bool:
    has_bias = any(const.endswith("_bias") for const in step.consts)
    return isinstance(node.op, QuantizedLinear | QuantizedAffine) and has_bias


def _scan(unit: Unit, node: Node, header: Path, compiler: str | None, optimize: str | None) -> Scan:
    op, graph = node.op, unit.artifact.graph
    assert isinstance(op, QuantizedLinear | QuantizedAffine)  # callers filter
    target, channels = graph.tensor(node.outputs[0]), len(op.bias)
    interface = replace(
        unit.interface, input_dtype="u8", input_size=4 * channels, input_low=0.0, input_high=255.0
    )
    runner = open_runner(
        "host", header, interface, compiler=compiler, optimize=optimize, shown=unit.shown
    )
    widest = int((op.acc_high - op.acc_low).max()) + 1
    every = -(-widest * op.weight.size // MOST_PRODUCTS)
    repeats = target.size // channels  # of an affine map: elements of a column
    factor = np.tile(factors(op.multiplier, op.shift, op.pre_shift), repeats)
    total, wrong, first = 0, 0, ""
    rows = max(1, BLOCK // target.size)
    for start in range(0, widest, rows * every):
        offset = np.arange(start, min(start + rows * every, widest), every)[:, None]
        sums = np.minimum(op.acc_low + offset, op.acc_high)
        result = runner.trace(np.ascontiguousarray(sums.astype("<i4")).view(np.uint8))
        assert result.accumulators is not None  # of a trace run
        whole = np.tile(sums, (1, repeats))
        expected = requantized(whole.astype(np.float64), factor, target)
        bad = (result.outputs != expected) | (result.accumulators != whole)
        inside = np.tile(op.acc_low + offset <= op.acc_high, (1, repeats))
        total += int(inside.sum())
        bad &= inside
        if bad.any() and not first:
            first = _sentence(node, bad, whole, expected, result.outputs)
        wrong += int(bad.sum())
    return Scan(unit.node, total, every, wrong, first)


def _sentence(node: Node, bad: Array, sums: Array, expected: Array, actual: Array) -> str:
    row = int(bad.any(axis=1).argmax())
    column = int(bad[row].argmax())
    acc = int(sums[row, column])
    return (
        f"{node.name} neuron {column}, accumulator {acc} (0x{acc & 0xFFFFFFFF:08X}): "
        f"simulator {int(expected[row, column])}, device {int(actual[row, column])}"
    )
