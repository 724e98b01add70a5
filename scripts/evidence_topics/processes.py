"""Runs scripts as processes of their own, in a Python without packages, and counts their time."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from scripts.evidence_topics.figures import Context

ALONE = ("-I", "-S")  # no site-packages: the standard library is all that can be imported


def script(context: Context, name: str, *options: str) -> dict[str, Any]:
    """Return the JSON object that a script prints, with what its whole process took.

    wall, cpu: seconds from its start to its end; cpu is user and system time
    """
    command = [sys.executable, *ALONE, str(context.root / "scripts" / name), "--json", *options]
    before, started = _children_seconds(), time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=context.folder)
    wall = time.perf_counter() - started
    result: dict[str, Any] = json.loads(done.stdout)
    return result | {"wall": wall, "cpu": _children_seconds() - before}


def median(runs: Sequence[dict[str, Any]], name: str) -> float:
    """Return the median of one number of some runs."""
    return statistics.median(float(run[name]) for run in runs)


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
