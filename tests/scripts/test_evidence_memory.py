"""The memory figures of the evidence: what they run, and that they can fail."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pyexport.pipeline import Export
from scripts.evidence_topics import operators_memory
from scripts.evidence_topics.figures import Context
from tests.networks import Recipe, build, export

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    def digits(context: Context, name: str, target: str | None) -> Export:
        return export(build(Recipe((64, 32, 16, 10))), name, target=target)

    monkeypatch.setattr(operators_memory, "_export", digits)
    monkeypatch.setattr(operators_memory, "SHORT_GRAPHS", 12)
    return Context(ROOT, tmp_path, True, lambda text: None)


def test_plans_are_at_the_bound(context: Context) -> None:
    graphs, models = operators_memory.arena(context)
    assert graphs.ok and models.ok
    assert "of 12 at the bound" in graphs.measured
    assert "| digits | 48 | 48 | 1.000 | linear1 |" in models.details


def test_a_plan_far_from_its_bound_fails(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = operators_memory.plan_memory

    def wasteful(problem: object) -> object:
        found = plan(problem)  # type: ignore[arg-type]
        return replace(found, size=2 * found.size)

    monkeypatch.setattr(operators_memory, "plan_memory", wasteful)
    graphs, _ = operators_memory.arena(context)
    assert not graphs.ok


def test_the_ram_that_a_refusal_states_is_the_emulators(context: Context) -> None:
    (figure,) = operators_memory.does_not_fit(context)
    assert figure.ok
    assert figure.measured.startswith("off by at most 0 bytes")


def test_a_refusal_that_is_off_by_more_than_16_bytes_fails(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = operators_memory._used
    monkeypatch.setattr(operators_memory, "_used", lambda *a: used(*a) - 17)
    (figure,) = operators_memory.does_not_fit(context)
    assert not figure.ok
