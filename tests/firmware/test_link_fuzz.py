"""The device's parser under libFuzzer with the address and undefined-behavior sanitizers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scripts.link_fuzzer import build_fuzzer, run_fuzzer

RUNS = 20_000  # some seconds; python scripts/evidence.py firmware runs many more


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("clang") is None:
        pytest.skip("clang is not installed: apt-get install clang")
    return build_fuzzer(tmp_path_factory.mktemp("fuzzer"))


def test_no_input_leads_the_device_astray(fuzzer: Path, tmp_path: Path) -> None:
    assert run_fuzzer(fuzzer, tmp_path, RUNS) == ""
