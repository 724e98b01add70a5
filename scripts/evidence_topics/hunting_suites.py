"""The suites of `verify --thorough`: obligations met, planted bugs noticed, emulated chips."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from pyexport.gradients import of_graph
from pyexport.pairing import firmware, load_pair
from pyexport.runners import RUNNER_NAMES, target_of
from pyexport.verify import ALL_SUITES, Suite, SuiteOptions, build_suites
from pyexport.verify.budget import thinned
from pyexport.verify.compare import compare_suite, simulate_suite
from pyexport.verify.hunt import hunt_classes
from pyexport.verify.killing import Killing, kill_all
from pyexport.verify.planted import PLANTED
from pyexport.verify.suites import known_boundary
from pyexport.verify.units import enter, make_units
from scripts.evidence_topics.digits import exported, trained
from scripts.evidence_topics.figures import Context, Figure, markdown_table

VECTORS = 1_000
SHORT_BUGS = (
    "halves to even",
    "output without upper limit",
    "16-bit accumulator, wrapping",
    "17-bit accumulator",
)


def obligations(context: Context) -> tuple[Figure, ...]:
    """Meet the obligations of the digits network at each layer's entry, and through the network."""
    subject = exported(context)
    with tempfile.TemporaryDirectory() as folder:
        entries = [enter(u.artifact.graph) for u in make_units(subject, Path(folder))]
    owed = sum(len(entry.obligations) for entry in entries)
    hit = sum(int(entry.hit.sum()) for entry in entries)
    impossible = sum(int(entry.impossible.sum()) for entry in entries)
    found = known_boundary(subject.artifact)
    met = int(found.hit.sum())
    lines = [
        (o.node, str(o.channel), o.kind, f"{o.acc:,}", found.reason(int(i)))
        for i in np.flatnonzero(~found.hit)
        for o in [found.obligations[int(i)]]
    ]
    kinds = Counter(o.node for o in found.obligations)
    counted = ", ".join(f"{name} {count}" for name, count in kinds.items())
    return (
        Figure(
            "obligations met at the entry of each layer, digits network",
            "100 %",
            f"{hit} of {owed} ({counted}); {impossible} proved impossible",
            hit + impossible == owed > 0,
        ),
        Figure(
            "obligations met end to end, digits network",
            "at least 94 %, the rest listed",
            f"{met} of {len(found.obligations)}: {100 * met / len(found.obligations):.1f} %",
            met >= 0.94 * len(found.obligations),
            tuple(markdown_table(("layer", "channel", "what", "sum", "why not"), lines)),
        ),
    )


def planted(context: Context) -> tuple[Figure, ...]:
    """Plant the bugs, and see which suites notice them with outputs, classes and sums compared."""
    subject = exported(context)
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


def chips(context: Context) -> tuple[Figure, ...]:
    """Compare the same 10,000 inputs on every emulated chip, outputs and sums."""
    pair, made = load_pair(trained(context))
    samples = pair.artifact.samples
    assert samples is not None  # the training script stores its test images
    count = 300 if context.short else 10_000
    hunted = hunt_classes(pair, of_graph(pair.graph), samples.inputs, count // 4).rows
    owed = known_boundary(pair.artifact).rows.astype(samples.inputs.dtype)
    (drawn,) = build_suites(pair.artifact, ("random",), SuiteOptions(random=count))
    rows = np.concatenate([owed, hunted[: count // 4], samples.inputs, drawn.rows])[:count]
    suite = Suite("chips", np.ascontiguousarray(rows))
    expected = simulate_suite(pair.simulator, suite)
    names = [name for name in RUNNER_NAMES if target_of(name).is_chip]
    lines, differing = [], 0
    for name in names[:1] if context.short else names:
        context.say(f"{len(rows)} inputs on {name}")
        with firmware(made, name) as runner:
            result = compare_suite(made.artifact, runner, suite, expected)
        differing += result.differing_rows
        lines.append(
            (name, f"{result.rows:,}", f"{result.accumulators:,}", str(result.differing_rows))
        )
    return (
        Figure(
            "inputs compared on each emulated chip: outputs, classes, accumulators",
            "0 of 10,000 differ",
            f"{differing} of {len(rows):,} differ on each of {len(lines)} chips",
            differing == 0 and len(rows) == count,
            tuple(markdown_table(("chip", "inputs", "accumulators", "differ"), lines)),
        ),
    )
