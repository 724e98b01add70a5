"""Runs generated headers: on this computer, and on emulated chips."""

from pyexport.runners.catalog import (
    RUNNER_NAMES,
    available,
    open_board,
    open_runner,
    require_board_modules,
    target_of,
)
from pyexport.runners.protocol import (
    CutOffError,
    Finding,
    HeaderInterface,
    LinkCounts,
    Measurement,
    Runner,
    RunResult,
    Timing,
)

__all__ = [
    "RUNNER_NAMES",
    "CutOffError",
    "Finding",
    "HeaderInterface",
    "LinkCounts",
    "Measurement",
    "RunResult",
    "Runner",
    "Timing",
    "available",
    "open_board",
    "open_runner",
    "require_board_modules",
    "target_of",
]
