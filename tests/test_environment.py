"""The environment of the tests is the pinned one: same versions, and PyTorch without CUDA."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest

CONSTRAINTS = Path(__file__).resolve().parent.parent / "requirements" / "constraints.txt"


def normalize(name: str) -> str:
    """Return a distribution's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    """Return the pinned version of every distribution in the constraints file."""
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {normalize(name): version for name, version in pairs}


def installed() -> dict[str, str]:
    """Return the version of every installed distribution, without its local part (+cpu)."""
    found = metadata.distributions()
    return {normalize(one.metadata["Name"]): one.version.split("+")[0] for one in found}


def test_torch_is_a_build_without_cuda() -> None:
    torch = pytest.importorskip("torch")
    assert torch.version.cuda is None, "install torch first, with the constraints file"


def test_torch_is_pinned_without_a_local_version() -> None:
    assert "torch==2.13.0" in CONSTRAINTS.read_text(encoding="utf-8").splitlines()


def test_installed_versions_are_the_pinned_ones() -> None:
    present = installed()
    wrong = {
        name: f"{present[name]} is installed, {version} is pinned"
        for name, version in pins().items()
        if name in present and present[name] != version
    }
    assert wrong == {}, "run pip with -c requirements/constraints.txt"


def test_everything_installed_is_pinned() -> None:
    unpinned = installed().keys() - pins().keys() - {"pyexport", "pip", "setuptools", "wheel"}
    assert unpinned == set(), "add them to requirements/constraints.txt"
