"""The ONNX backend tests: each case that the exporter reads, in float, in integers and in C."""

from __future__ import annotations

from collections import Counter

from scripts.conformance import PAGE, WANTED, line, run
from scripts.conformance_cases.states import PASSED
from scripts.conformance_cases.table import page, supported
from scripts.conformance_cases.verdicts import STAGES
from scripts.evidence_topics.figures import Context, Figure, markdown_table


def conformance(context: Context) -> tuple[Figure, ...]:
    """Judge every case and write docs/conformance.md; the unit tests do so without compilers."""
    if context.short:
        return ()
    results = run()
    PAGE.write_text(page(results), encoding="utf-8")
    failed = [line(result) for result in results if result.failed]
    for problem in failed:
        context.say(problem)
    passed = supported(results)
    refused = sum(bool(result.refusal) for result in results)
    states = Counter(
        stage
        for result in results
        for stage, verdict in result.verdicts.items()
        if verdict.state == PASSED
    )
    rows = [(stage, f"{states[stage]:,}") for stage in STAGES]
    return (
        Figure(
            "ONNX backend tests of supported operators",
            f"all pass, at least {WANTED}; every refusal with its reason",
            f"{passed} pass, {len(failed)} fail, {refused} refused of {len(results)}",
            not failed and passed >= WANTED and passed + refused == len(results),
            (
                *markdown_table(("verdict", "cases that pass"), rows),
                "",
                "Each case and each reason: [conformance](../conformance.md).",
                *failed,
            ),
        ),
    )
