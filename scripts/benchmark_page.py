"""The page of counts: a table and a plot a network, with previous figures beside the new ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scripts.benchmark_counts import Count
from scripts.benchmark_models import NETWORKS, load_network
from scripts.benchmark_peers import PEERS, PeerCount

HEAD = (
    "# Kernels on three networks",
    "",
    "What one inference costs on emulated chips, by `python scripts/benchmark.py`. The mean is",
    "over 20 test images, whose numbers are fixed, as are the weights; dense is the mean over",
    "these with 1 for every 0 (6 of them where one takes over 200,000); the worst case is the",
    "most of all these, of inputs that reach the ends of a sum, and of inputs searched for what",
    "they cost; constant: all of them take as many. Peer is the best other library that was",
    "counted, on a network of equal accuracy, and how many times more it needs than our mean.",
    "Before is the mean that was published last. Instructions are counted by unicorn, cycles of",
    "the ATmega by simavr. Each row names the build that takes least of those that the compilers",
    "here (zig cc, GNU) make at -Os and -O2, which a few rows decide. All bytes equal the",
    "simulator's. What is marked * was counted on a core with more memory than the chip has.",
    "",
    "In the plots a dotted line is what the best peer needs, and a solid one what ours may need",
    "at most.",
    "",
)


def markdown(counts: list[Count], before: dict[str, Any], peers: Sequence[PeerCount] = ()) -> str:
    """Return the page; before: stored counts by key; peers: those that were run."""
    lines = list(HEAD)
    for name in dict.fromkeys(one.network for one in counts):
        rows = [one for one in counts if one.network == name]
        lines += [
            f"## Network {name.upper()}: {NETWORKS[name][0]}",
            "",
            f"{load_network(name).macs:,} multiply-accumulates; float "
            f"{100 * rows[0].float_accuracy:.2f} % right.",
            "",
            f"![Counts of network {name.upper()} by target and goal, beside what must be reached "
            f"and what peers need](../images/kernels-{name}.svg)",
            "",
            "| target | optimize, lanes | kernels | mean | per MAC | before | dense | worst "
            "| peer | flash | RAM | stack | right | compiler |",
            "|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|",
        ]
        lines += [_line(one, before) for one in rows]
        own = [one for one in peers if one.network == name]
        if own:
            lines += [
                "",
                "Other implementations, counted by the same emulators on the same inputs:",
                "",
                "| target | what | mean | per MAC | worst | flash | RAM | stack | right | by |",
                "|---|---|---:|---:|---:|---:|---:|---:|---:|---|",
                *(
                    f"| {p.target} | {p.peer} | {p.mean:,.0f} | {p.per_mac:.2f} | {p.worst:,} "
                    f"| {p.flash:,} | {p.ram:,} | {p.stack:,} | {p.right} | {p.compiler} |"
                    for p in own
                ),
            ]
        lines.append("")
    return "\n".join(lines)


def _line(one: Count, before: dict[str, Any]) -> str:
    old = before.get(one.key, {}).get("mean")
    unit = " cycles" if one.unit == "cycles" else ""
    constant = ", constant" if one.least == one.worst else ""
    known = PEERS.get((one.network, one.target))
    peer = f"{known[0]} {known[1]:,}, {known[1] / one.mean:.1f}x" if known else "-"
    wanted = f", {one.wanted} by name" if one.wanted else ""
    cells = (
        one.target + ("" if one.fits else " *"),
        f"{one.goal}, {one.lanes}{wanted}",
        one.kernels,
        f"{one.mean:,.0f}{unit}",
        f"{one.per_mac:.2f}",
        f"{old:,.0f}" if old is not None else "-",
        f"{one.dense:,.0f}" if one.dense else "-",
        f"{one.worst:,}{constant}",
        peer,
        f"{one.flash:,}",
        f"{one.ram:,}" if one.rows else "-",
        f"{one.stack:,}",
        f"{100 * one.accuracy:.2f} %",
        one.compiler,
    )
    return f"| {' | '.join(cells)} |"
