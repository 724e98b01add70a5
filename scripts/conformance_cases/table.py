"""docs/conformance.md: what of the ONNX backend tests passes, what is refused and why."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import onnx

from scripts.conformance_cases.states import FAILED, NOT_TAKEN, PASSED
from scripts.conformance_cases.verdicts import STAGES, Result

_TITLES = {
    "pytorch-converted": "PyTorch modules (`pytorch-converted`)",
    "pytorch-operator": "PyTorch functions (`pytorch-operator`)",
    "simple": "small graphs (`simple`)",
    "node": "single operators (`node`)",
}


def page(results: Sequence[Result]) -> str:
    """Return the document: totals, a row an operator, refusals by reason, failures by name."""
    return "\n".join(
        [
            *_INTRODUCTION.format(version=onnx.__version__).splitlines(),
            "",
            *_totals(results),
            "",
            "## By operator",
            "",
            *_operators(results),
            "",
            "## Refused",
            "",
            "Each reason as the exporter prints it, with the cases that it refuses.",
            "",
            *_refusals(results),
            "",
            "## Failed",
            "",
            *_failures(results),
            "",
            "## Read, but not taken by a stage",
            "",
            *_not_taken(results),
            "",
        ]
    )


def supported(results: Iterable[Result]) -> int:
    """Return how many cases the exporter reads and every stage that takes them passes."""
    return sum(result.passed for result in results)


def _totals(results: Sequence[Result]) -> list[str]:
    heads = ("suite", "cases", "passed", "refused", "failed", *_stage_heads())
    rows = []
    for suite, title in _TITLES.items():
        rows.append((title, *_counts([r for r in results if r.suite == suite])))
    rows.append(("all", *_counts(results)))
    return _markdown(heads, rows)


def _operators(results: Sequence[Result]) -> list[str]:
    """Return a row for each operator of the single-operator cases, of all suites."""
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        groups[result.operators[0] if len(result.operators) == 1 else "several"].append(result)
    heads = ("operator", "cases", "passed", "refused", "failed", *_stage_heads())
    order = sorted(groups, key=lambda name: (name == "several", name))
    return _markdown(heads, [(f"{name}", *_counts(groups[name])) for name in order])


def _counts(results: Sequence[Result]) -> tuple[str, ...]:
    refused = sum(bool(result.refusal) for result in results)
    failed = sum(result.failed for result in results)
    stages = [
        str(sum(r.verdicts[name].state == PASSED for r in results if name in r.verdicts))
        for name in STAGES
    ]
    return (str(len(results)), str(supported(results)), str(refused), str(failed), *stages)


def _stage_heads() -> tuple[str, ...]:
    return tuple(f"{name} agrees" for name in STAGES)


def _refusals(results: Sequence[Result]) -> list[str]:
    reasons: dict[str, list[str]] = defaultdict(list)
    for result in results:
        if result.refusal:
            reasons[result.refusal].append(result.name.removeprefix("test_"))
    counts = Counter({reason: len(names) for reason, names in reasons.items()})
    rows = [
        (reason.replace("|", "\\|"), str(count), ", ".join(f"`{n}`" for n in reasons[reason]))
        for reason, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    return _markdown(("reason", "cases", "names"), rows)


def _failures(results: Sequence[Result]) -> list[str]:
    rows = [
        (f"`{result.name}`", stage, verdict.detail)
        for result in results
        for stage, verdict in result.verdicts.items()
        if verdict.state == FAILED
    ]
    return _markdown(("case", "stage", "what"), rows) if rows else ["None."]


def _not_taken(results: Sequence[Result]) -> list[str]:
    reasons: dict[tuple[str, str], list[str]] = defaultdict(list)
    for result in results:
        for stage, verdict in result.verdicts.items():
            if verdict.state == NOT_TAKEN:
                detail = re.sub(r"\d+(\.\d+)?\.\.\d+(\.\d+)?", "one number", verdict.detail)
                reasons[detail, stage].append(result.name.removeprefix("test_"))
    rows = [
        (stage, reason.replace("|", "\\|"), str(len(names)), ", ".join(f"`{n}`" for n in names))
        for (reason, stage), names in sorted(reasons.items())
    ]
    return _markdown(("stage", "reason", "cases", "names"), rows) if rows else ["None."]


def _markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    return lines + [f"| {' | '.join(row)} |" for row in rows]


_INTRODUCTION = """\
# Conformance with ONNX

The backend tests of the `onnx` package ({version}) are models and data that nobody here wrote.
Every case of an operator that the exporter reads is run: the three stored suites as a whole, and
the single-operator cases of the `node` suite (their `_expanded` twins spell the same case in other
operators). The page is generated: `python scripts/conformance.py` writes it, `--check` fails on a
failed case.

A case **passes** if each stage that takes it agrees:

- **float**: the float reference on the graph that the ONNX reader makes, before and after the
  passes, equals the expected outputs within the case's own tolerance.
- **int8**: calibrated on the case's data, the simulator stays inside an interval around the real
  outputs that is derived operator by operator (`scripts/conformance_cases/bounds.py`): the interval
  rule of each operator, half a step for every input and weight, and the rounding of each result.
  Nothing in it is tuned.
- **host** and **chip**: the generated C, compiled for this computer and run on an emulated chip,
  equals the simulator in every output, class and accumulator: on the case's data, on the ends of
  the input's range, and on random inputs. The chip is a Cortex-M0 with 16 KiB of RAM, and a
  Cortex-M7 where inputs and outputs need more.

Cases that a stage does not take are listed at the end.

How a test becomes a file that the exporter reads:

- Models older than opset 13 go through `onnx.version_converter`, as their refusal recommends.
- Tests of single operators pass weights as inputs. What a layer stores (weights, biases, slopes,
  limits, divisors, states), and every integer beside floats (shapes, axes, indices), becomes an
  initializer.
- The first axis is the batch, the second one for LSTM and GRU with `layout=0`. Where a case works
  along it, the whole tensor is one row of data.
- Of LayerNormalization and Dropout the first output is asked for; the others are for training.
- Five of PyTorch's cases hold memory that nobody initialized as data (1e-310, 1e223), which tell no
  range: their integers and their C are compared on random inputs in -1..1."""
