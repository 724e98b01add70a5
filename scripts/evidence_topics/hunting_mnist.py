"""The same on a convolutional network: LeNet-5 on MNIST, whose input is the raw byte, 0 to 255."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np

from pyexport.gradients import ValueAndGradient, of_torch
from pyexport.ir import Array
from pyexport.pairing import firmware, load_pair
from pyexport.verify.generated import GenerateOptions, generate
from pyexport.verify.goal import Goal
from pyexport.verify.hunt import hunt_classes, search_randomly
from pyexport.verify.minimal import MinimalOptions, minimal
from pyexport.verify.pair import Pair, judge
from pyexport.verify.starts import choose_starts
from scripts.evidence_topics.example_files import trained_example
from scripts.evidence_topics.figures import Context, Figure, markdown_table
from scripts.evidence_topics.hunting_foolbox import foolbox_model, import_foolbox, run_foolbox

SHAPE = (1, 28, 28)
DDN_STEPS = 300


def mnist(context: Context) -> tuple[Figure, ...]:
    """Grow digits from black, attack starts, and hunt; the short form trains no LeNet."""
    if context.short:
        return ()
    import torch

    from scripts.example_models.networks import lenet

    torch.set_num_threads(1)
    example = trained_example(context, "lenet_mnist")
    net = lenet()
    net.load_state_dict(torch.export.load(example.path).state_dict)  # our own file
    pair, exported = load_pair(example.path)
    model = of_torch(net, SHAPE)
    rows = example.test.inputs[:2_000].reshape(2_000, -1).astype(np.float64)
    known, truth = pair.integers(rows), example.test.targets[:2_000]
    with firmware(exported) as runner:
        made = generate(pair, model, runner, GenerateOptions(composite=0))
        black = _black(made)
        near = _near(pair, model, net, known, truth, runner)
    return (black, *near, _hunted(pair, model, known))


def _black(made: Any) -> Figure:
    names = ("float", "integer", "firmware")
    reached = [round(10 * made.optimal.share(np.arange(10), name)) for name in names]
    return Figure(
        "LeNet-5 on MNIST: black to each digit, on float, simulator and firmware",
        "10 of 10 classes on each",
        f"{reached[0]}, {reached[1]} and {reached[2]} of 10; {made.wrong_rows} rows differ",
        reached == [10, 10, 10] and made.wrong_rows == 0,
    )


def _near(
    pair: Pair, model: ValueAndGradient, net: Any, known: Array, truth: Array, runner: Any
) -> tuple[Figure, ...]:
    starts = choose_starts(pair, known, truth, count=200)
    goal = Goal(pair, starts.targets, on="integer")
    found = minimal(goal, model, starts.rows, MinimalOptions(DDN_STEPS, shrink=False), pool=known)
    verdicts = judge(pair, found.rows, runner)
    assert verdicts.firmware_classes is not None  # a runner judged
    share = float((verdicts.firmware_classes == starts.targets).mean())
    foolbox = import_foolbox()
    there = foolbox_model(foolbox, net, pair)
    real = pair.real(starts.rows).reshape(-1, *SHAPE)
    attack = foolbox.attacks.DDNAttack(steps=DDN_STEPS)
    theirs = run_foolbox(foolbox, there, attack, real, starts, True)
    ratio = found.median / theirs.median
    return (
        Figure(
            "LeNet-5 on MNIST: near-start targeted, 200 starts, on the integer model and firmware",
            "at least 95 % succeed",
            f"{100 * found.share:.1f} %, firmware {100 * share:.1f} %; {verdicts.wrong_rows} rows "
            "differ",
            found.share >= 0.95 and share == found.share and verdicts.wrong_rows == 0,
        ),
        Figure(
            "its median L2 distance, beside foolbox's DDN on the float model of LeNet-5",
            "at most 1.1 times",
            f"{ratio:.2f} times ({found.median:.0f} on legal bytes, {theirs.median:.0f} on real "
            "numbers)",
            ratio <= 1.1,
        ),
    )


def _hunted(pair: Pair, model: ValueAndGradient, known: Array) -> Figure:
    ratios, lines = [], []
    for seed in range(3):
        hunted = hunt_classes(pair, model, known[:500], 5_000, seed)
        chance = search_randomly(pair, 1 << 30, 10_000, seed)
        at_least = max(len(chance.rows), 1) / chance.seconds  # none at all counts as one
        ratios.append(hunted.rate / at_least)
        lines.append(
            (
                str(seed), f"{len(hunted.rows):,}",
                f"{100 * len(hunted.rows) / hunted.tried:.1f} %", f"{hunted.rate:,.0f}",
                f"{len(chance.rows)} of {chance.tried:,}", f"{chance.rate:,.2f}",
            )
        )  # fmt: skip
    ratio = statistics.median(ratios)
    header = ("seed", "found", "of tried", "a second", "random found", "a second")
    return Figure(
        "LeNet-5 on MNIST: distinct disagreements a second, hunt against uniform random",
        "at least 15 times",
        f"{ratio:.0f} times (median of 3 runs, least {min(ratios):.0f})",
        ratio >= 15.0,
        markdown_table(header, lines),
    )
