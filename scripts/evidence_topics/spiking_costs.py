"""Holds `inspect --cost` of spiking networks against the emulators."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import pyexport
from scripts.cost_cases.measure import SPIKING_TARGETS
from scripts.evidence_topics.figures import Context, Figure, markdown_table
from scripts.evidence_topics.kernel_costs import MEAN_LIMIT, WORST_LIMIT, compared, quantized

PRICELESS = ("cortex-m0", "rv32ec", "atmega328p")  # where spiking kernels have no price
GOALS = ("size", "speed")
NETS = (  # as the tasks before this one leave them
    ("digits, direct", Path("snn/digits_direct_0.pt2")),
    ("digits, rate", Path("snn/digits_rate_0.pt2")),
    ("digits, latency", Path("snn/digits_latency_0.pt2")),
    ("event streams", Path("events-snn.pt2")),
    ("moons, from scratch", Path("snn-moons.pt")),
)


def prices(context: Context) -> tuple[Figure, ...]:
    """Compare estimates with counts: every network on every chip, in the short form the moons."""
    lines = []
    errors: dict[str, list[float]] = {target: [] for target in SPIKING_TARGETS}
    priceless = set()
    for name, path in NETS[-1:] if context.short else NETS:
        model = pyexport.load(context.folder / path)
        for goal in GOALS:
            artifact = quantized(model, goal, 32)
            for target in (*SPIKING_TARGETS, *PRICELESS):
                one = compared(artifact, model.metadata, target)
                if one.error is None:
                    priceless.add(target)
                    continue
                errors.setdefault(target, []).append(one.error)
                lines.append(
                    (f"{name}, {goal}", target, f"{one.counted:,.0f}", f"{one.estimated:,.0f}",
                     f"{one.error:+.1f} %")
                )  # fmt: skip
    means = {target: float(np.mean(np.abs(found))) for target, found in errors.items() if found}
    worst = {target: float(np.max(np.abs(found))) for target, found in errors.items() if found}
    text = "; ".join(
        f"{target}: mean {means[target]:.1f} %, worst {worst[target]:.1f} %" for target in means
    )
    text += f", {len(lines)} exports; no price on {', '.join(sorted(priceless))}"
    within = all(one <= MEAN_LIMIT for one in means.values()) or context.short
    return (
        Figure(
            f"prices of spiking kernels against the emulator: {', '.join(SPIKING_TARGETS)}",
            f"on each mean within {MEAN_LIMIT:.0f} %, worst within {WORST_LIMIT:.0f} %"
            + ": short form, the moons alone, and their worst" * context.short,
            text,
            within
            and set(means) == set(SPIKING_TARGETS)
            and max(worst.values()) <= WORST_LIMIT
            and priceless == set(PRICELESS),
            markdown_table(("network, goal", "target", "counted", "estimated", "error"), lines),
        ),
    )
