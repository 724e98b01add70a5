"""Our attacks beside foolbox's, on the float digits network, with equal steps and distances."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyexport.gradients import of_graph
from pyexport.ir import Array, FloatArray
from pyexport.pairing import load_pair
from pyexport.verify.ball import Ball
from pyexport.verify.bounded import PGDOptions, fgsm, pgd
from pyexport.verify.goal import Attacked, Goal
from pyexport.verify.minimal import MinimalOptions, minimal
from pyexport.verify.pair import Pair
from pyexport.verify.starts import Starts, choose_starts
from scripts.evidence_topics.digits import trained
from scripts.evidence_topics.figures import Context, Figure, markdown_table
from scripts.evidence_topics.hunting_networks import mlp_of

STEPS, DDN_STEPS = 40, 300
SLACK = 0.01  # of the starts: three of 200 may fall to the other side of a boundary


@dataclass(frozen=True)
class _Attack:
    """One line of the table."""

    name: str
    targeted: bool
    norm: str = ""
    epsilon: float = 0.0

    def ours(self, pair: Pair, starts: Starts, on: str) -> Attacked:
        """Return what pyexport finds; the grid is that of the pair's export."""
        classes = starts.targets if self.targeted else starts.classes
        goal, model = Goal(pair, classes, self.targeted, on), of_graph(pair.graph)
        if self.name == "DDN":
            return minimal(goal, model, starts.rows, MinimalOptions(DDN_STEPS, shrink=False))
        ball = Ball(self.norm, self.epsilon, np.ones(starts.rows.shape[1]))
        if self.name == "FGSM":
            return fgsm(goal, model, starts.rows, ball)
        return pgd(goal, model, starts.rows, ball, PGDOptions(STEPS))

    def theirs(self, foolbox: Any, model: Any, rows: FloatArray, starts: Starts) -> Theirs:
        """Return what foolbox finds on real inputs."""
        length = 2.5 * self.epsilon / STEPS
        attacks = {
            ("FGSM", "linf"): lambda: foolbox.attacks.LinfFastGradientAttack(),
            ("FGSM", "l2"): lambda: foolbox.attacks.L2FastGradientAttack(),
            ("PGD", "linf"): lambda: foolbox.attacks.LinfProjectedGradientDescentAttack(
                steps=STEPS, abs_stepsize=length, random_start=False
            ),
            ("PGD", "l2"): lambda: foolbox.attacks.L2ProjectedGradientDescentAttack(
                steps=STEPS, abs_stepsize=length, random_start=False
            ),
            ("DDN", ""): lambda: foolbox.attacks.DDNAttack(steps=DDN_STEPS),
        }
        attack = attacks[self.name, self.norm]()
        return run_foolbox(foolbox, model, attack, rows, starts, self.targeted, self.epsilon)


@dataclass(frozen=True, eq=False)
class Theirs:
    """What foolbox reached: share of the starts, and median L2 distance of these."""

    share: float
    median: float


ATTACKS = (
    _Attack("FGSM", False, "linf", 2.0),
    _Attack("FGSM", False, "l2", 6.0),
    _Attack("PGD", False, "linf", 2.0),
    _Attack("PGD", True, "linf", 2.0),
    _Attack("PGD", False, "l2", 6.0),
    _Attack("PGD", True, "l2", 6.0),
    _Attack("DDN", False),
    _Attack("DDN", True),
)


def crosscheck(context: Context) -> tuple[Figure, ...]:
    """Compare success and median distance at equal steps and epsilon."""
    path = trained(context)
    real, legal = load_pair(path, scheme="float32")[0], load_pair(path)[0]
    samples = legal.artifact.samples
    assert samples is not None  # the training script stores its test images
    count = 50 if context.short else 200
    starts = choose_starts(legal, samples.inputs, samples.targets, count=count)
    rows = legal.real(starts.rows)
    as_floats = Starts(rows.astype(np.float32), starts.classes, starts.targets)
    foolbox = import_foolbox()
    model = foolbox_model(foolbox, mlp_of(real, path), real)
    lines, lost, longest = [], 0.0, 0.0
    for attack in ATTACKS:
        ours = attack.ours(real, as_floats, "float")
        theirs = attack.theirs(foolbox, model, rows, starts)
        bytes_ = attack.ours(legal, starts, "integer")
        if attack.name == "DDN":
            longest = max(longest, ours.median / theirs.median)
        lost = max(lost, theirs.share - ours.share)
        goal = "targeted" if attack.targeted else "untargeted"
        limit = f", {attack.norm} {attack.epsilon:g}" if attack.norm else ""
        lines.append(
            (
                f"{attack.name}, {goal}{limit}",
                f"{100 * theirs.share:.1f} %", f"{theirs.median:.2f}",
                f"{100 * ours.share:.1f} %", f"{ours.median:.2f}",
                f"{100 * bytes_.share:.1f} %", f"{bytes_.median:.2f}",
            )
        )  # fmt: skip
    header = ("attack", "foolbox", "L2", "pyexport", "L2", "on int8, legal bytes", "L2")
    return (
        Figure(
            f"FGSM, PGD and DDN beside foolbox {foolbox.__version__} on the float model",
            "success at most 1 % of the starts lower; DDN at most 1.02 times as far",
            f"at most {100 * max(lost, 0.0):.1f} % lower; {longest:.3f} times as far",
            lost <= SLACK + 1e-9 and longest <= 1.02,
            (
                *markdown_table(header, lines),
                "",
                f"{count} starts, {STEPS} steps of PGD from the start itself, {DDN_STEPS} of DDN; "
                "pixels are 0 to 16. L2 is the median of the successes; pyexport's PGD keeps the "
                "nearest success of all steps, foolbox's the last row. FGSM of foolbox has no "
                "targeted form. The last two columns attack the exported model with legal bytes.",
            ),
        ),
    )


def import_foolbox() -> Any:
    """Return foolbox, which imports GitPython and needs no git here."""
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    return importlib.import_module("foolbox")


def foolbox_model(foolbox: Any, module: Any, pair: Pair) -> Any:
    """Return a module for foolbox, with the limits of the pair's inputs."""
    low, high = pair.limits
    bounds = float(low.min()), float(high.max())
    return foolbox.PyTorchModel(module.eval(), bounds=bounds)


def run_foolbox(
    foolbox: Any,
    model: Any,
    attack: Any,
    rows: FloatArray,
    starts: Starts,
    targeted: bool,
    epsilon: float = 0.0,
) -> Theirs:
    """Return the share of starts on which an attack succeeds, and the median L2 distance."""
    import torch

    criterion: Any = foolbox.criteria.Misclassification(torch.tensor(starts.classes))
    if targeted:
        criterion = foolbox.criteria.TargetedMisclassification(torch.tensor(starts.targets))
    inputs = torch.tensor(rows, dtype=torch.float32)
    _, found, success = attack(model, inputs, criterion, epsilons=epsilon or None)
    ok: Array = success.numpy()
    distance = np.linalg.norm((found.numpy() - rows).reshape(len(rows), -1), axis=1)
    return Theirs(float(ok.mean()), float(np.median(distance[ok])))
