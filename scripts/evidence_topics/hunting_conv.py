"""Planted convolution and pooling bugs, and which suites notice them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyexport
from pyexport.ir import Model
from pyexport.verify import ALL_SUITES, Suite, SuiteOptions, build_suites, subject_from_header
from pyexport.verify.budget import thinned
from pyexport.verify.killing import Killing, kill_all
from pyexport.verify.mutants import Mutant
from pyexport.verify.planted_conv import PLANTED_CONV, PLANTED_POOLED, PLANTED_WORDS
from pyexport.verify.units import make_units
from scripts.evidence_topics.conv_networks import pooled, windows
from scripts.evidence_topics.figures import Context, Figure, markdown_table

VECTORS = 1_000
WORDS = {"optimize": "speed", "lanes": 16}


@dataclass(frozen=True)
class _List:
    """Bugs of one kernel, and what they are planted in."""

    kernel: str
    make: Callable[[], Model]
    options: dict[str, object]
    bugs: tuple[Mutant, ...]


LISTS = (
    _List("one sum at a time", windows, {}, PLANTED_CONV),
    _List("two sums in a word", windows, WORDS, PLANTED_WORDS),
    _List("pooled before rounding", pooled, WORDS, PLANTED_POOLED),
)


def planted_windows(context: Context) -> tuple[Figure, ...]:
    """Plant the bugs in two small networks, and count those that 1,000 vectors notice."""
    lines: list[tuple[str, ...]] = []
    killings: list[Killing] = []
    most = 0
    for bugs in LISTS:
        context.say(f"{len(bugs.bugs)} bugs: {bugs.kernel}")
        found, rows = _killed(bugs)
        killings += found
        most = max(most, rows)
        lines += [(killing.name, bugs.kernel, *_marks(killing)) for killing in found]
    live = [k for k in killings if k.is_live]
    thorough = [k for k in live if {name for name in k.by if not name.startswith("all of")}]
    shares = [
        f"{100 * sum(f'all of {name}' in k.by for k in live) / len(live):.0f} %"
        for name in ("dataset", "random")
    ]
    header = ("planted bug", "kernel", "dataset", "random", "boundary", "unit", "thorough")
    return (
        Figure(
            "planted convolution and pooling bugs, noticed by --thorough with 1,000 vectors",
            "100 %",
            f"{len(thorough)} of {len(live)} with at most {most} vectors; dataset alone "
            f"{shares[0]}, random alone {shares[1]}",
            len(thorough) == len(live) == len(killings) and most <= VECTORS,
            (
                *markdown_table(header, lines),
                "",
                "Two small networks with drawn weights, which have every kind of window: strides, "
                "padding of signed inputs, leftovers, groups, a padded average, and a pool that is "
                "taken before rounding. `dataset` and `random` are 100 and 1,000 rows of these "
                "suites on their own. Layers alone (`unit`) are asked only where no suite of the "
                "whole network notices. Most of these bugs move a whole window and any data show "
                "them; the edges of rounding, limits and widths are what data miss. No bug is "
                "called equivalent: the scan that proves it is of linear layers.",
            ),
        ),
    )


def _killed(bugs: _List) -> tuple[tuple[Killing, ...], int]:
    """Return what notices each bug of a list, and how many vectors the suites have together."""
    with tempfile.TemporaryDirectory(prefix="pyexport-") as folder:
        pyexport.export(bugs.make(), folder, "conv", **bugs.options)
        subject = subject_from_header(Path(folder) / "conv.h")
        units = make_units(subject, Path(folder))
        every = build_suites(subject.artifact, ALL_SUITES, SuiteOptions(), units)
        suites = thinned(every, VECTORS)
        whole = {suite.name: suite for suite in every}
        alone = [Suite(f"all of {n}", whole[n].rows[:VECTORS]) for n in ("dataset", "random")]
        return kill_all(subject, bugs.bugs, [*suites, *alone]), sum(len(s.rows) for s in suites)


def _marks(killing: Killing) -> tuple[str, ...]:
    """Return what noticed a bug, a column each; "" for single layers that were not asked."""
    marks = [
        "yes" if name in killing.by else "**no**"
        for name in ("all of dataset", "all of random", "boundary")
    ]
    unit = "yes" if "unit" in killing.by else "" if killing.by else "**no**"
    thorough = any(not name.startswith("all of") for name in killing.by)
    return (*marks, unit, "yes" if thorough else "**no**")
