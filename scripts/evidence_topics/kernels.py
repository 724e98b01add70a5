"""Kernels: counts of the frozen networks against those of other libraries, and the cost tables."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from typing import Any

from pyexport.errors import PyexportError
from scripts.benchmark import FOLDER, publish
from scripts.benchmark_counts import TARGETS, VARIANTS, Count, by_sameness, count
from scripts.benchmark_models import NETWORKS, load_network
from scripts.evidence_topics import kernel_costs
from scripts.evidence_topics.figures import Context, Figure, Task, Topic
from scripts.evidence_topics.kernel_figures import PORTABLE_NAME, figures_of

# networks, targets -> counted without assembly too, where something else is best
PLAIN_C = (("a", "cortex-m0"), ("b", "cortex-m0"), ("b", "cortex-m4"))
SHORT = (("a", "cortex-m4"), ("a", "atmega328p"))  # counted in CI, with one goal


def _count(context: Context, network: str, target: str) -> tuple[Figure, ...]:
    """Count a network on a target with every goal, and keep the counts for the summary.

    CI counts two again whatever is known; else the same C of the same compilers is not counted
    again, so that a long run that was interrupted goes on.
    """
    if context.short and (network, target) not in SHORT:
        return ()
    path = _path(context, network, target)
    stored = _stored(path)
    known = {} if context.short else by_sameness(_published(), stored)
    found: dict[str, Any] = {}
    variants: list[tuple[str, int, tuple[str, ...]]] = [(*v, ()) for v in VARIANTS]
    if context.short:
        variants = [v for v in variants if v[0] == "speed"]
    elif (network, target) in PLAIN_C:
        variants.append(("speed", 16, (PORTABLE_NAME,)))
    model = load_network(network)
    for goal, lanes, wanted in variants:
        try:
            one = count(model, target, goal, lanes, wanted, known)
        except PyexportError as error:  # no kernel computes it there, say
            context.say(f"{network} {target} {goal}: {error}")
            continue
        found[one.key] = known[one.same] = asdict(one)
        path.write_text(json.dumps({**stored, **found}), encoding="utf-8")
    path.write_text(json.dumps(found), encoding="utf-8")
    return ()


def _path(context: Context, network: str, target: str) -> Any:
    part = "-short" if context.short else ""
    return context.folder / f"kernels-{network}-{target}{part}.json"


def _stored(path: Any) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _published() -> dict[str, Any]:
    return _stored(FOLDER / "kernels.json")


def _summary(context: Context) -> tuple[Figure, ...]:
    """Hold every count against what is demanded, and against the published counts."""
    counts = [
        Count(**one)
        for network in NETWORKS
        for target in TARGETS
        for one in _stored(_path(context, network, target)).values()
    ]
    before = _published()
    if context.short or not counts:  # not at hand: the published ones stand in
        mine = {one.key for one in counts}
        counts += [Count(**one) for key, one in before.items() if key not in mine]
    figures = figures_of(counts, before)
    changed = any(before.get(one.key) != asdict(one) for one in counts)
    if changed and not context.short:  # else the page keeps the figures before the last ones
        publish(counts, before, FOLDER)
    return figures


KERNEL_COUNTS = Topic(
    name="kernels",
    title="Kernels",
    introduction=(
        "Three frozen networks on emulated chips ([all counts, and plots](benchmark.md)), held "
        "against what other libraries were counted to need; and [the tables of costs]"
        "(../kernels.md). A whole run takes about 20 minutes of one core where nothing is known, "
        "training of the example models not included; it goes on where it was interrupted, and "
        "does not count again what the same compilers made of the same C. What misses is said."
    ),
    tasks=(
        *(
            Task(f"{network} {target}", partial(_count, network=network, target=target))
            for network in NETWORKS
            for target in TARGETS
        ),
        Task("summary", _summary, sums_up=True),
        *kernel_costs.tasks(),
    ),
)
