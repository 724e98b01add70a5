"""Inputs grown from black and from noise, and near a start, with foolbox beside the latter."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from pyexport.gradients import of_graph
from pyexport.ir import Array
from pyexport.pairing import firmware, load_pair
from pyexport.verify.generated import GenerateOptions, generate
from pyexport.verify.near import near_starts
from pyexport.verify.pair import Pair, judge
from pyexport.verify.starts import Starts, choose_starts
from scripts.evidence_topics.figures import Context, Figure
from scripts.evidence_topics.hunting_foolbox import foolbox_model, import_foolbox, run_foolbox
from scripts.evidence_topics.hunting_networks import DIGITS, Network

NAMES = ("float", "integer", "firmware")
COMPOSITE, COMPOSITE_SECONDS = 1_000, 30.0  # inputs a class, and what all classes may take


def from_black(context: Context, network: Network = DIGITS) -> tuple[Figure, ...]:
    """Grow each class from black, and turn zeros into eights."""
    pair, exported = load_pair(network.trained(context))
    with firmware(exported) as runner:
        made = generate(pair, of_graph(pair.graph), runner, GenerateOptions(composite=0))
        starts = _starts(pair, 20, start=0, target=8)
        found = near_starts(pair, of_graph(pair.graph), starts.rows, starts.targets)
        eights = judge(pair, found.rows, runner)
    targets = np.arange(10)
    reached = [int(10 * made.optimal.share(targets, name) + 0.5) for name in NAMES]
    turned = [int((getattr(eights, f"{n}_classes") == 8).sum()) for n in NAMES]
    wrong, pictured = made.wrong_rows + eights.wrong_rows, network is DIGITS
    return (
        Figure(
            f"black to each digit, on float, simulator and firmware{network.title}",
            "10 of 10 classes on each",
            f"{reached[0]}, {reached[1]} and {reached[2]} of 10; {wrong} rows differ",
            reached == [10, 10, 10] and wrong == 0,
        ),
        Figure(
            f"a 0 becomes an 8, on float, simulator and firmware{network.title}",
            "every start",
            f"{turned[0]}, {turned[1]} and {turned[2]} of {len(found.rows)} starts",
            turned == [len(found.rows)] * 3,
            ("![Six zeros and their eights](../images/digits-attack.png)",) if pictured else (),
        ),
    )


def composites(context: Context, network: Network = DIGITS) -> tuple[Figure, ...]:
    """Grow inputs of each class from noise."""
    count = 200 if context.short else COMPOSITE
    pair, exported = load_pair(network.trained(context))
    model = of_graph(pair.graph, np.float32)
    with firmware(exported) as runner:
        runner.run(pair.integers(pair.limits[0][None]))  # compiled before the clock starts
        started = _seconds()
        made = generate(pair, model, runner, GenerateOptions(composite=count))
        seconds = _seconds() - started
    shares = [_share(getattr(made.grown, f"{n}_classes"), made.grown_targets) for n in NAMES]
    means = [getattr(made.means, f"{n}_classes") == np.arange(10) for n in NAMES]
    right = int(np.all(means, axis=0).sum())
    holds = right == 10 and min(shares) == 1.0 and seconds < COMPOSITE_SECONDS
    return (
        Figure(
            f"composites of {COMPOSITE:,} inputs a class, grown from noise{network.title}",
            "every input, and the mean of each class, is of its class on each; ten classes under "
            f"{COMPOSITE_SECONDS:.0f} s",
            f"{right} of 10 means; {100 * shares[0]:.1f} %, {100 * shares[1]:.1f} % and "
            f"{100 * shares[2]:.1f} % of {len(made.grown_targets):,} inputs on float, simulator "
            f"and firmware; {seconds:.1f} s",
            holds and made.wrong_rows == 0,
            ("![Means of the inputs of each class](../images/digits-composites.png)",)
            if network is DIGITS
            else (),
        ),
    )


def near(context: Context, network: Network = DIGITS) -> tuple[Figure, ...]:
    """Attack starts, and compare the distances with foolbox's DDN on the float model."""
    path = network.trained(context)
    pair, _ = load_pair(path)
    starts = _starts(pair, 50 if context.short else network.starts)
    found = near_starts(pair, of_graph(pair.graph), starts.rows, starts.targets)
    by_integer = pair.integer_classes(found.rows) == starts.targets
    theirs = _ddn(pair, network.module(pair, path), pair.real(starts.rows), starts.targets)
    distance = float(np.median(found.distance[by_integer]))
    ratio = distance / theirs
    return (
        Figure(
            f"near-start targeted attack, {network.starts} starts, on the integer model"
            + network.title,
            "at least 95 % succeed",
            f"{100 * by_integer.mean():.1f} % of {len(by_integer)}",
            bool(by_integer.mean() >= 0.95),
        ),
        Figure(
            f"its median L2 distance, beside foolbox's DDN on the float model{network.title}",
            "at most 1.1 times",
            f"{ratio:.2f} times ({distance:.2f} on legal inputs, {theirs:.2f} on real ones)",
            ratio <= 1.1,
        ),
    )


def _seconds() -> float:
    """Return the processor's time of this process and of the firmware that it ran."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _share(classes: Array, targets: Array) -> float:
    return float((classes == targets).mean())


def _starts(pair: Pair, count: int, **which: int) -> Any:
    samples = pair.artifact.samples
    assert samples is not None  # the training script stores its test images
    return choose_starts(pair, samples.inputs, samples.targets, count=count, **which)


def _ddn(pair: Pair, module: Any, rows: Array, targets: Array) -> float:
    """Return the median L2 distance of foolbox's DDN, of the starts on which it succeeds."""
    foolbox = import_foolbox()
    model = foolbox_model(foolbox, module, pair)
    starts = Starts(rows, targets, targets)
    return run_foolbox(
        foolbox, model, foolbox.attacks.DDNAttack(steps=1_000), rows, starts, True
    ).median
