"""Finds integer inputs with a wanted weighted sum, or proves that none has it."""

from __future__ import annotations

import numpy as np

from pyexport.ir import Array

ATTEMPTS = 24
MOST_BITS = 1 << 31  # of all partial sums together: beyond, a sum is left undecided


def solve_sums(
    weight: Array, wanted: Array, low: Array, high: Array, seed: int = 0
) -> tuple[Array, Array]:
    """Return rows x (t, n) between low and high (n,), and where weight (t, n) . x is `wanted` (t,).

    Inputs are walked by the size of their weight, each taking as much of what is missing as fits.
    That ends less than the least weight away; other starts follow, the first at the lower limits.
    """
    count, size = weight.shape
    generator = np.random.Generator(np.random.PCG64([size, 11, seed]))
    rows = np.tile(low, (count, 1))
    hit = np.zeros(count, dtype=bool)
    order = np.argsort(-np.abs(weight), axis=1, kind="stable")
    for attempt in range(ATTEMPTS):
        todo = np.flatnonzero(~hit)
        if not len(todo):
            break
        x = np.tile(low, (len(todo), 1))
        if attempt:
            x = generator.integers(low, high, size=x.shape, endpoint=True)
        missing = wanted[todo] - (weight[todo] * x).sum(axis=1)
        row = np.arange(len(todo))
        for place in range(size):
            column = order[todo, place]
            w = weight[todo, column]
            divisor = np.where(w == 0, 1, w)
            step = np.sign(missing) * np.sign(divisor) * (np.abs(missing) // np.abs(divisor))
            step = np.clip(step, low[column] - x[row, column], high[column] - x[row, column])
            step = np.where(w == 0, 0, step)
            x[row, column] += step
            missing = missing - w * step
        rows[todo] = x
        hit[todo] = missing == 0
    return rows, hit


def decide_sum(weight: Array, wanted: int, low: Array, high: Array) -> Array | None:
    """Return x (n,) between the limits with weight . x = wanted, None if there is none.

    Every sum that the first k inputs can have is kept as one bit of an integer, for each k, so the
    answer is exact. Raises OverflowError where that takes over MOST_BITS bits.
    """
    least = int(np.where(weight > 0, weight * low, weight * high).sum())
    most = int(np.where(weight > 0, weight * high, weight * low).sum())
    if not least <= wanted <= most:
        return None
    if (most - least) * len(weight) > MOST_BITS:
        raise OverflowError(f"{len(weight)} inputs with {most - least} sums")
    sizes = np.abs(weight).tolist()
    spans = (high - low).tolist()
    goal = wanted - least  # of what every input adds above its least
    sums = [1]
    for size, span in zip(sizes, spans, strict=True):
        sums.append(_with_multiples(sums[-1], size, span) & ((2 << goal) - 1))
    if not sums[-1] >> goal & 1:
        return None
    steps = np.zeros(len(weight), dtype=np.int64)
    for place in reversed(range(len(weight))):
        size, before = sizes[place], sums[place]
        most_steps = min(spans[place], goal // size) if size else 0
        steps[place] = next(k for k in range(most_steps + 1) if before >> (goal - k * size) & 1)
        goal -= int(steps[place]) * size
    return np.where(weight > 0, low + steps, high - steps)


def _with_multiples(sums: int, size: int, span: int) -> int:
    """Return the sums that there are once 0..span times a size may be added."""
    done = 0  # multiples that may be added already: doubled as long as it fits
    while size and done < span:
        more = min(done + 1, span - done)
        sums |= sums << (more * size)
        done += more
    return sums
