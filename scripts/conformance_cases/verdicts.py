"""The verdicts on a case: of the float reference, and of every later stage that is registered."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from pyexport.errors import PyexportError
from pyexport.reference import evaluate
from scripts.conformance_cases.cases import Case
from scripts.conformance_cases.reading import Reading, read_case

PASSED, FAILED = "passed", "FAILED"


@dataclass(frozen=True)
class Verdict:
    """What one stage says about a case."""

    state: str  # PASSED, FAILED, or "" where the stage does not take the case
    detail: str = ""  # of a failure: how far off; of "": why it is not taken


@dataclass(frozen=True)
class Result:
    """A case and its verdicts; `refusal` says why the exporter does not read it."""

    suite: str
    name: str
    operators: tuple[str, ...]
    refusal: str
    verdicts: Mapping[str, Verdict]  # by the name of the stage

    @property
    def failed(self) -> bool:
        """Whether a stage disagrees."""
        return any(verdict.state == FAILED for verdict in self.verdicts.values())

    @property
    def passed(self) -> bool:
        """Whether the exporter reads the case and no stage disagrees."""
        return not self.refusal and not self.failed


def float_verdict(case: Case, reading: Reading) -> Verdict:
    """Compare the float reference with the expected outputs within the case's tolerance."""
    values = evaluate(reading.graph, reading.rows)
    relative, absolute = case.tolerances
    for name, expected in zip(reading.graph.outputs, reading.expected, strict=True):
        got = values[name].astype(expected.dtype)  # float16 and bfloat16 round
        if got.shape != expected.shape:
            return Verdict(FAILED, f"shape {got.shape} instead of {expected.shape}")
        wide, wanted = got.astype(np.float64), expected.astype(np.float64)
        if not np.allclose(wide, wanted, rtol=relative, atol=absolute):
            return Verdict(FAILED, f"off by {float(np.abs(wide - wanted).max()):.3g}")
    return Verdict(PASSED)


Stage = Callable[[Case, Reading], Verdict]
STAGES: dict[str, Stage] = {"float": float_verdict}


def judge(case: Case, stages: Mapping[str, Stage] = STAGES) -> Result:
    """Return the result of a case: a refusal, or what each stage says."""
    try:
        reading = read_case(case)
    except PyexportError as refusal:
        return Result(case.suite, case.name, case.operators, reason(case, str(refusal)), {})
    verdicts = {name: stage(case, reading) for name, stage in stages.items()}
    return Result(case.suite, case.name, case.operators, "", verdicts)


def reason(case: Case, message: str) -> str:
    """Return a refusal without its file, node, sizes and names: what cases have in common."""
    text = re.sub(r"\([\d, ]*\)", "(...)", message.removeprefix(f"{case.name}: "))
    text = re.sub(r"^the input \S+", "an input", text)
    head, _, rest = text.partition(" at node ")
    if not rest:
        return text
    name, _, why = rest.partition(" ")
    return f"{head}: {why}" if name.endswith(":") else f"{head} {why}"
