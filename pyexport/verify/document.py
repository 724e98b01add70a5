"""A verification as plain JSON values: what `verify --json` prints, and what a report shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pyexport.runners import Finding
from pyexport.verify.explain import Explanation
from pyexport.verify.session import BoardReport, Report, TargetReport


def report_document(report: Report, left_out: Mapping[str, str]) -> dict[str, Any]:
    """Return all that a verification showed; left_out: targets that were not run, and why."""
    return {
        "name": report.artifact.name,
        "identity": report.artifact.identity,
        "ok": report.ok,
        "problems": list(report.problems),
        "findings": [_finding_document(finding) for finding in report.findings],
        "left_out": dict(left_out),
        "targets": [_target_document(target) for target in report.targets],
    }


def _board_document(board: BoardReport) -> dict[str, Any]:
    return {
        "port": board.port,
        "free_ram_bytes": board.free_ram,
        "cycles": None if board.timing is None else asdict(board.timing),
        "link": asdict(board.counts),
    }


def _first_document(explanation: Explanation | None) -> dict[str, Any] | None:
    """Return the first difference on the smallest input that was found to show one."""
    if explanation is None:
        return None
    m = explanation.mismatch
    return {
        "what": m.what,
        "node": m.node or None,
        "source": m.source or None,
        "index": m.index,
        "simulator": m.expected,
        "device": m.actual,
        "input": m.inputs.tolist(),
        "steps": list(explanation.lines),
    }


def _finding_document(finding: Finding) -> dict[str, Any]:
    return {"name": finding.name, "ok": finding.ok, "detail": finding.detail}


def _target_document(target: TargetReport) -> dict[str, Any]:
    m = target.measurement
    return {
        "target": target.target,
        "compiler": target.compiler,
        "rows": target.rows,
        "output_bytes": target.output_bytes,
        "accumulators": target.accumulators,
        "classes": target.classes,
        "differing_rows": target.differing_rows,
        "suites": [
            {
                "name": c.suite,
                "rows": c.rows,
                "output_bytes": c.output_bytes,
                "accumulators": c.accumulators,
                "classes": c.classes,
                "differing_rows": c.differing_rows,
            }
            for c in target.comparisons
        ],
        "argmax_vectors": target.tie_vectors,
        "argmax_wrong": target.wrong_ties,
        "selftest": target.selftest,
        "first_difference": _first_document(target.explanation),
        "cut_off": target.cut_off or None,
        "board": None if target.board is None else _board_document(target.board),
        "findings": [_finding_document(finding) for finding in target.findings],
        "cost": None
        if m is None
        else {
            "flash_bytes": m.flash_bytes,
            "parameters_bytes": m.parameters_bytes,
            "ram_static_bytes": m.ram_static_bytes,
            "stack_bytes": m.stack_bytes,
            "unit": m.unit,
            "mean": m.count_mean,
            "min": m.count_min,
            "max": m.count_max,
        },
    }
