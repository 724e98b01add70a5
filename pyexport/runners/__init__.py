"""Runs generated headers: on this computer, and on emulated chips."""

from pyexport.runners.catalog import RUNNER_NAMES, available, open_runner, target_of
from pyexport.runners.protocol import (
    Finding,
    HeaderInterface,
    Measurement,
    Runner,
    RunResult,
)

__all__ = [
    "RUNNER_NAMES",
    "Finding",
    "HeaderInterface",
    "Measurement",
    "RunResult",
    "Runner",
    "available",
    "open_runner",
    "target_of",
]
