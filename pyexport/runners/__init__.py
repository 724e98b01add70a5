"""Runs generated headers: on this computer, and on emulated chips."""

from pyexport.runners.blobs import Blob, Slot
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
    "Blob",
    "CutOffError",
    "Finding",
    "HeaderInterface",
    "LinkCounts",
    "Measurement",
    "RunResult",
    "Runner",
    "Slot",
    "Timing",
    "available",
    "open_board",
    "open_runner",
    "require_board_modules",
    "target_of",
]
