"""Spiking networks from PyTorch: snnTorch spike for spike, and the digits in each encoding."""

from __future__ import annotations

import statistics
from pathlib import Path

import pyexport
from pyexport.runners import open_runner
from pyexport.runners.compilers import compiler_problem
from pyexport.targets import get_target
from pyexport.verify import subject_from_header
from scripts.evidence_topics.figures import Context, Figure, markdown_table
from scripts.evidence_topics.spiking_equality import equality

NETS, SHORT_NETS = 100, 2
SEEDS = (0, 1, 2)
DIRECT, SAME_CLASS, LATENCY = 97.0, 99.5, 95.5  # percent
NO_MULTIPLIER = "rv32ec"


def snntorch(context: Context) -> tuple[Figure, ...]:
    """Compare random networks of snnTorch with ours in every mode of reset."""
    from scripts.compare_snntorch import compare  # it imports torch

    nets = SHORT_NETS if context.short else NETS
    rows = compare(nets)
    lines = [
        (
            row.neurons,
            row.reset,
            "next step" if row.reset_delay else "same step",
            f"{row.compared:,}",
            f"{row.fired:,}",
            str(row.differ),
            str(row.membranes),
            str(row.reference),
        )
        for row in rows
    ]
    wrong = sum(row.differ + row.membranes + row.reference for row in rows)
    header = (
        *("neurons", "reset", "in the", "compared", "spikes", "spikes differ (float32)"),
        *("membranes differ (float32)", "spikes differ (float64 reference)"),
    )
    return (
        Figure(
            "snnTorch = pyexport.snn = float reference, all reset modes, 40 steps x 50 neurons",
            f"0 spikes differ, {NETS} random networks a mode"
            + f" ({SHORT_NETS}: short form)" * context.short,
            f"{wrong} spikes or membranes differ, {nets} networks in each of {len(rows)} modes",
            wrong == 0,
            markdown_table(header, lines),
        ),
    )


def digits(context: Context) -> tuple[Figure, ...]:
    """Train the digits in each encoding, three seeds each, and export them; not in CI."""
    if context.short:
        return ()
    from scripts.train_snn_digits import TASKS, train_all  # it imports torch

    folder = _folder(context)
    results = train_all(list(TASKS), list(SEEDS), folder, quiet=True, epochs=None)
    lines = [
        (
            one.encoding,
            str(one.seed),
            f"{one.accuracy:.2f} %",
            f"{one.int8:.2f} %",
            f"{one.same_class:.2f} %",
            f"{one.input_events:.1f}",
            f"{one.hidden_spikes:.1f}",
            f"{one.multiplications:,}",
            f"{one.additions:,.0f}",
            f"{one.updates:,}",
        )
        for one in results
    ]

    def mean(encoding: str, name: str) -> float:
        return statistics.mean(float(getattr(r, name)) for r in results if r.encoding == encoding)

    calls = _calls(context)
    direct, same, latency = (
        mean("direct", "int8"),
        mean("direct", "same_class"),
        mean("latency", "int8"),
    )
    header = (
        *("encoding", "seed", "float", "int8", "same class", "input events", "hidden spikes"),
        *("multiplications", "additions", "membrane updates"),
    )
    return (
        Figure(
            "digits, direct encoding, T = 4, int8, mean of three seeds",
            f"at least {DIRECT:g} %; same class as float on at least {SAME_CLASS} %",
            f"{direct:.2f} %; {same:.2f} %",
            direct >= DIRECT and same >= SAME_CLASS,
            markdown_table(header, lines),
        ),
        Figure(
            "digits, latency encoding, T = 10, int8, mean of three seeds",
            f"at least {LATENCY} %; nothing calls a multiplication on a core without one",
            f"{latency:.2f} %; on {NO_MULTIPLIER} "
            + "; ".join(f"{name}: {detail}" for name, detail in calls),
            latency >= LATENCY and bool(calls) and not any("__mul" in d for _, d in calls),
        ),
    )


def equal(context: Context) -> tuple[Figure, ...]:
    """Compare spikes and membranes of the digits' and the streams' networks everywhere."""
    folder = _folder(context)
    if context.short:  # two epochs are enough to fire
        from scripts.train_snn_digits import train_all

        train_all(["direct", "latency"], [0], folder, quiet=True, epochs=2)
    names = ("direct", "latency") if context.short else ("direct", "rate", "latency")
    models = [(f"digits, {name}", folder / f"digits_{name}_0.pt2") for name in names]
    if not context.short:
        models.append(("event streams", context.folder / "events-snn.pt2"))
    return equality(context, tuple(models))


def _folder(context: Context) -> Path:
    folder = context.folder / "snn"
    folder.mkdir(exist_ok=True)
    return folder


def _calls(context: Context) -> list[tuple[str, str]]:
    """Return what the latency network calls on a core without a multiplier, by compiler."""
    pyexport.export(_folder(context) / "digits_latency_0.pt2", context.folder, "snn_latency")
    subject = subject_from_header(context.folder / "snn_latency.h")
    record = get_target(NO_MULTIPLIER)
    names = ["zig"] if record.zig_flags else []
    names += [record.gcc] if record.gcc else []
    found = []
    for name in names:
        if compiler_problem(name) is None:
            runner = open_runner(NO_MULTIPLIER, subject.header, subject.interface, compiler=name)
            found += [(name, f.detail) for f in runner.check() if f.name == "helpers"]
    return found
