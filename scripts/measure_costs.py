#!/usr/bin/env python3
"""Measures what kernels cost on emulated chips: python scripts/measure_costs.py [TARGET...].

Draws networks of one layer, counts each in an emulator with every kernel that computes it, and
writes prices for the counts of pyexport/lower/work.py to pyexport/targets/costs/TARGET.json.
With --add it counts networks of some families only, and adds kernels that the table lacks; with
--kernel it counts networks of these kernels only, and replaces their prices.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pyexport.errors import PyexportError, UsageError
from pyexport.lower.call_work import CALLED, RECURRENT
from pyexport.lower.kernels import KERNELS
from pyexport.lower.selecting import check_kernel
from pyexport.runners import available
from pyexport.runners.compilers import compiler_for
from pyexport.targets import TARGETS, get_target
from pyexport.targets.costs import FOLDER
from scripts.cost_cases.batch import LEVEL
from scripts.cost_cases.fit import CALL, SHARED, Equation, fit, predicted
from scripts.cost_cases.measure import (
    EVERY,
    Sample,
    families_of,
    measure,
    scratch_free_stack,
    spread,
)
from scripts.options import Options

KNOWN = Path(__file__).resolve().parent.parent / "build" / "costs"  # counts, to go on with
SIGNIFICANT = 5  # digits of a price


def main() -> int:
    """Measure each target and write its table; returns 2 for a mistake in the command line."""
    parser = Options(__doc__)
    parser.add_argument("targets", nargs="*", help="chips; default: all that can be emulated")
    parser.add_argument(
        "--add", action="append", default=[], metavar="FAMILY", help="of networks; may be repeated"
    )
    parser.add_argument(
        "--kernel", action="append", default=[], metavar="NAME", help="to count; may be repeated"
    )
    parser.add_argument("--worst", action="store_true", help="also print the worst predicted cases")
    try:
        arguments = parser.parse_args()
        for name in arguments.targets:
            get_target(name)
        check(arguments.add, arguments.kernel, arguments.targets)
    except PyexportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    names = arguments.targets or [t.name for t in TARGETS if t.is_chip]
    for name in names:
        problem = available(name)
        if problem is not None:
            print(f"error: {problem}", file=sys.stderr)
            return 2
        KNOWN.mkdir(parents=True, exist_ok=True)
        FOLDER.mkdir(exist_ok=True)
        path = FOLDER / f"{name}.json"
        if arguments.add or arguments.kernel:
            before = json.loads(path.read_text(encoding="utf-8"))
            families = tuple(arguments.add or families_of(name))
            priced = {k.name for k in KERNELS} - set(arguments.kernel)
            kept = priced if arguments.kernel else before["kernels"]
            samples = measure(name, KNOWN, say, families, kept)
            document = extended(before, table(name, samples, before["call"])) if samples else before
        else:
            samples = measure(name, KNOWN, say, families_of(name))
            document = table(name, samples)
            if path.exists():  # whether it chooses kernels is no measurement
                document["decides"] = json.loads(path.read_text("utf-8")).get("decides", [])
        path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        report(samples, arguments.worst)
    return 0


def check(families: list[str], kernels: list[str], targets: list[str]) -> None:
    """Raise UsageError for unknown families or kernels, or targets without a table to add to."""
    for name in kernels:
        check_kernel(name)
    for name in families:
        if name not in EVERY:
            raise UsageError(f"--add {name}: no such family; there are {', '.join(EVERY)}")
    if (families or kernels) and not targets:
        raise UsageError("--add and --kernel: name the targets")
    for target in targets if families or kernels else ():
        if not (FOLDER / f"{target}.json").is_file():
            raise UsageError(f"{target} has no table yet; measure it without --add or --kernel")


def extended(before: dict[str, Any], added: dict[str, Any]) -> dict[str, Any]:
    """Return a table with the kernels of another one, which has the same price of a call."""
    if added["compiler"] != before["compiler"]:
        raise SystemExit(f"error: {added['compiler']} is not {before['compiler']} of the table")
    return {**before, "kernels": {**before["kernels"], **added["kernels"]}}


def table(target: str, samples: list[Sample], call: float | None = None) -> dict[str, Any]:
    """Return what is written for a target; call: the price around all kernels, if it is known."""
    record = get_target(target)
    equations = [one for sample in samples for one in sample.equations]
    prices = fit(equations if call is None else [without_call(one, call) for one in equations])
    prices.setdefault(CALL, call or 0.0)
    kernels: dict[str, dict[str, Any]] = defaultdict(lambda: {"prices": {}})
    for (kernel, count), price in prices.items():
        if kernel:
            kernels[kernel]["prices"][count] = rounded(price)
    for kernel in (*CALLED, *RECURRENT):
        if kernel in kernels:
            kernels[kernel]["prices"] |= {
                name: rounded(prices["", name]) for name in SHARED if ("", name) in prices
            }
    for kernel, entry in kernels.items():
        alone = [s for s in samples if s.build.kernels == (kernel,)]
        near = alone or [s for s in samples if kernel in s.build.kernels]
        entry["stack"] = max(scratch_free_stack(s) for s in near)
        entry["code"] = sorted(s.counted.code for s in near)[len(near) // 2]
        entry["cases"] = len([s for s in samples if kernel in s.build.kernels])
    compiler = compiler_for(record, "gcc")
    return {
        "target": target,
        "compiler": f"{compiler.version} {LEVEL}",
        "unit": record.unit,
        "call": rounded(prices[CALL]),
        "kernels": dict(kernels),
    }


def without_call(one: Equation, call: float) -> Equation:
    """Return the equation of what kernels take, without what stands around all of them."""
    work = {key: count for key, count in one.work.items() if key != CALL}
    return Equation(work, one.measured - call, one.weight)


def rounded(price: float) -> float:
    """Return a price with as many digits as it deserves."""
    return float(f"{price:.{SIGNIFICANT}g}")


def report(samples: list[Sample], worst: bool) -> None:
    """Print how well the prices explain the cases, kernel by kernel."""
    prices = fit([one for sample in samples for one in sample.equations])
    errors: dict[str, list[float]] = defaultdict(list)
    details = []
    for sample in samples:
        for one in sample.equations:
            error = predicted(one, prices) / one.measured - 1
            for kernel in set(sample.build.kernels):
                errors[kernel].append(error)
            details.append((abs(error), error, sample.build, one))
    for kernel, found in sorted(errors.items()):
        mean, most = spread(found)
        print(
            f"  {kernel:24}{len(found):5} rows: mean {100 * mean:5.1f} %, most {100 * most:5.1f} %"
        )
    if worst:
        for _, error, build, one in sorted(details, key=lambda d: -d[0])[:40]:
            shapes = [dict(s.params) for s in build.steps if not s.is_free]
            print(f"{100 * error:+.1f} % of {one.measured:.0f}: {build.drawn.name} {build.kernels}")
            print(f"    {shapes[:2]}")


def say(text: str) -> None:
    """Print progress."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
