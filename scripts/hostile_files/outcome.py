"""Says of one run on a file of the corpus what is wrong with it: for the tests and the evidence."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from scripts.hostile_files.case import EXPORTS

ROOT = Path(__file__).resolve().parents[2]
MAX_GROWTH_KIB = 64 << 10
MAX_LINE = 700  # characters of a refusal
_TOKEN = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.S)

Run = dict[str, Any]


def run_corpus(corpus: Path) -> list[Run]:
    """Return every run on the files of the corpus."""
    done = subprocess.run(
        [sys.executable, "-m", "scripts.hostile_files.worker", str(corpus)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        timeout=3600,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-2000:])
    return [json.loads(line) for line in done.stdout.splitlines()]


def refused(run: Run) -> bool:
    """Return whether the file must be refused: `inspect` may also say what is wrong with it."""
    described = run["command"] == "inspect" and run["status"] == 0
    return run["ends"] != EXPORTS and not described


def ending(run: Run, corpus: Path) -> str:
    """Return what is wrong with the end of a run: "" or a refusal of several lines, for example."""
    if run["ends"] != EXPORTS and not refused(run):
        return _description(run)
    if not refused(run):
        files = ["net.h", "net.json", "net.px"] if run["command"] == "export" else []
        unknown_layers = run["command"] == "inspect" and run["status"] == 2 and run["options"]
        if (run["status"] or run["written"] != files) and not unknown_layers:
            return f"status {run['status']}, wrote {run['written']}: {run['err']}"
        return ""
    line = run["err"].removesuffix("\n")
    path = str(corpus / run["side"] / run["name"])
    statuses = (1, 2) if run["use"] == "header" else (2,)  # 1: a header of another export
    if run["status"] not in statuses or not line.isprintable() or len(line) > MAX_LINE:
        return f"status {run['status']}: {line}"
    if not line.startswith(f"error: {_shown(path)}"):
        return f"does not name the file: {line}"
    return f"wrote {run['out']} {run['written']}" if run["out"] or run["written"] else ""


def _description(run: Run) -> str:
    """Return what is wrong with how `inspect` describes a file that no export takes."""
    lines = run["out"].split("\n")
    plain = all(line.isprintable() and len(line) < MAX_LINE for line in lines)
    told = "an export would refuse this: " in run["out"] and not run["err"]
    return "" if plain and told and not run["written"] else f"{run['out']} {run['err']}"


def _shown(path: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in path)


def ran(run: Run) -> list[str]:
    """Return what a run ran or imported; `verify` compiles what it did not refuse."""
    compiles = run["command"] == "verify" and run["status"] == 0
    return [*([] if compiles else run["events"]), *run["imports"]]


def escaped(run: Run) -> str:
    """Return what of a file's names left its comment, its string or its line."""
    control = re.findall(r"[^\n -~]", run["header"] + run["out"].replace("\t", ""))
    if "evil" in _TOKEN.sub("", run["header"]) or "??/" in run["header"]:
        return "a name is code in the header"
    return f"control characters {control}" if control else ""
