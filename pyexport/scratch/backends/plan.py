"""Where the binary points of a packed layer lie, and the proof that its lanes hold every sum."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from pyexport.errors import UsageError
from pyexport.scratch.backends.lanes import WIDTHS

GRADIENT_BITS = 20  # fraction bits of a gradient on its way back through a layer
COLUMN_WIDTH = 8  # bytes a lane of the transposed weights
STEP_BITS = 16  # fraction bits that a step (learning rate * gradient) has at least
MAX_CLIP = 2.0**32  # more than any lane has room for
GRADIENT_TOTAL = 64  # the sum of the absolute gradients that a layer must be able to take back


@dataclass(frozen=True)
class Plan:
    """The fixed-point formats of one layer.

    Weights are clipped to +-clip from time to time and never leave +-2 clip in between.
    """

    n_in: int
    n_out: int
    input_bits: int  # fraction bits of an input
    weight_bits: int  # fraction bits of a weight
    width: int  # bytes a lane
    clip: float  # a power of two
    input_total: float  # the sum of the absolute inputs of a sample may reach this

    def __post_init__(self) -> None:
        limit = 2 * self.clip_units
        one = 1 << self.input_bits  # the bias is a weight whose input is 1
        if limit * (self.input_room + one) >= 1 << (8 * self.width - 1):
            raise UsageError(
                f"lanes of {8 * self.width} bits are too narrow for {self}; plan_layer finds others"
            )
        if limit * self.gradient_room >= 1 << (8 * COLUMN_WIDTH - 1):
            raise UsageError(
                f"the gradients of {self} can outgrow their lanes; plan_layer finds others"
            )

    @cached_property
    def clip_units(self) -> int:
        """The clipping limit, in units of a weight."""
        return int(self.clip * 2**self.weight_bits)

    @cached_property
    def slack_units(self) -> int:
        """What a weight may grow between two looks at it: from clip to 2 clip."""
        return self.clip_units

    @cached_property
    def input_room(self) -> int:
        """The largest sum of absolute inputs, in units of an input."""
        return int(self.input_total * 2**self.input_bits)

    @cached_property
    def gradient_room(self) -> int:
        """The largest sum of absolute gradients, in units of a gradient."""
        return GRADIENT_TOTAL << GRADIENT_BITS

    def pixel(self, k: int) -> int:
        """Return the byte k, which stands for k / 256, in units of an input, rounded down."""
        return (k << self.input_bits) >> 8


def plan_layer(n_in: int, n_out: int, input_bits: int, input_total: float, clip: float) -> Plan:
    """Return the narrowest plan in which a step keeps STEP_BITS fraction bits."""
    if not 0.5 <= clip <= MAX_CLIP or math.frexp(clip)[0] != 0.5:
        raise UsageError(f"clip is {clip}; use a power of two from 0.5 to {MAX_CLIP:.0f}")
    inputs = int((input_total + 1) * 2**input_bits)
    columns = 8 * COLUMN_WIDTH - 1 - (int(2 * clip * GRADIENT_TOTAL) << GRADIENT_BITS).bit_length()
    for width in WIDTHS:  # narrow lanes are fast
        rows = 8 * width - 1 - int(2 * clip * inputs).bit_length()
        weight_bits = min(rows, columns)
        if weight_bits >= input_bits + STEP_BITS:
            return Plan(n_in, n_out, input_bits, weight_bits, width, clip, input_total)
    raise UsageError(
        f"a layer of {n_in} inputs of {input_bits} bits with clip {clip:g} does not fit the packed"
        " engine; lower clip or input_bits, or use the lists engine"
    )
