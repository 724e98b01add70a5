"""Hostile files: refused in one line, or exported with nothing run; their harmless twins export.

`inspect` describes a file that it can read in bounded lines and says what an export would refuse.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_GROWTH_KIB = 64 << 10
MAX_LINE = 700

Run = dict[str, Any]


@dataclass(frozen=True)
class Corpus:
    """The generated files, how each must end, and how each did."""

    folder: Path
    index: dict[str, dict[str, Any]]
    runs: list[Run]

    def broken(self, fault: Callable[[Run], object], **which: str) -> list[tuple[object, ...]]:
        """Return the runs of this kind in which `fault` finds something."""
        chosen = (r for r in self.runs if all(r[key] == value for key, value in which.items()))
        return [(r["side"], r["name"], r["command"], found) for r in chosen if (found := fault(r))]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("corpus")

    def python(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    python("scripts/make_hostile_files.py", str(folder))
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))["cases"]
    lines = python("-m", "tests.frontends.hostile_worker", str(folder)).splitlines()
    runs = [json.loads(line) for line in lines]
    return Corpus(folder, index, [run | {"ends": ends(index[run["name"]], run)} for run in runs])


def ends(case: dict[str, Any], run: Run) -> str:
    """Return how a run must end: inspect may describe what export refuses.

    Neither is it told the layers of a file of weights.
    """
    if run["command"] == "inspect" and (case["options"] or case[run["side"]] == "refused"):
        return "refused" if run["status"] else "described"
    end: str = case[run["side"]]
    return end


def test_the_corpus_is_large_and_ran_whole(corpus: Corpus) -> None:
    assert len(corpus.index) >= 60
    hostile = [r["name"] for r in corpus.runs if r["side"] == "hostile"]
    assert len(set(hostile)) == len(hostile) / 2 >= 60


def test_a_refused_file_gives_one_line_that_names_it(corpus: Corpus) -> None:
    def fault(run: Run) -> object:
        line = run["err"].removesuffix("\n")
        named = line.startswith(f"error: {corpus.folder / run['side'] / run['name']}: ")
        fine = run["status"] == 2 and line.isprintable() and len(line) < MAX_LINE
        return not (fine and named) and (run["status"], line)

    assert corpus.broken(fault, ends="refused") == []
    assert corpus.broken(lambda run: run["out"] or run["written"], ends="refused") == []


def test_a_described_file_gives_bounded_lines_and_the_reason(corpus: Corpus) -> None:
    described = [run for run in corpus.runs if run["ends"] == "described"]
    assert {run["command"] for run in described} == {"inspect"}
    assert len(described) > 60

    def fault(run: Run) -> object:
        lines = run["out"].split("\n")
        plain = all(line.isprintable() and len(line) < MAX_LINE for line in lines)
        fine = plain and "an export would refuse this: " in run["out"] and not run["written"]
        return not (fine and run["err"] == "") and (run["out"], run["err"])

    assert corpus.broken(fault, ends="described") == []


def test_every_harmless_twin_of_a_readable_kind_exports(corpus: Corpus) -> None:
    assert corpus.broken(lambda r: r["status"] and r["err"], ends="exports") == []
    files = ["net.h", "net.json", "net.px"]
    exported = {"ends": "exports", "command": "export"}
    assert corpus.broken(lambda run: run["written"] != files, **exported) == []


def test_nothing_of_a_file_is_run_or_imported(corpus: Corpus) -> None:
    assert not (corpus.folder / "canary").exists()
    assert corpus.broken(lambda run: run["events"]) == []
    assert corpus.broken(lambda run: run["imports"]) == []


def test_memory_grows_by_at_most_64_mib(corpus: Corpus) -> None:
    def fault(run: Run) -> object:
        return run["grown_kib"] > MAX_GROWTH_KIB and run["grown_kib"]

    assert corpus.broken(fault) == []


def test_no_name_of_a_file_leaves_its_comment_or_string(corpus: Corpus) -> None:
    token = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.S)

    def fault(run: Run) -> object:
        text = run["header"]
        control = re.findall(r"[^\n -~]", text + run["out"].replace("\t", ""))
        return "evil" in token.sub("", text) or "??/" in text or control

    exported = [r for r in corpus.runs if r["side"] == "hostile" and r["header"]]
    assert sum("evil" in r["header"] for r in exported) >= 2
    assert corpus.broken(fault) == []
