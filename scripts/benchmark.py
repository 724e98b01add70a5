#!/usr/bin/env python3
"""Counts what networks cost on emulated chips: python scripts/benchmark.py [--check].

Instructions come from unicorn and cycles of AVR from simavr; both are exact, so that a figure that
grows is no noise. Every header's bytes are compared with the simulator first. Without --check the
figures are written to docs/evidence/kernels.json and benchmark.md, the previous ones beside them,
and plots to docs/images. A count whose C and compilers are those of a stored one is not made again.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pyexport.errors import PyexportError
from scripts.benchmark_counts import (
    TARGETS,
    VARIANTS,
    Count,
    by_sameness,
    compiler_versions,
    count,
)
from scripts.benchmark_models import NETWORKS, load_network
from scripts.benchmark_others import Peer, count_peer, emlearn_peer, plain_peer
from scripts.benchmark_page import markdown
from scripts.benchmark_peers import PeerCount
from scripts.benchmark_plots import plot

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "evidence"
MAX_GROWTH = 1.02  # of a count, before --check fails


def grown(counts: list[Count], before: dict[str, Any]) -> list[str]:
    """Return what now costs over 2 % more than a compiler that is here made of it, a line each."""
    lines = []
    for one in counts:
        old = before.get(one.key)
        if old is None:
            continue
        version, _, _ = old["compiler"].rpartition(" ")  # the level is behind it
        if old["compiler"] != one.compiler and version not in compiler_versions(one.target):
            continue
        for field in ("mean", "worst"):
            if getattr(one, field) > old[field] * MAX_GROWTH:
                lines.append(f"{one.key}: {field} {old[field]:,} -> {getattr(one, field):,}")
    return lines


def main() -> int:
    """Count, print and store; returns 1 if --check finds a count that grew."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("networks", nargs="*", default=list(NETWORKS), help="a, b, b4, c")
    parser.add_argument("--targets", nargs="+", default=list(TARGETS))
    parser.add_argument("--goals", nargs="+", default=[goal for goal, _ in VARIANTS])
    parser.add_argument("--kernel", action="append", default=[], help="take it where it matches")
    parser.add_argument("--peers", action="store_true", help="count plain int8 C, nothing of ours")
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="NAME[=FOLDER]",
        help="count another library: emlearn, or any whose NAME.h of each network lies in FOLDER",
    )
    parser.add_argument("--check", action="store_true", help="fail if a count grew; write nothing")
    parser.add_argument("--fresh", action="store_true", help="count again what is known")
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder of the two files")
    arguments = parser.parse_args()
    if arguments.peers or arguments.peer:
        return count_peers(arguments)
    path = arguments.output / "kernels.json"
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known = {} if arguments.fresh or arguments.check else by_sameness(before)
    counts: list[Count] = []
    for name in arguments.networks:
        network = load_network(name)
        for target in arguments.targets:
            for goal, lanes in VARIANTS:
                if goal not in arguments.goals:
                    continue
                try:
                    one = count(network, target, goal, lanes, tuple(arguments.kernel), known)
                except PyexportError as error:
                    print(f"{name} {target} {goal}: {error}", file=sys.stderr)
                    continue
                counts.append(one)
                known[one.same] = asdict(one)
                print(f"{one.key}: {one.mean:,.0f} {one.unit}, worst {one.worst:,}", flush=True)
    if arguments.check:
        problems = grown(counts, before)
        for line in problems:
            print(f"GREW: {line}", file=sys.stderr)
        return 1 if problems else 0
    publish(counts, before, arguments.output)
    return 0


def count_peers(arguments: argparse.Namespace) -> int:
    """Count other implementations, and add them to the page."""
    found = _peers(arguments.output)
    with tempfile.TemporaryDirectory(prefix="pyexport-") as folder:
        for name in arguments.networks:
            network = load_network(name)
            peers = [plain_peer(network, Path(folder) / f"plain-{name}")] if arguments.peers else []
            for text in arguments.peer:
                title, _, given = text.partition("=")
                peer = (
                    Peer(title, Path(given))
                    if given
                    else emlearn_peer(network, Path(folder) / f"emlearn-{name}")
                )
                peers += [peer] if peer is not None else []
            for peer in peers:
                for target in arguments.targets:
                    try:
                        one = count_peer(network, target, peer)
                    except PyexportError as error:
                        print(f"{name} {target} {peer.name}: {error}", file=sys.stderr)
                        continue
                    found[one.network, one.target, one.peer] = one
                    print(f"{name} {target} {peer.name}: {one.mean:,.0f}", flush=True)
    text = json.dumps([asdict(one) for one in found.values()], indent=1) + "\n"
    (arguments.output / "peers.json").write_text(text, encoding="utf-8")
    path = arguments.output / "kernels.json"
    publish([], json.loads(path.read_text(encoding="utf-8")), arguments.output)
    return 0


def _peers(folder: Path) -> dict[tuple[str, str, str], PeerCount]:
    path = folder / "peers.json"
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return {(one["network"], one["target"], one["peer"]): PeerCount(**one) for one in stored}


def publish(counts: list[Count], before: dict[str, Any], folder: Path) -> None:
    """Write counts, those before that were not made again, the page and the plots."""
    after = {**before, **{one.key: asdict(one) for one in counts}}
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(after, indent=1, sort_keys=True) + "\n"
    (folder / "kernels.json").write_text(text, encoding="utf-8")
    shown = [Count(**after[key]) for key in _ordered(after)]
    (folder / "benchmark.md").write_text(
        markdown(shown, before, list(_peers(folder).values())), encoding="utf-8"
    )
    for name in dict.fromkeys(one.network for one in shown):
        plot(name, shown, folder.parent / "images" / f"kernels-{name}.svg")


def _ordered(counts: dict[str, Any]) -> list[str]:
    """Return the keys in the order of networks, targets and variants."""
    goals = [goal for goal, _ in VARIANTS]

    def place(key: str) -> tuple[int, int, int, str]:
        one = counts[key]
        targets = list(TARGETS)
        return (
            list(NETWORKS).index(one["network"]),
            targets.index(one["target"]) if one["target"] in targets else len(targets),
            goals.index(one["goal"]),
            one.get("wanted", ""),
        )

    return sorted(counts, key=place)


if __name__ == "__main__":
    sys.exit(main())
