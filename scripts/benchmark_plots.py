"""Plots of counts: bars of targets and goals, told apart by hatching: without colour."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scripts.benchmark_counts import TARGETS, VARIANTS, Count
from scripts.benchmark_models import NETWORKS
from scripts.benchmark_peers import DEMANDS, PEERS

HATCHES = {"size": "", "balanced": "---", "speed": "///", "constant-time": "xxx"}
HEIGHT = 0.8  # of the bars of one target together


def plot(network: str, counts: list[Count], path: Path) -> None:
    """Write the bars of a network: what each goal takes, what peers need, what must be reached."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "pyexport"  # the same counts give the same file
    matplotlib.rcParams["svg.fonttype"] = "none"  # text that can be searched
    from matplotlib import pyplot
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    rows = {(o.target, o.goal): o for o in counts if o.network == network and not o.wanted}
    targets = [t for t in TARGETS if any(target == t for target, _ in rows)]
    goals = [goal for goal, _ in VARIANTS if any(g == goal for _, g in rows)]
    figure, axes = pyplot.subplots(figsize=(8.0, 1.0 + 1.1 * len(targets)), layout="constrained")
    each = HEIGHT / len(goals)
    for at, target in enumerate(targets):
        for number, goal in enumerate(goals):
            one = rows.get((target, goal))
            if one is not None:
                y = at - HEIGHT / 2 + (number + 0.5) * each
                axes.barh(y, one.mean, each, color="white", edgecolor="black", hatch=HATCHES[goal])
                axes.annotate(
                    f"{one.mean:,.0f}  {one.kernels}",
                    (one.mean, y),
                    (4, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=6,
                    bbox={"fc": "white", "ec": "none", "pad": 0.4},
                )
        _marks(axes, network, target, at)
    axes.set_yticks(range(len(targets)), targets)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(_ends(network, list(rows.values())))
    axes.set_xlabel("instructions an inference, mean of 20 images (ATmega: cycles)")
    axes.set_title(f"Network {network.upper()}: {NETWORKS[network][0]}", fontsize=10)
    patches = [Patch(fc="white", ec="black", hatch=HATCHES[goal], label=goal) for goal in goals]
    lines = [
        Line2D([], [], color="black", ls=":", label="best peer"),
        Line2D([], [], color="black", lw=2, label="must not exceed"),
    ]
    figure.legend(handles=[*patches, *lines], loc="outside lower center", ncols=6, fontsize=7)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    text = path.read_text(encoding="utf-8")
    path.write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n", encoding="utf-8")


def _ends(network: str, counts: list[Count]) -> tuple[float, float]:
    """Return where the axis begins and ends: all bars and lines, and room for their figures."""
    shown = [one.mean for one in counts]
    lines = [float(need) for (name, _), (_, need) in PEERS.items() if name == network]
    return min(shown) / 2, max(*shown, *lines, 0.0) * 6


def _marks(axes: Any, network: str, target: str, at: int) -> None:
    ends = at - 0.48, at + 0.48
    peer = PEERS.get((network, target))
    if peer is not None:
        axes.plot([peer[1]] * 2, ends, color="black", ls=":", lw=1.2)
    for demand in DEMANDS:
        if (demand.network, demand.target) == (network, target):
            axes.plot([demand.must] * 2, ends, color="black", lw=2)
