"""What a stage may say about a case."""

from __future__ import annotations

from dataclasses import dataclass

PASSED, FAILED, NOT_TAKEN = "passed", "FAILED", ""


@dataclass(frozen=True)
class Verdict:
    """What one stage says about a case."""

    state: str  # PASSED, FAILED or NOT_TAKEN
    detail: str = ""  # of a failure: how far off; of NOT_TAKEN: why
