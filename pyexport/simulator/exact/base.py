"""What every layer of the definition is made of: tensors as flat lists, and rounding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyexport.fixedpoint import clamp, requantize_q15x

Values = list[int]


@dataclass(frozen=True)
class PlainTensor:
    """A tensor's place: flat lists hold its bytes in the order of its shape, channels last.

    In the float32 scheme they hold float32 values, which have no zero point and no limits.
    """

    name: str
    shape: tuple[int, ...]
    zero_point: int = 0
    low: int = 0
    high: int = 0

    @property
    def size(self) -> int:
        """Number of elements."""
        count = 1
        for n in self.shape:
            count *= n
        return count


@dataclass(frozen=True)
class Layer:
    """What all layers say: their name and their tensors."""

    name: str
    inputs: tuple[PlainTensor, ...]
    outputs: tuple[PlainTensor, ...]


@dataclass(frozen=True)
class Evaluated:
    """The values of every output tensor, and the final sums that a trace records."""

    outputs: tuple[Sequence[int | float], ...]
    sums: Sequence[int | float]


@dataclass(frozen=True)
class Scaled(Layer):
    """A layer whose sums are brought to the output's scale by q15x."""

    multiplier: list[int]
    shift: list[int]
    pre_shift: int

    def finish(self, acc: int, index: int = 0) -> int:
        """Return the output byte of a final sum, by multiplier and shift number `index`."""
        target = self.outputs[0]
        q = requantize_q15x(acc, self.multiplier[index], self.shift[index], self.pre_shift)
        return clamp(q + target.zero_point, target.low, target.high)
