"""FGSM and PGD: the strongest input within a given distance of a start, on the legal grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pyexport.errors import UsageError
from pyexport.gradients import ValueAndGradient
from pyexport.ir import Array
from pyexport.verify.ball import Ball
from pyexport.verify.goal import Attacked, Best, Goal

STEP = 2.5  # epsilons that all steps of a descent are long together

Progress = Callable[[str, int, int], None]  # what, done, of how many


@dataclass(frozen=True)
class PGDOptions:
    """How hard is tried."""

    steps: int = 40
    restarts: int = 1  # descents; the first begins at the start, the others anywhere in the ball
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.restarts) < 1 or self.seed < 0:
            raise UsageError("PGD takes at least one step, one descent, and a seed of 0 or more")


def fgsm(goal: Goal, model: ValueAndGradient, starts: Array, ball: Ball) -> Attacked:
    """Return one step of epsilon down the gradient (Goodfellow et al. 2015), made legal.

    With the L2 norm the step goes along the gradient itself and not along its sign.
    """
    pair, best = goal.pair, Best(goal, starts)
    real = pair.real(starts)
    _, gradient = model(real, goal.pull())
    rows = np.clip(real + ball.epsilon * ball.steepest(gradient), *pair.limits)
    best.look(ball.legal(pair, rows, starts))
    return best.result()


def pgd(
    goal: Goal,
    model: ValueAndGradient,
    starts: Array,
    ball: Ball,
    options: PGDOptions | None = None,
    progress: Progress = lambda what, done, of: None,
) -> Attacked:
    """Return projected gradient descent (Madry et al. 2018): the nearest success of all steps.

    Each step is clamped to the input's limits and to the ball, then rounded to a legal row inside
    both, which is judged; the descent itself goes on with the real row.
    """
    chosen, pair, best = options or PGDOptions(), goal.pair, Best(goal, starts)
    real, pull = pair.real(starts), goal.pull()
    generator = np.random.Generator(np.random.PCG64([chosen.seed, 11]))
    far = STEP * ball.epsilon / chosen.steps
    for turn in range(chosen.restarts):
        rows = np.clip(ball.sample(real, generator), *pair.limits) if turn else real
        for step in range(chosen.steps):
            _, gradient = model(rows, pull)
            rows = ball.project(rows + far * ball.steepest(gradient), real)
            rows = np.clip(rows, *pair.limits)
            best.look(ball.legal(pair, rows, starts), every=False)
            progress("steps", turn * chosen.steps + step + 1, chosen.restarts * chosen.steps)
    return best.result()
