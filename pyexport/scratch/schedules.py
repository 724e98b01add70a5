"""Learning rates that change while training: functions of the number of steps done."""

from __future__ import annotations

import math
from collections.abc import Callable

from pyexport.errors import UsageError

Schedule = Callable[[int], float]


def constant(rate: float) -> Schedule:
    """Return the same rate for ever."""
    return lambda step: rate


def linear_decay(start: float, end: float, steps: int) -> Schedule:
    """Return a rate that falls from start to end on a straight line over `steps` steps."""
    _check_steps(steps)
    return lambda step: start + (end - start) * min(step / steps, 1.0)


def cosine_decay(start: float, end: float, steps: int) -> Schedule:
    """Return a rate that falls from start to end along half a cosine over `steps` steps."""
    _check_steps(steps)
    return lambda step: end + (start - end) * (1.0 + math.cos(math.pi * min(step / steps, 1.0))) / 2


def step_decay(start: float, factor: float, every: int) -> Schedule:
    """Return a rate that is multiplied by factor after every `every` steps."""
    _check_steps(every)
    return lambda step: start * factor ** (step // every)


def _check_steps(steps: int) -> None:
    if steps < 1:
        raise UsageError(f"a schedule over {steps} steps; give at least 1")
