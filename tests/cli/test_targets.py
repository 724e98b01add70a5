"""pyexport targets: every runner, and what to install for those that cannot run here."""

from __future__ import annotations

import json

import pytest

from pyexport.runners import RUNNER_NAMES
from tests.cli.command import pyexport

MISSING = "atmega328p: simavr is not installed: apt-get install simavr libsimavr-dev"


@pytest.fixture
def without_avr(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if simavr were the only tool that is not installed."""
    monkeypatch.setattr(
        "pyexport.cli.targets.available",
        lambda name: MISSING if name == "atmega328p" else None,
    )


def test_targets_lists_every_runner(without_avr: None) -> None:
    done = pyexport("targets")
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    table = {line.split()[0]: line for line in lines[1 : 1 + len(RUNNER_NAMES)]}
    assert list(table) == list(RUNNER_NAMES)
    assert table["cortex-m4"].split()[-1] == "yes"
    assert "512 KB" in table["cortex-m4"]
    words = " ".join(done.out.split())  # the last column breaks where the terminal is narrow
    assert MISSING in words, "a line that does not run names the package"


def test_json_has_stable_keys(without_avr: None) -> None:
    document = json.loads(pyexport("targets", "--json").out)
    assert [entry["name"] for entry in document] == list(RUNNER_NAMES)
    assert {tuple(sorted(entry)) for entry in document} == {
        ("chip", "flash_bytes", "missing", "name", "ram_bytes", "title")
    }
    by_name = {entry["name"]: entry for entry in document}
    assert by_name["atmega328p"]["missing"] == MISSING
    assert by_name["host"]["missing"] is None
    assert by_name["rv32imc"]["flash_bytes"] == 4 << 20
