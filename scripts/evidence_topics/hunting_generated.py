"""Inputs grown from black and from noise, and near a start, with foolbox beside the latter."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from pyexport.gradients import of_graph
from pyexport.ir import Array
from pyexport.pairing import firmware, load_pair
from pyexport.verify.generated import GenerateOptions, generate
from pyexport.verify.near import near_starts
from pyexport.verify.pair import Pair, judge
from pyexport.verify.starts import Starts, choose_starts
from scripts.evidence_topics.digits import trained
from scripts.evidence_topics.figures import Context, Figure
from scripts.evidence_topics.hunting_foolbox import (
    foolbox_model,
    import_foolbox,
    mlp_of,
    run_foolbox,
)

NAMES = ("float", "integer", "firmware")


def from_black(context: Context) -> tuple[Figure, ...]:
    """Grow each class from black, and turn zeros into eights."""
    pair, exported = load_pair(trained(context))
    with firmware(exported) as runner:
        made = generate(pair, of_graph(pair.graph), runner, GenerateOptions(composite=0))
        starts = _starts(pair, 20, start=0, target=8)
        found = near_starts(pair, of_graph(pair.graph), starts.rows, starts.targets)
        eights = judge(pair, found.rows, runner)
    targets = np.arange(10)
    reached = [int(10 * made.optimal.share(targets, name) + 0.5) for name in NAMES]
    turned = [int((getattr(eights, f"{n}_classes") == 8).sum()) for n in NAMES]
    wrong = made.wrong_rows + eights.wrong_rows
    return (
        Figure(
            "black to each digit, on float, simulator and firmware",
            "10 of 10 classes on each",
            f"{reached[0]}, {reached[1]} and {reached[2]} of 10; {wrong} rows differ",
            reached == [10, 10, 10] and wrong == 0,
        ),
        Figure(
            "a 0 becomes an 8, on float, simulator and firmware",
            "every start",
            f"{turned[0]}, {turned[1]} and {turned[2]} of {len(found.rows)} starts",
            turned == [len(found.rows)] * 3,
            ("![Six zeros and their eights](../images/digits-attack.png)",),
        ),
    )


def composites(context: Context) -> tuple[Figure, ...]:
    """Grow 1,000 inputs a class from noise."""
    count = 200 if context.short else 1_000
    pair, exported = load_pair(trained(context))
    with firmware(exported) as runner:
        runner.run(pair.integers(pair.limits[0][None]))  # compiled before the clock starts
        started = time.perf_counter()
        made = generate(pair, of_graph(pair.graph), runner, GenerateOptions(composite=count))
        seconds = time.perf_counter() - started
    shares = [_share(getattr(made.grown, f"{n}_classes"), made.grown_targets) for n in NAMES]
    means = [getattr(made.means, f"{n}_classes").tolist() == list(range(10)) for n in NAMES]
    return (
        Figure(
            "composites of 1,000 inputs a class, grown from noise",
            "the mean of each class is of its class on float and simulator; ten under 30 s",
            f"{'all' if all(means) else 'not all'} means; inputs {100 * shares[0]:.1f} %, "
            f"{100 * shares[1]:.1f} %, firmware {100 * shares[2]:.1f} %; {seconds:.1f} s",
            all(means) and seconds < 30.0 and made.wrong_rows == 0,
            ("![Means of the inputs of each class](../images/digits-composites.png)",),
        ),
    )


def near(context: Context) -> tuple[Figure, ...]:
    """Attack 200 starts, and compare the distances with foolbox's DDN on the float model."""
    pair, _ = load_pair(trained(context))
    starts = _starts(pair, 50 if context.short else 200)
    found = near_starts(pair, of_graph(pair.graph), starts.rows, starts.targets)
    by_integer = pair.integer_classes(found.rows) == starts.targets
    theirs = _ddn(pair, pair.real(starts.rows), starts.targets)
    distance = float(np.median(found.distance[by_integer]))
    ratio = distance / theirs
    return (
        Figure(
            "near-start targeted attack, 200 starts, on the integer model",
            "at least 95 % succeed",
            f"{100 * by_integer.mean():.1f} % of {len(by_integer)}",
            bool(by_integer.mean() >= 0.95),
        ),
        Figure(
            "its median L2 distance, beside foolbox's DDN on the float model",
            "at most 1.1 times",
            f"{ratio:.2f} times ({distance:.2f} on legal inputs, {theirs:.2f} on real ones)",
            ratio <= 1.1,
        ),
    )


def _share(classes: Array, targets: Array) -> float:
    return float((classes == targets).mean())


def _starts(pair: Pair, count: int, **which: int) -> Any:
    samples = pair.artifact.samples
    assert samples is not None  # the training script stores its test images
    return choose_starts(pair, samples.inputs, samples.targets, count=count, **which)


def _ddn(pair: Pair, rows: Array, targets: Array) -> float:
    """Return the median L2 distance of foolbox's DDN, of the starts on which it succeeds."""
    foolbox = import_foolbox()
    model = foolbox_model(foolbox, mlp_of(pair), pair)
    starts = Starts(rows, targets, targets)
    return run_foolbox(
        foolbox, model, foolbox.attacks.DDNAttack(steps=1_000), rows, starts, True
    ).median
