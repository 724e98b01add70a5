"""The suites of `verify --thorough`: obligations met, planted bugs noticed."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from pyexport.verify import ALL_SUITES, Suite, SuiteOptions, build_suites
from pyexport.verify.budget import thinned
from pyexport.verify.killing import Killing, kill_all
from pyexport.verify.planted import PLANTED
from pyexport.verify.reachable import bounds_of_rest, is_excluded
from pyexport.verify.suites import known_boundary
from pyexport.verify.units import enter, make_units
from scripts.evidence_topics.figures import Context, Figure, markdown_table
from scripts.evidence_topics.hunting_networks import DIGITS, Network, exported

VECTORS = 1_000
LISTED = 40  # obligations that are not met
SHORT_BUGS = (
    "halves to even",
    "output without upper limit",
    "16-bit accumulator, wrapping",
    "17-bit accumulator",
)


def obligations(context: Context, network: Network = DIGITS) -> tuple[Figure, ...]:
    """Meet the obligations of a network at each layer's entry, and through the network."""
    subject, name = exported(context, network), network.title or ", digits network"
    with tempfile.TemporaryDirectory() as folder:
        entries = [enter(u.artifact.graph) for u in make_units(subject, Path(folder))]
    owed = sum(len(entry.obligations) for entry in entries)
    hit = sum(int(entry.hit.sum()) for entry in entries)
    impossible = sum(int(entry.impossible.sum()) for entry in entries)
    found, graph = known_boundary(subject.artifact), subject.artifact.graph
    met = int(found.hit.sum())
    reaches = bounds_of_rest(graph, found, 0.5 if context.short else 20.0)
    unmet = np.flatnonzero(~found.hit).tolist()
    why = {i: found.reason(i) for i in unmet}
    for i, reach in reaches.items():
        if is_excluded(reach, found.obligations[i], int(found.reached[i])):
            why[i] = f"proved (HiGHS): no input gets beyond {reach.bound:,.0f}"
    proved = sum(text.startswith("proved") for text in why.values())
    lines = [
        (o.node, str(o.channel), o.kind, f"{o.acc:,}", why[i])
        for i in unmet[:LISTED]
        for o in [found.obligations[i]]
    ]
    more = [f"and {len(unmet) - LISTED} more"] if len(unmet) > LISTED else []
    kinds = Counter(o.node for o in found.obligations)
    counted = ", ".join(f"{name} {count}" for name, count in kinds.items())
    return (
        Figure(
            f"obligations met at the entry of each layer{name}",
            "100 %",
            f"{hit} of {owed} ({counted}); {impossible} proved impossible",
            hit + impossible == owed > 0,
        ),
        Figure(
            f"obligations met end to end{name}",
            "reported" if network.met is None else "at least 94 %, the rest listed",
            f"{met} of {len(found.obligations)}: {100 * met / len(found.obligations):.1f} %; "
            f"{proved} more proved impossible",
            met >= (network.met or 0.0) * len(found.obligations),
            (*markdown_table(("layer", "channel", "what", "sum", "why not"), lines), *more),
        ),
    )


def planted(context: Context) -> tuple[Figure, ...]:
    """Plant the bugs, and see which suites notice them with outputs, classes and sums compared."""
    subject = exported(context, DIGITS)
    mutants = [m for m in PLANTED if not context.short or m.name in SHORT_BUGS]
    with tempfile.TemporaryDirectory() as folder:
        units = make_units(subject, Path(folder))
        every = build_suites(subject.artifact, ALL_SUITES, SuiteOptions(), units)
        suites = thinned(every, VECTORS)
        whole = {suite.name: suite for suite in every}
        alone = [Suite(f"all of {n}", whole[n].rows[:VECTORS]) for n in ("dataset", "random")]
        killings = kill_all(subject, mutants, [*suites, *alone])
    live = [k for k in killings if k.is_live]
    thorough = [k for k in live if k.by - {suite.name for suite in alone}]
    by_data, by_random = ([k for k in live if suite.name in k.by] for suite in alone)
    shares = [f"{100 * len(part) / len(live):.0f} %" for part in (by_data, by_random)]
    rows = sum(len(suite.rows) for suite in suites)
    header = ("planted bug", "dataset", "random", "boundary", "extremes", "thorough")
    return (
        Figure(
            "planted kernel bugs, live ones noticed by --thorough with 1,000 vectors",
            "100 %",
            f"{len(thorough)} of {len(live)} live ({len(killings)} planted, "
            f"{len(killings) - len(live)} equivalent) with {rows} vectors; dataset alone "
            f"{shares[0]}, random alone {shares[1]}",
            len(thorough) == len(live) and rows <= VECTORS,
            (
                *markdown_table(header, [_line(k) for k in killings]),
                "",
                f"`dataset` and `random` are {len(alone[0].rows)} and {len(alone[1].rows)} rows of "
                "these suites on their own; the other columns are parts of the 1,000 vectors. A "
                "bug is equivalent on this network if every layer's own code, with the bug in it, "
                "gives the right byte for every sum of every channel's proved interval.",
            ),
        ),
    )


def _line(killing: Killing) -> tuple[str, ...]:
    noticed = ["all of dataset", "all of random", "boundary", "extremes"]
    if not killing.is_live:
        return (killing.name, *[""] * 4, f"equivalent: {killing.scanned:,} sums")
    marks = ["yes" if suite in killing.by else "**no**" for suite in noticed]
    return (killing.name, *marks, "yes" if killing.by else "**no**")
