"""The counts of scripts/benchmark.py: frozen networks, exact figures, and what counts as grown."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from pyexport.runners.compilers import compiler_problem
from scripts import benchmark, benchmark_models
from scripts.benchmark import grown
from scripts.benchmark_counts import Count, compiler_versions, count
from scripts.benchmark_models import NETWORKS, load_network
from scripts.benchmark_page import markdown

PUBLISHED = Path(__file__).resolve().parent.parent.parent / "docs" / "evidence" / "kernels.json"


def published() -> dict[str, Any]:
    return json.loads(PUBLISHED.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def test_networks_are_those_counted_before(monkeypatch: Any, tmp_path: Path) -> None:
    macs = [load_network(name).macs for name in NETWORKS]
    assert macs == [2720, 25216, 25216, 94720]  # a, b, b with 4 bits, c
    assert all(len(load_network(name).samples) == 20 for name in NETWORKS)
    data = bytearray((benchmark_models.FOLDER / "a.npz").read_bytes())
    data[-1] ^= 1
    (tmp_path / "a.npz").write_bytes(data)
    monkeypatch.setattr(benchmark_models, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match="other figures"):
        load_network("a")


@pytest.mark.skipif(
    compiler_problem("arm-none-eabi-gcc") is not None, reason="counts name GNU's compiler"
)
def test_the_published_count_is_what_the_emulator_counts() -> None:
    one = count(load_network("a"), "cortex-m4", "speed", 16)
    assert one.mean <= 3100  # the best peer measured needs 8,142
    before = published()
    assert one.key in before
    assert grown([one], before) == []


def test_a_count_that_grows_by_over_two_percent_is_named() -> None:
    one = Count(**published()["a cortex-m4 speed 16"])
    before = {one.key: {**published()[one.key]}}
    assert grown([replace(one, mean=one.mean * 1.019)], before) == []
    assert len(grown([replace(one, mean=one.mean * 1.03)], before)) == 1
    assert len(grown([replace(one, worst=one.worst * 2)], before)) == 1
    slower = replace(one, mean=one.mean * 2, compiler="other 1.0 -O2")
    assert grown([slower], {one.key: {**asdict(one), "compiler": "unknown 2.0 -O2"}}) == []
    builds = compiler_versions("cortex-m4")
    assert len(grown([slower], {one.key: {**asdict(one), "compiler": f"{builds[0]} -Os"}})) == 1


def test_the_page_shows_the_previous_figure_beside_the_new_one() -> None:
    one = Count(**published()["a cortex-m4 speed 16"])
    page = markdown([one], {one.key: {"mean": 4321.0}})
    assert "| 4,321 |" in page
    assert f"| {one.mean:,.0f} |" in page


def test_every_goal_has_a_variant() -> None:
    from pyexport.choices import GOALS

    assert {goal for goal, _ in benchmark.VARIANTS} == set(GOALS)
