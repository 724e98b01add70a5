"""Hostile files: refused in one line, or exported with nothing run; their harmless twins export."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts.hostile_files import outcome
from scripts.hostile_files.case import Case
from scripts.hostile_files.categories import CATEGORIES
from scripts.hostile_files.outcome import MAX_GROWTH_KIB, Run
from scripts.make_hostile_files import all_cases, ready_corpus


@dataclass(frozen=True)
class Corpus:
    """The generated files, how each must end, and how each did."""

    folder: Path
    index: dict[str, dict[str, Any]]
    runs: list[Run]

    def broken(
        self, fault: Callable[[Run], object], runs: Iterable[Run] | None = None
    ) -> list[tuple[object, ...]]:
        """Return the runs in which `fault` finds something."""
        chosen = self.runs if runs is None else runs
        return [(r["side"], r["name"], r["command"], found) for r in chosen if (found := fault(r))]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    folder = ready_corpus()
    (folder / "canary").unlink(missing_ok=True)
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))["cases"]
    return Corpus(folder, index, outcome.run_corpus(folder))


@pytest.fixture(scope="module")
def known() -> dict[str, Case]:
    return {case.name: case for case in all_cases(Path("/canary"))}


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_kind_of_attack_has_cases(category: str, known: dict[str, Case]) -> None:
    names = CATEGORIES[category]
    assert names
    assert [name for name in names if name not in known] == []
    assert [n for n in names if known[n].hostile_files() == known[n].twin_files()] == []


def test_the_corpus_is_large_and_ran_whole(corpus: Corpus) -> None:
    assert len(corpus.index) >= 300
    assert {r["name"] for r in corpus.runs if r["side"] == "hostile"} == set(corpus.index)
    for use in ("model", "samples", "artifact", "header"):
        assert {r["side"] for r in corpus.runs if r["use"] == use} == {"hostile", "twin"}


def test_a_refused_file_gives_one_line_that_names_it(corpus: Corpus) -> None:
    runs = [r for r in corpus.runs if outcome.refused(r)]
    assert len({r["name"] for r in runs if r["side"] == "hostile"}) >= 300
    assert corpus.broken(lambda run: outcome.ending(run, corpus.folder), runs) == []


def test_every_harmless_twin_of_a_readable_kind_exports(corpus: Corpus) -> None:
    runs = [r for r in corpus.runs if not outcome.refused(r)]
    assert len({r["use"] for r in runs if r["side"] == "twin"}) == 4
    assert corpus.broken(lambda run: outcome.ending(run, corpus.folder), runs) == []


def test_nothing_of_a_file_is_run_or_imported(corpus: Corpus) -> None:
    assert not (corpus.folder / "canary").exists()
    assert corpus.broken(outcome.ran) == []


def test_memory_grows_by_at_most_64_mib(corpus: Corpus) -> None:
    def fault(run: Run) -> object:
        return run["grown_kib"] > MAX_GROWTH_KIB and run["grown_kib"]

    assert corpus.broken(fault) == []


def test_no_name_of_a_file_leaves_its_comment_or_string(corpus: Corpus) -> None:
    exported = [r for r in corpus.runs if r["side"] == "hostile" and r["header"]]
    assert sum("evil" in r["header"] for r in exported) >= 4
    assert corpus.broken(outcome.escaped) == []


def test_a_code_in_a_header_is_noticed() -> None:
    run: Run = {"header": "/* a */ int evil(void);", "out": ""}
    assert outcome.escaped(run)
    assert not outcome.escaped(run | {"header": '/* int evil */ "evil"'})
