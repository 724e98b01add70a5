"""What counts of the frozen networks say, against what is demanded of them."""

from __future__ import annotations

from typing import Any

from scripts.benchmark import MAX_GROWTH, grown
from scripts.benchmark_counts import TARGETS, Count
from scripts.benchmark_models import NETWORKS
from scripts.benchmark_peers import (
    ACCURACY_POINTS,
    DEMANDS,
    DENSE_FACTOR,
    DENSE_TARGETS,
    PEERS,
    Demand,
)
from scripts.evidence_topics.figures import Figure, markdown_table

PORTABLE = "swar"  # in the names of kernels of plain C with several sums in a word
PORTABLE_NAME = "linear_swar16"
IMMEDIATES = "linear_ldi16"


def figures_of(counts: list[Count], before: dict[str, Any]) -> tuple[Figure, ...]:
    """Return every figure of the counts; before: the published ones by key."""
    worse = grown(counts, before)
    return (
        *(demanded(demand, counts) for demand in DEMANDS),
        equality(counts),
        worst_cases(counts),
        dense(counts),
        constant_time(counts),
        accuracy(counts),
        Figure(
            "counts that grew since they were published",
            f"none by over {100 * (MAX_GROWTH - 1):.0f} %",
            f"{len(worse)} did",
            not worse,
            tuple(f"- {line}" for line in worse),
        ),
    )


def demanded(demand: Demand, counts: list[Count]) -> Figure:
    """Return the best count of a network on a target, against the most that it may be."""
    rows = [one for one in counts if (one.network, one.target) == (demand.network, demand.target)]
    if demand.kind == "portable":
        rows = [one for one in rows if all(PORTABLE in k for k in one.kernels.split(", "))]
    if demand.kind == "tables":
        rows = [one for one in rows if IMMEDIATES not in one.kernels]
    if demand.kind == "constant":
        rows = [one for one in rows if one.goal == "constant-time" and one.least == one.worst]
    if demand.flash is not None:
        rows = [one for one in rows if one.flash <= demand.flash]
    peer = PEERS.get((demand.network, demand.target))
    wanted = f"must {demand.must:,}"
    if demand.stretch is not None:
        wanted += f", stretch {demand.stretch:,}"
    if not rows:
        return Figure(demand.what, wanted, "missed: not counted", False)
    best = min(rows, key=lambda one: one.mean)
    parts = [f"{best.mean:,.0f}", f"worst {best.worst:,}"]
    if peer is not None:
        parts.append(f"{peer[1] / best.mean:.1f} times fewer than {peer[0]}'s {peer[1]:,}")
    if demand.flash is not None:
        parts.append(f"{best.flash:,} bytes of flash")
    reached = best.mean <= demand.must and (peer is None or best.worst < peer[1])
    if demand.stretch is not None and best.mean <= demand.stretch:
        parts.append("stretch reached")
    measured = f"{'; '.join(parts)} ({best.kernels}; {best.compiler})"
    return Figure(demand.what, wanted, measured if reached else f"missed: {measured}", reached)


def equality(counts: list[Count]) -> Figure:
    """Return how many rows were compared; a byte that differs ends the run."""
    rows = sum(one.rows for one in counts)
    uncounted = [one.key for one in counts if not one.rows]
    return Figure(
        "bytes that differ from the simulator: samples, extremes, searched inputs",
        "0",
        f"0, of {rows:,} rows of {len(counts)} exports"
        + (f"; rows of {len(uncounted)} exports were not recorded" if uncounted else ""),
        bool(rows),
    )


def worst_cases(counts: list[Count]) -> Figure:
    """Return how many worst cases are as large as the count of a peer."""
    rows = [one for one in counts if one.goal != "size" and (one.network, one.target) in PEERS]
    over = [one for one in rows if one.worst >= PEERS[one.network, one.target][1]]
    lines = [
        (f"{one.network.upper()}, {one.target}, {one.goal}{', ' * bool(one.wanted)}{one.wanted}",
         f"{one.mean:,.0f}", f"{one.worst:,}", f"{PEERS[one.network, one.target][1]:,}",
         one.compiler)
        for one in rows
    ]  # fmt: skip
    return Figure(
        "worst case of any goal but size, extremes and searched inputs included",
        "below the peer's count",
        f"{len(rows) - len(over)} of {len(rows)} are",
        not over,
        markdown_table(("network, target, goal", "mean", "worst", "peer", "built by"), lines),
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
    """Return how many exports for constant time take one count for every input."""
    rows = [one for one in counts if one.goal == "constant-time"]
    same = [one for one in rows if one.least == one.worst]
    wanted = {(network, target) for network in NETWORKS for target in TARGETS}
    lacking = wanted - {(one.network, one.target) for one in rows}
    lines = [
        (f"{one.network.upper()}, {one.target}", one.kernels, f"{one.worst:,}",
         "one" if one.least == one.worst else f"from {one.least:,}", one.compiler)
        for one in rows
    ]  # fmt: skip
    return Figure(
        "constant time, every network on every target: samples, extremes and searched inputs",
        "one count each",
        f"{len(same)} of {len(rows)}"
        + ("; not counted: " + ", ".join(f"{n.upper()} {t}" for n, t in sorted(lacking)))
        * bool(lacking),
        len(same) == len(rows) and not lacking,
        markdown_table(("network, target", "kernels", "count", "counts", "built by"), lines),
    )


def accuracy(counts: list[Count]) -> Figure:
    """Return the most points of accuracy that integers cost."""
    lost = {one.key: 100 * (one.float_accuracy - one.accuracy) for one in counts}
    most = max(lost.values(), default=0.0)
    return Figure(
        "accuracy of every counted export",
        f"within {ACCURACY_POINTS} points of float",
        f"at most {most:.2f} points less" if most > 0 else "none is less",
        bool(lost) and most <= ACCURACY_POINTS,
    )
