"""Weights as fixed-point numbers, a row of them in one integer: the fast engine.

    forward   sum of x_i * row_i         row i: the weights of input i, one lane an output
    backward  sum of g_o * column_o      column o: the same weights, one lane an input
    step      row_i -= x_i * d,  column_o -= d_o * x,  with d = rate * g

All sums are exact; only entering numbers are rounded (inputs, gradients, d), so the same run gives
the same bits everywhere. Rows and columns receive the same integer products and stay transposes.
No lane can overflow: `plan` leaves room for it, and each use checks what the plan relies on.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import reduce
from itertools import repeat
from math import isfinite
from operator import add, mul, or_

from pyexport.errors import InvalidModelError, UsageError
from pyexport.scratch.backends import Row, Rule
from pyexport.scratch.backends.lanes import ANCHOR, EXACT, Lanes, rounded
from pyexport.scratch.backends.plan import COLUMN_WIDTH, GRADIENT_BITS, Plan
from pyexport.scratch.backends.sparse import FEW_LEVELS, Factors, Levels, Numbers

PIXEL_BITS = 8  # bytes stand for k / 256
FEWEST_LOST = 1000  # samples without effect in a row that are worth a warning

Step = tuple[Factors, Sequence[float], int]  # x, g, and the largest change of a weight


class ClippedWeightsWarning(RuntimeWarning):
    """Weights grew to the limit of the packed engine and were cut there; says how many."""


class LostStepsWarning(RuntimeWarning):
    """Steps of many samples in a row were rounded to nothing."""


class PackedMatrix:
    """n_in rows of n_out lanes, and the transposed columns once they are asked for."""

    def __init__(
        self, weight: Sequence[Sequence[float]], bias: Sequence[float], plan: Plan
    ) -> None:
        self.plan = plan
        self.clipped = 0  # how often a weight was cut at plan.clip so far
        self._next_warning = 1  # the count at which to warn again
        self._lost = 0  # samples since the last one whose step changed a weight
        self._lost_limit = FEWEST_LOST
        self.pairs: list[tuple[Factors, Sequence[float]]] = []
        self._prepared: tuple[float, list[Step]] | None = None  # a rate, and the steps of it
        self._lanes = Lanes(plan.n_out, plan.width)
        self._unit = 2.0**-plan.weight_bits
        self._sum_unit = 2.0 ** -(plan.weight_bits + plan.input_bits)
        self._columns: list[int] | None = None
        self._column_lanes: Lanes | None = None
        self._places = list(range(plan.n_in))  # a range makes new integers each time
        self._pixels = [plan.pixel(k) for k in range(256)]
        self._levels = bytes(self._pixels) if plan.input_bits <= FEW_LEVELS else b""
        # A weight outside [-clip, clip) leaves a bit above it set once clip is added to its lane.
        clip = plan.clip_units
        self._lift = self._lanes.ones * clip
        self._above = self._lanes.ones * ((1 << self._lanes.bits) - 2 * clip)
        self.load(weight, bias)

    def load(self, weight: Sequence[Sequence[float]], bias: Sequence[float]) -> None:
        scale, far = 2.0**self.plan.weight_bits, 2 * self.plan.clip
        columns = [[round(min(max(w, -far), far) * scale) for w in row] for row in (*weight, bias)]
        offsets = columns.pop()
        rows = [list(row) for row in zip(*columns, strict=True)]
        self._set_rows([*rows, offsets])
        self._warn_of_clipping()

    def weight(self) -> list[Row]:
        rows = [self._lanes.numbers(row) for row in self._rows]
        return [[number * self._unit for number in column] for column in zip(*rows, strict=True)]

    def bias(self) -> Row:
        return [number * self._unit for number in self._lanes.numbers(self._bias)]

    def encode(self, x: Sequence[float] | Factors) -> Factors:
        if isinstance(x, Numbers | Levels):
            return x
        plan = self.plan
        if isinstance(x, bytes):  # below 1 each, so n_in is what they need room for
            if plan.input_total < plan.n_in:
                raise UsageError(f"this layer has no room for bytes: {plan}; give it numbers")
            if self._levels:
                return Levels(x, self._levels, self._places)
            if plan.input_bits == PIXEL_BITS:
                return Numbers(x, 1.0, self._places)
            pixels = [self._pixels[k] for k in x]
            few = plan.input_bits < PIXEL_BITS  # then they are bytes too, which need less memory
            return Numbers(bytes(pixels) if few else pixels, 1.0, self._places)
        numbers = Numbers(x, 2.0**plan.input_bits, self._places)
        if numbers.total > plan.input_room:
            raise InvalidModelError(
                f"the inputs of a packed layer add up to more than {plan.input_total:g};"
                " scale the data to about -1..1, lower the learning rate, or use the lists engine"
            )
        return numbers

    def mv(self, x: Factors) -> Row:
        total = x.weighted_sum(self._rows, self._bias << self.plan.input_bits)
        return self._lanes.floats(total, self._sum_unit)

    def tmv(self, g: Sequence[float]) -> Row:
        if self._columns is None:
            self._make_columns()
        assert self._columns is not None and self._column_lanes is not None
        numbers = rounded(g, 2.0**GRADIENT_BITS)
        if sum(map(abs, numbers)) > self.plan.gradient_room:
            raise InvalidModelError(
                "the gradient of a packed layer is too large; lower the learning rate,"
                " or use the lists engine"
            )
        total = sum(map(mul, numbers, self._columns))
        return self._column_lanes.floats(total, 2.0 ** -(self.plan.weight_bits + GRADIENT_BITS))

    def outer(self, x: Factors, g: Sequence[float]) -> None:
        self.pairs.append((x, g))
        self._prepared = None

    def gradient(self) -> tuple[list[Row], Row]:
        plan = self.plan
        weight = [[0.0] * plan.n_in for _ in range(plan.n_out)]
        bias = [0.0] * plan.n_out
        unit = 2.0**-plan.input_bits
        for x, g in self.pairs:
            numbers = x.numbers()
            for o, share in enumerate(g):
                bias[o] += share
                weight[o] = [
                    w + share * (number * unit)
                    for w, number in zip(weight[o], numbers, strict=True)
                ]
        return weight, bias

    def prepare(self, rate: float) -> None:
        scale = self._step_scale(rate)
        one = 1 << self.plan.input_bits  # what the bias is multiplied by
        steps: list[Step] = []
        for x, g in self.pairs:
            if not isfinite(sum(g)):
                raise InvalidModelError(
                    "a gradient became NaN or infinite; lower the learning rate"
                )
            largest = max(max(g), -min(g)) * scale + ANCHOR - ANCHOR  # the largest |d_o|
            factor = max(one, x.largest)
            if not largest < EXACT or int(largest) * factor > self.plan.slack_units:
                raise InvalidModelError(
                    f"one step would move a weight by {largest * factor * self._unit:.3g}, more"
                    f" than the packed engine allows ({self.plan.clip:g}); lower the learning rate"
                )
            if largest:
                steps.append((x, g, int(largest) * factor))
                self._lost = 0
            elif rate and any(g):
                self._lost += 1
        self._prepared = rate, steps

    def descend(self, rate: float) -> None:
        if self._prepared is None or self._prepared[0] != rate:
            self.prepare(rate)
        assert self._prepared is not None
        scale = self._step_scale(rate)
        for x, g, growth in self._prepared[1]:
            self._make_room(growth)
            step = self._lanes.pack_rounded(g, scale)
            x.subtract_multiples(self._rows, step)
            self._bias -= step << self.plan.input_bits
            if self._columns is not None:
                self._step_columns(rounded(g, scale), x)
        self.forget()
        # Last: whoever makes an error of a warning still has the whole step.
        self._warn_of_clipping()
        if self._lost >= self._lost_limit:
            self._warn_of_lost_steps()

    def update(self, rule: Rule) -> None:
        raise UsageError(
            "the packed engine never holds a whole gradient: it trains with SGD without momentum"
            " and weight decay; for other optimizers use the lists engine"
        )

    def forget(self) -> None:
        self.pairs.clear()
        self._prepared = None

    def _step_scale(self, rate: float) -> float:
        """Return what turns a gradient into d, the change of a weight for each unit of x."""
        return rate * 2.0 ** (self.plan.weight_bits - self.plan.input_bits)

    def _step_columns(self, d: Sequence[int], x: Factors) -> None:
        assert self._columns is not None and self._column_lanes is not None
        packed = x.packed(self._column_lanes)
        self._columns = [
            column - change * packed if change else column
            for column, change in zip(self._columns, d, strict=True)
        ]

    def _set_rows(self, rows: list[list[int]]) -> None:
        """Take weights in units, the bias last; clips and counts those outside of the range."""
        limit = self.plan.clip_units
        outside = sum(not -limit <= number < limit for row in rows for number in row)
        if outside:
            self.clipped += outside
            rows = [[min(max(number, -limit), limit - 1) for number in row] for row in rows]
        *packed, self._bias = [self._lanes.pack(row) for row in rows]
        self._rows = packed
        self._columns = None
        self._room = self.plan.slack_units

    def _warn_of_clipping(self) -> None:
        """Warn each time the count has doubled: often enough to be seen, too seldom to flood."""
        if self.clipped >= self._next_warning:
            self._next_warning = 2 * self.clipped
            warnings.warn(
                f"{self.clipped} weights of a {self.plan.n_in}-{self.plan.n_out} layer were clipped"
                f" to +-{self.plan.clip:g} so far; lower the learning rate or raise `clip`",
                ClippedWeightsWarning,
                stacklevel=5,
            )

    def _warn_of_lost_steps(self) -> None:
        self._lost_limit = 2 * self._lost
        warnings.warn(
            f"the steps of the last {self._lost} samples were too small for the fixed point of a"
            f" {self.plan.n_in}-{self.plan.n_out} layer and changed nothing; raise the learning"
            " rate, make batches smaller, or use the lists engine",
            LostStepsWarning,
            stacklevel=5,
        )

    def _make_columns(self) -> None:
        """Transpose the rows; from now on steps keep both."""
        self._column_lanes = self._column_lanes or Lanes(self.plan.n_in, COLUMN_WIDTH)
        rows = [self._lanes.numbers(row) for row in self._rows]
        self._columns = [self._column_lanes.pack(column) for column in zip(*rows, strict=True)]

    def _make_room(self, growth: int) -> None:
        """Prove that a step that moves weights by at most `growth` keeps them below the limit.

        `prepare` has refused a growth larger than the whole room.
        Each step spends some of the room between clip and limit; when it is used up, one look at
        all the weights shows whether any has left the clipping range, and clips those.
        """
        if growth > self._room:
            rows = [*self._rows, self._bias]
            if reduce(or_, map(add, rows, repeat(self._lift))) & self._above:
                self._set_rows([self._lanes.numbers(row) for row in rows])
            self._room = self.plan.slack_units
        self._room -= growth
