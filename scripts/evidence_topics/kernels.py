"""Kernels: counts of the frozen networks against those of other libraries, and the cost tables."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from typing import Any

from pyexport.errors import PyexportError
from pyexport.lower.kernels import KERNELS
from pyexport.targets.costs import read_costs
from scripts.benchmark import FOLDER, MAX_GROWTH, TARGETS, VARIANTS, Count, count, grown
from scripts.benchmark_models import NETWORKS, load_network
from scripts.benchmark_peers import (
    ACCURACY_POINTS,
    DEMANDS,
    DENSE_FACTOR,
    DENSE_TARGETS,
    PEERS,
    Demand,
)
from scripts.evidence_topics.figures import Context, Figure, Task, Topic, markdown_table
from scripts.evidence_topics.kernel_costs import table_against_emulator

SOURCES = (
    "pyexport/artifact.py", "pyexport/choices.py", "pyexport/codegen", "pyexport/integer",
    "pyexport/lower", "pyexport/kernel_choice.py", "pyexport/quantize", "pyexport/runners",
    "pyexport/targets", "templates", "firmware/harness", "scripts/benchmark.py",
    "scripts/benchmark_models.py", "scripts/benchmark_networks", "scripts/benchmark_search.py",
)  # fmt: skip
PORTABLE = "swar"  # in the names of kernels of plain C with several sums in a word
IMMEDIATES = "linear_ldi16"
PLAIN_C = (("a", "cortex-m0"), ("b", "cortex-m0"), ("b", "cortex-m4"))  # counted without assembly
SHORT = (("a", "cortex-m4"), ("a", "atmega328p"))  # counted in CI, with one goal


def _count(context: Context, network: str, target: str) -> tuple[Figure, ...]:
    """Count a network on a target with every goal, and keep the counts for the summary."""
    found = {}
    goals = ("speed",) if context.short else tuple(goal for goal, _ in VARIANTS)
    if not context.short or (network, target) in SHORT:
        model = load_network(network)
        variants: list[tuple[str, int, tuple[str, ...]]] = [(*v, ()) for v in VARIANTS]
        if (network, target) in PLAIN_C:
            variants.append(("speed", 16, ("linear_swar16",)))
        for goal, lanes, wanted in variants:
            if goal in goals:
                try:
                    one = count(model, target, goal, lanes, wanted)
                except PyexportError as error:  # a chip that is too small, say
                    context.say(f"{network} {target} {goal}: {error}")
                    continue
                found[one.key] = asdict(one)
    path = context.folder / f"kernels-{network}-{target}.json"
    path.write_text(json.dumps(found), encoding="utf-8")
    return ()


def _known(context: Context) -> list[Count]:
    counts = []
    for network in NETWORKS:
        for target in TARGETS:
            path = context.folder / f"kernels-{network}-{target}.json"
            if path.exists():
                stored = json.loads(path.read_text(encoding="utf-8"))
                counts += [Count(**one) for one in stored.values()]
    return counts


def _summary(context: Context) -> tuple[Figure, ...]:
    """Hold every count against what is demanded, and against the published counts."""
    counts = _known(context)
    before: dict[str, Any] = json.loads((FOLDER / "kernels.json").read_text(encoding="utf-8"))
    if context.short:  # no count but those of CI is at hand: the published ones stand in
        mine = {one.key for one in counts}
        counts += [Count(**one) for key, one in before.items() if key not in mine]
    figures = [demanded(demand, counts) for demand in DEMANDS if demand.network in NETWORKS]
    figures += [worst_cases(counts), dense(counts), constant_time(counts), accuracy(counts)]
    worse = grown(counts, before)
    figures.append(
        Figure(
            "counts that grew since they were published",
            f"none by over {100 * (MAX_GROWTH - 1):.0f} %",
            f"{len(worse)} did",
            not worse,
            tuple(f"- {line}" for line in worse),
        )
    )
    return tuple(figures)


def demanded(demand: Demand, counts: list[Count]) -> Figure:
    """Return the best count of a network on a target, against the most that it may be."""
    rows = [one for one in counts if (one.network, one.target) == (demand.network, demand.target)]
    if demand.kind == "portable":
        rows = [one for one in rows if all(PORTABLE in k for k in one.kernels.split(", "))]
    if demand.kind == "tables":
        rows = [one for one in rows if IMMEDIATES not in one.kernels]
    if demand.kind == "constant":
        rows = [one for one in rows if one.goal == "constant-time"]
        rows = [one for one in rows if one.least == one.worst]
    wanted = f"at most {demand.must:,}"
    if demand.stretch is not None:
        wanted += f", better {demand.stretch:,}"
    if not rows:
        return Figure(demand.what, wanted, "not counted", False)
    best = min(rows, key=lambda one: one.mean)
    peer = PEERS.get((demand.network, demand.target))
    ratio = f", {peer[1] / best.mean:.1f} times fewer than {peer[0]}" if peer else ""
    measured = f"{best.mean:,.0f}{ratio} ({best.kernels}; {best.compiler})"
    return Figure(demand.what, wanted, measured, best.mean <= demand.must)


def worst_cases(counts: list[Count]) -> Figure:
    """Return how many worst cases are as large as the count of a peer."""
    rows = [one for one in counts if one.goal != "size" and (one.network, one.target) in PEERS]
    over = [one for one in rows if one.worst >= PEERS[one.network, one.target][1]]
    lines = [
        (f"{one.network.upper()}, {one.target}, {one.goal}", f"{one.mean:,.0f}",
         f"{one.worst:,}", f"{PEERS[one.network, one.target][1]:,}")
        for one in rows
    ]  # fmt: skip
    return Figure(
        "worst case of any goal but size, extremes and searched inputs included",
        "below the peer's count",
        f"{len(rows) - len(over)} of {len(rows)} are",
        not over,
        markdown_table(("network, target, goal", "mean", "worst", "peer"), lines),
    )


def dense(counts: list[Count]) -> Figure:
    """Return the least factor to a peer for inputs without any 0."""
    found = {}
    for network in ("a", "b"):
        for target in DENSE_TARGETS:
            rows = [o.dense for o in counts if (o.network, o.target) == (network, target)]
            rows = [value for value in rows if value]
            if rows:
                found[network, target] = PEERS[network, target][1] / min(rows)
    text = ", ".join(f"{n.upper()} {t} {factor:.1f}" for (n, t), factor in found.items())
    return Figure(
        "inputs without any 0, A and B",
        f"at least {DENSE_FACTOR} times fewer than the peer",
        text or "not counted",
        len(found) == 2 * len(DENSE_TARGETS) and min(found.values()) >= DENSE_FACTOR,
    )


def constant_time(counts: list[Count]) -> Figure:
    """Return how many exports for constant time take one count for every input, of 32-bit cores."""
    rows = [one for one in counts if one.goal == "constant-time" and one.network != "c"]
    rows = [one for one in rows if one.kernels != "linear_q15x"]  # which promises nothing
    same = [one for one in rows if one.least == one.worst]
    return Figure(
        "constant time, linear networks: samples, extremes and searched inputs",
        "one count each",
        f"{len(same)} of {len(rows)}",
        bool(rows) and len(same) == len(rows),
    )


def accuracy(counts: list[Count]) -> Figure:
    """Return the most points of accuracy that integers cost."""
    lost = {one.key: 100 * (one.float_accuracy - one.accuracy) for one in counts}
    most = max(lost.values(), default=0.0)
    return Figure(
        "accuracy of every counted export",
        f"within {ACCURACY_POINTS} points of float",
        f"at most {most:.2f} points less",
        bool(lost) and most <= ACCURACY_POINTS,
    )


def _tables(context: Context) -> tuple[Figure, ...]:
    """Return which kernels have a price on which targets."""
    del context
    names = dict.fromkeys(kernel.name for kernel in KERNELS)
    tables = [table for target in TARGETS if (table := read_costs(target)) is not None]
    lacking = [name for name in names if not any(table.knows(name) for table in tables)]
    return (
        Figure(
            "kernels without a measured cost on any target",
            "none",
            ", ".join(lacking) or "none",
            not lacking,
        ),
    )


KERNEL_COUNTS = Topic(
    name="kernels",
    title="Kernels",
    introduction=(
        "Three frozen networks on emulated chips ([all counts](benchmark.md)), held against what "
        "other libraries were counted to need; and [the tables of costs](../kernels.md)."
    ),
    tasks=(
        *(
            Task(f"{network} {target}", partial(_count, network=network, target=target), SOURCES)
            for network in NETWORKS
            for target in TARGETS
        ),
        Task("summary", _summary),
        Task("tables", _tables),
        Task("estimates", table_against_emulator),
    ),
)
