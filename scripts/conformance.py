"""Runs the ONNX backend tests through the exporter and writes docs/conformance.md.

    python scripts/conformance.py [--check] [--short] [--only NAME]

With --check the status is 1 if a case fails, or fewer than 250 pass, or the page is out of date.
--short leaves the compilers out, and the page as it is. With --only the cases whose name holds NAME
are run and printed, and nothing is written.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.conformance_cases.cases import all_cases
from scripts.conformance_cases.table import page, supported
from scripts.conformance_cases.verdicts import QUICK, STAGES, Result, Stage, judge

PAGE = Path(__file__).resolve().parent.parent / "docs" / "conformance.md"
WANTED = 250


def main() -> int:
    """Judge the cases; returns 1 if --check was given and something is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail if a case or the page is wrong")
    parser.add_argument("--short", action="store_true", help="without what must be compiled")
    parser.add_argument("--only", metavar="NAME", help="run and print some cases")
    arguments = parser.parse_args()
    results = run(arguments.only, QUICK if arguments.short else STAGES)
    if arguments.only:
        for result in results:
            print(line(result))
        return 0
    text, old = page(results), PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    failed = [line(result) for result in results if result.failed]
    for problem in failed:
        print(problem)
    print(f"{len(results)} cases, {supported(results)} pass, {len(failed)} fail")
    if not arguments.check and not arguments.short:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    stale = text != old and not arguments.short
    if stale:
        print(f"{PAGE.name} is out of date: python scripts/conformance.py writes it")
    return int(bool(failed) or supported(results) < WANTED or stale)


def run(only: str | None = None, stages: Mapping[str, Stage] = STAGES) -> list[Result]:
    """Return the results of all cases, or of those whose name holds `only`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's, while the package computes its cases
        cases = all_cases()
    return [judge(case, stages) for case in cases if only is None or only in case.name]


def line(result: Result) -> str:
    """Return a case in one line: its name and how it ended."""
    if result.refusal:
        return f"{result.name}: refused: {result.refusal}"
    states = (
        f"{n} {v.state or 'not taken'} {v.detail}".strip() for n, v in result.verdicts.items()
    )
    return f"{result.name}: {', '.join(states)}"


if __name__ == "__main__":
    sys.exit(main())
