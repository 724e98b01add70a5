"""Event streams: the smallest spiking network and the smallest GRU of equal accuracy, counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import pyexport
from pyexport.errors import PyexportError
from pyexport.ir import Array
from pyexport.runners import Measurement, open_runner
from pyexport.runners.compilers import compiler_problem
from pyexport.simulator.fast import FastSimulator
from pyexport.targets import get_target
from pyexport.verify.subject import Subject, subject_from_header
from scripts.event_streams import CHANNELS, CLASSES, STEPS
from scripts.evidence_topics.figures import Context, Figure, markdown_table

TARGETS = ("cortex-m0", "cortex-m4", "rv32imc", "atmega328p")
COUNTED = ("cortex-m0", "atmega328p")  # that the break-even is looked for on
ACCURACY, SEEDS, EPOCHS = 0.9, 2, 24
STREAMS = 20  # of the test data, that are counted
RATES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5)  # events a place, that a cost is fitted to
SIDES = (0.85, 1.15)  # of the break-even, that a run confirms
RATE_STREAMS = 12


@dataclass(frozen=True, eq=False)
class Net:
    """A trained and exported network."""

    kind: str
    width: int
    validation: float
    float_correct: float  # shares of the test streams
    exported_correct: float
    subject: Subject


@dataclass(frozen=True)
class Break:
    """Where both cost the same on one target, in events a place; None: at no rate up to 1."""

    target: str
    rate: float | None
    base: float  # what a stream without events costs the spiking network
    per_event: float
    per_spike: float
    gru: float
    sides: tuple[tuple[float, float], ...]  # rates and counted costs next to it


def temporal(context: Context) -> tuple[Figure, ...]:
    """Train both kinds over their widths, count the two that reach the accuracy; not in CI."""
    if context.short:
        return ()
    nets = _trained(context)
    counts = {
        (net.kind, target): _cheapest(net.subject, target, _streams(net.subject))
        for net in nets
        for target in TARGETS
    }
    breaks = [_break_even(context, nets, counts, target) for target in COUNTED]
    fired = _spikes(nets[0].subject, _streams(nets[0].subject))
    return (
        Figure(
            f"event streams: smallest width with {100 * ACCURACY:g} % of the validation data",
            "a spiking network and a GRU of equal accuracy, counted side by side",
            "; ".join(
                f"{net.kind} {net.width}: {100 * net.exported_correct:.1f} % of the test streams, "
                f"{counts[net.kind, 'cortex-m0'].count_mean:,.0f} instructions on Cortex-M0, "
                f"{counts[net.kind, 'atmega328p'].count_mean:,.0f} cycles on ATmega328P"
                for net in nets
            ),
            all(net.validation >= ACCURACY for net in nets),
            _table(nets, counts, fired),
        ),
        Figure(
            "break-even spike rate, derived from counts and confirmed on each side",
            "below it the spiking network is the cheaper one, above it the GRU",
            "; ".join(map(_told, breaks)),
            all(_confirmed(one) for one in breaks),
            _break_table(breaks),
        ),
    )


def _trained(context: Context) -> list[Net]:
    """Return the smallest networks of both kinds, spiking first."""
    from scripts import train_snn_events as training  # it imports torch

    nets = []
    for kind in ("snn", "gru"):
        tried: list[Any] = []
        found = training.smallest(kind, ACCURACY, SEEDS, EPOCHS, context.say, tried.append)
        best = found or max(tried, key=lambda one: one.validation)
        path = context.folder / f"events-{kind}.pt2"
        training.save(best, path)
        pyexport.export(path, context.folder, f"events_{kind}", optimize="speed")
        subject = subject_from_header(context.folder / f"events_{kind}.h")
        accuracy = subject.artifact.accuracy
        assert accuracy is not None
        shares = (
            accuracy.float_correct / accuracy.rows,
            accuracy.exported_correct / accuracy.rows,
        )
        nets.append(Net(kind, best.width, best.validation, *shares, subject))
    return nets


def _streams(subject: Subject) -> Array:
    samples = subject.artifact.samples
    assert samples is not None
    return samples.inputs[:STREAMS]


def _random_streams(rate: float, seed: int) -> Array:
    """Return streams with events anywhere."""
    random = np.random.default_rng(seed)
    return (random.random((RATE_STREAMS, STEPS * CHANNELS)) < rate).astype(np.uint8)


def _cheapest(subject: Subject, target: str, rows: Array) -> Measurement:
    """Return the cost of the build that counts least; its bytes equal the simulator's."""
    record = get_target(target)
    names = ["zig"] if record.zig_flags else []
    names += [record.gcc] if record.gcc else []
    expected = FastSimulator(subject.artifact.graph).run(rows)
    found = []
    for name in names:
        if compiler_problem(name) is not None:
            continue
        for level in ("-Os", "-O2"):
            runner = open_runner(
                target, subject.header, subject.interface, compiler=name, optimize=level, roomy=True
            )
            if not np.array_equal(runner.run(rows).outputs, expected):
                raise PyexportError(f"{subject.header}, {target}, {name}: bytes differ")
            found.append(runner.measure(rows))
    return min(found, key=lambda one: float(one.count_mean))


def _spikes(subject: Subject, rows: Array) -> float:
    """Return how many spikes the hidden neurons fire in a stream, on average."""
    graph = subject.artifact.graph
    hidden = next(node for node in graph.nodes if node.op.kind == "quantized_lif")
    values, _ = FastSimulator(graph).values(rows)
    return float(values[hidden.outputs[0]].sum()) / len(rows)


def _break_even(
    context: Context, nets: list[Net], counts: dict[tuple[str, str], Measurement], target: str
) -> Break:
    """Fit a cost to events and spikes, solve for the rate, and count on each side of it."""
    subject = nets[0].subject
    gru = float(counts["gru", target].count_mean)
    lines, costs = [], []
    for number, rate in enumerate(RATES):
        rows = _random_streams(rate, number)
        context.say(f"{target}: {rate:g} events a place")
        costs.append(float(_cheapest(subject, target, rows).count_mean))
        lines.append((1.0, float(rows.sum()) / len(rows), _spikes(subject, rows)))
    base, per_event, per_spike = map(float, np.linalg.lstsq(np.array(lines), costs, rcond=None)[0])

    def estimate(rate: float) -> float:
        rows = _random_streams(rate, 99)
        events = float(rows.sum()) / len(rows)
        return base + per_event * events + per_spike * _spikes(subject, rows)

    found = _solve(estimate, gru)
    sides = (0.0, 1.0) if found is None else tuple(min(found * side, 1.0) for side in SIDES)
    counted = tuple(
        (rate, float(_cheapest(subject, target, _random_streams(rate, 50)).count_mean))
        for rate in sides
    )
    return Break(target, found, base, per_event, per_spike, gru, counted)


def _solve(estimate: Callable[[float], float], wanted: float) -> float | None:
    """Return the rate in 0..1 at which the estimate passes `wanted`, to 0.001; None if it never."""
    low, high = 0.0, 1.0
    if not estimate(low) < wanted < estimate(high):
        return None
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (middle, high) if estimate(middle) < wanted else (low, middle)
    return (low + high) / 2


def _confirmed(one: Break) -> bool:
    """Return whether the runs next to the break-even are on the sides where they should be."""
    (_, below), (_, above) = one.sides
    if one.rate is not None:
        return below < one.gru < above
    return (below < one.gru) == (above < one.gru)


def _told(one: Break) -> str:
    if one.rate is not None:
        return f"{one.target}: {one.rate:.3f} events a place"
    cheaper = "spiking network" if one.sides[1][1] < one.gru else "GRU"
    return f"{one.target}: none, the {cheaper} is cheaper at 0 and at 1 event a place"


def _table(
    nets: list[Net], counts: dict[tuple[str, str], Measurement], fired: float
) -> tuple[str, ...]:
    lines = []
    for net in nets:
        events = float(_streams(net.subject).sum()) / STREAMS
        if net.kind == "snn":
            adds = events * net.width + fired * CLASSES
            work = f"{adds:,.0f} adds, {STEPS * (net.width + CLASSES):,} neuron updates"
        else:
            macs = STEPS * 3 * net.width * (CHANNELS + net.width) + net.width * CLASSES
            work = f"{macs:,} multiplications"
        lines.append(
            (
                f"{net.kind}, {net.width} neurons",
                f"{100 * net.float_correct:.2f} / {100 * net.exported_correct:.2f} %",
                f"{events:.1f} + {fired:.1f}" if net.kind == "snn" else f"{events:.1f}",
                work,
                *(f"{counts[net.kind, target].count_mean:,.0f}" for target in TARGETS),
                f"{counts[net.kind, 'atmega328p'].flash_bytes:,}",
            )
        )
    header = ("network", "float / int8", "events + spikes", "a stream takes", *TARGETS, "AVR flash")
    return (
        f"A stream has {STEPS} steps of {CHANNELS} channels; {STREAMS} test streams are counted "
        "with the best of the compilers and levels: instructions, on ATmega328P cycles.",
        "",
        *markdown_table(header, lines),
    )


def _break_table(breaks: list[Break]) -> tuple[str, ...]:
    lines = [
        (
            one.target,
            f"{one.base:,.0f}",
            f"{one.per_event:,.1f}",
            f"{one.per_spike:,.1f}",
            f"{one.gru:,.0f}",
            *(f"{cost:,.0f} at {rate:.3f}" for rate, cost in one.sides),
        )
        for one in breaks
    ]
    header = ("target", "no events", "an event", "a spike", "the GRU", "one side", "other side")
    return (
        "What a stream costs the spiking network is fitted to counts of random streams of "
        f"{len(RATES)} rates; the sides are counted.",
        "",
        *markdown_table(header, lines),
    )
