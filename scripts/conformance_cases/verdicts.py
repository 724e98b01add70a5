"""The verdicts on a case: of the float reference, and of every later stage that is registered."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from pyexport.errors import PyexportError
from pyexport.ir import Graph
from pyexport.layout import to_user
from pyexport.passes import run_passes
from pyexport.reference import evaluate
from scripts.conformance_cases.cases import Case
from scripts.conformance_cases.compiled import chip_verdict, compiled_verdict
from scripts.conformance_cases.exporting import int8_verdict
from scripts.conformance_cases.reading import Reading, on_device, read_case
from scripts.conformance_cases.states import FAILED, PASSED, Verdict


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
    """Compare the float reference with the expected outputs within the case's tolerance.

    That of the graph as it was read, and that of the graph behind the passes.
    """
    read = _compare(case, reading, reading.graph)
    rewritten = run_passes(reading.graph)
    if read.state == FAILED or not rewritten.nodes:
        return read
    return _compare(case, reading, rewritten)


def _compare(case: Case, reading: Reading, graph: Graph) -> Verdict:
    values = evaluate(graph, on_device(reading, graph))
    relative, absolute = case.tolerances
    for name, expected in zip(graph.outputs, reading.expected, strict=True):
        rows = to_user(values[name], graph.tensor(name)).reshape(expected.shape)
        got = rows.astype(expected.dtype)  # float16 and bfloat16 round
        wide, wanted = got.astype(np.float64), expected.astype(np.float64)
        if not np.allclose(wide, wanted, rtol=relative, atol=absolute):
            return Verdict(FAILED, f"off by {float(np.abs(wide - wanted).max()):.3g}")
    return Verdict(PASSED)


Stage = Callable[[Case, Reading], Verdict]
QUICK: dict[str, Stage] = {"float": float_verdict, "int8": int8_verdict}
STAGES: dict[str, Stage] = {
    **QUICK,
    "host": partial(compiled_verdict, "host"),
    "chip": chip_verdict,
}


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
