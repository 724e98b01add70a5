"""pyexport diff: compares two artifacts, or two places where one runs, bit for bit."""

from typing import Annotated, Any

import typer

from pyexport.cli.common import JsonOption, err, out, plain_table, print_json, say
from pyexport.differing import diff
from pyexport.errors import CheckFailedError
from pyexport.verify import DEFAULT_SUITES
from pyexport.verify.difference import Difference
from pyexport.verify.explain import Explanation


def diff_command(
    left: Annotated[
        str,
        typer.Argument(
            metavar="A", help="FILE or FILE@WHERE: the simulator, a target, or a board's port."
        ),
    ],
    right: Annotated[
        str, typer.Argument(metavar="B", help="The same; @WHERE alone takes the file of A.")
    ],
    suite: Annotated[str, typer.Option(help="Suites of inputs, separated by commas.")] = ",".join(
        DEFAULT_SUITES
    ),
    random: Annotated[int | None, typer.Option(help="Rows of the random suite.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random suites.")] = 0,
    json: JsonOption = False,
) -> None:
    """Compare two artifacts, or two places where one runs: outputs, classes and accumulators."""
    with err.status("comparing"):
        found = diff(left, right, tuple(suite.split(",")), seed, random)
    if json:
        print_json(_document(found))
    else:
        _print(found)
    if not found.ok:
        raise CheckFailedError(f"{found.left} and {found.right} differ: {found.sentence}")


def _print(found: Difference) -> None:
    say(f"A  {found.left}\nB  {found.right}")
    table = plain_table("suite", ">rows", ">accumulators", ">differ")
    for c in found.comparisons:
        table.add_row(c.suite, str(c.rows), str(c.accumulators), str(c.differing_rows))
    out.print(table)
    if found.why_no_sums:
        say(f"accumulators were not compared: {found.why_no_sums}")
    if found.parameters:
        say(f"first difference of their parameters: {found.parameters}")
    if found.ok:
        say(f"both give the same in all {found.rows} rows")
    else:
        say(f"DIFFERENT {found.sentence}")
        for line in () if found.explanation is None else found.explanation.lines:
            say(f"  {line}")


def _explained(explanation: Explanation) -> dict[str, Any]:
    """Return the first difference on the smallest input that was found to show one."""
    m = explanation.mismatch
    return {
        "what": m.what,
        "node": m.node or None,
        "source": m.source or None,
        "index": m.index,
        "a": m.expected,
        "b": m.actual,
        "input": m.inputs.tolist(),
        "steps": list(explanation.lines),
    }


def _document(found: Difference) -> dict[str, Any]:
    return {
        "a": found.left,
        "b": found.right,
        "ok": found.ok,
        "rows": found.rows,
        "differing_rows": found.differing_rows,
        "first": found.sentence or None,
        "first_difference": None if found.explanation is None else _explained(found.explanation),
        "parameters": found.parameters or None,
        "accumulators_not_compared": found.why_no_sums or None,
        "suites": [
            {
                "name": c.suite,
                "rows": c.rows,
                "accumulators": c.accumulators,
                "differing_rows": c.differing_rows,
            }
            for c in found.comparisons
        ],
    }
