"""Faults: bugs planted in the header's C, and one weight changed by hand, must be noticed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyexport
from pyexport.artifact import read_artifact
from pyexport.verify import Subject
from pyexport.verify.mutants import LINEAR_MUTANTS
from scripts.evidence_topics.digits import exported
from scripts.evidence_topics.figures import Context, Figure


def planted_bugs(context: Context) -> tuple[Figure, ...]:
    """Plant each bug in the header's C and verify that header with default settings."""
    subject = exported(context)
    folder = context.folder / "mutants"
    rows, survivors = [], []
    for mutant in LINEAR_MUTANTS:
        report: Any = pyexport.verify(_edited(subject, folder, mutant.plant(_text(subject))))
        if not report.observed:  # that the text differs says nothing of the comparison
            survivors.append(mutant.name)
        rows.append((mutant.name, report.observed[0] if report.observed else "not noticed"))
    caught = len(LINEAR_MUTANTS) - len(survivors)
    return (
        Figure(
            "planted bugs caught by `verify` with default settings",
            f"{len(LINEAR_MUTANTS)} of {len(LINEAR_MUTANTS)}",
            f"{caught} of {len(LINEAR_MUTANTS)}",
            not survivors,
            ("| bug | what verify says first |", "|---|---|",
             *(f"| {bug} | {said} |" for bug, said in rows)),
        ),
    )  # fmt: skip


def hand_edited_weight(context: Context) -> tuple[Figure, ...]:
    """Change one weight in the header by hand and verify the file by the command."""
    subject = exported(context)
    text = _text(subject)
    start = text.index("digits_linear1_weight[")
    first = text.index("{ /*", start)
    line = text.index("\n", first) + 1
    comma = text.index(",", line)
    value = int(text[line:comma])
    changed = value - 1 if value > -127 else value + 1
    edited = f"{text[:line]}    {changed}{text[comma:]}"
    header = _edited(subject, context.folder / "edited", edited)
    command = [sys.executable, "-m", "pyexport", "verify", str(header)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=context.root)
    said = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else ""
    return (
        Figure(
            "`verify digits.h` after one hand-edited weight",
            "exit 1, names the layer",
            f"exit {done.returncode}, {'names' if 'linear1' in said else 'does not name'} linear1",
            done.returncode == 1 and "linear1" in said,
        ),
    )


def _text(subject: Subject) -> str:
    return subject.header.read_text(encoding="utf-8")


def _edited(subject: Subject, folder: Path, text: str) -> Path:
    """Write a changed header with its artifact beside it; returns its path."""
    folder.mkdir(exist_ok=True)
    header = folder / subject.header.name
    header.write_text(text, encoding="utf-8")
    px = subject.header.with_suffix(".px")
    (folder / px.name).write_bytes(px.read_bytes())
    read_artifact(folder / px.name)
    return header
