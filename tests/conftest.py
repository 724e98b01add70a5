"""Settings for all tests: in CI a skip is a failure, and what the docs do not run is listed."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

import hypothesis
import pytest

from tests.markdown_blocks import documents, read_blocks

ROOT = Path(__file__).resolve().parent.parent
Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

# pytest may run one process a core; a thread pool in each would only get in the way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples on every run, and no time limit: shared machines stall.
hypothesis.settings.register_profile("pyexport", derandomize=True, deadline=None)
hypothesis.settings.load_profile("pyexport")


def in_ci() -> bool:
    """Return whether this is continuous integration, where every tool must be there."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def _fail_if_skipped(report: Report) -> Report:
    if report.skipped and in_ci() and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not accept: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _fail_if_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _fail_if_skipped((yield))


# Files that take half a minute or more. They come first, so that no process is left alone with one
# of them at the end; scripts/test keeps xdist from sorting files by their number of tests.
LONG_FILES = (
    "tests/test_docs.py",
    "tests/firmware/test_environments.py",
    "tests/integer/test_kernels.py",
    "tests/scripts/test_evidence_kernels.py",
    "tests/frontends/test_hostile_corpus.py",
    "tests/scripts/test_conformance.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {ROOT / name: place for place, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: order.get(item.path, len(order)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = [
        f"{path.relative_to(ROOT)}:{block.line}: {block.not_run}"
        for path in documents(ROOT)
        for block in read_blocks(path.read_text(encoding="utf-8"))
        if block.not_run
    ]
    if lines:
        terminalreporter.section("documentation blocks not run, and why")
        for line in lines:
            terminalreporter.line(line)
