"""Integer spiking layers (docs/arithmetic.md, "Spiking layers"): neurons, encoders, readouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pyexport.integer.base import (
    IntegerOp,
    Record,
    no_sums,
    quant_of,
    require,
    require_array,
    require_counts,
)
from pyexport.integer.membranes import Neurons, current_bounds, require_bounds
from pyexport.ir import Array, QuantParams, Tensor
from pyexport.operators.spiking import COMPARISONS, MAX_STEPS, READOUTS, RESETS

SPIKES = QuantParams("u8", 1.0, 0, 0, 1)
MAX_FRACTION = 8
SUM_LIMIT = (1 << 30) - 1  # what a readout's sum of membranes stays within
SUM = QuantParams("s32", 1.0, 0, -SUM_LIMIT, SUM_LIMIT)
ENCODINGS = ("rate", "latency", "delta")  # direct encoding is a current that is added every step


class SpikingOp(IntegerOp):
    """Base of what a stream keeps something of: old states end its inputs, new ones its outputs."""

    stateful: bool


@dataclass(frozen=True, eq=False)
class QuantizedLif(SpikingOp, Neurons):
    """Inputs x, and its states if stateful; outputs spikes, membranes if asked for, its states.

    x is (steps, n_in), or (n_in,): then its current is the same in every step.
    """

    kind: ClassVar[str] = "quantized_lif"
    weight: Array  # (n, n_in), int8 in -127..127
    bias: Array  # (n,), int32, in membrane units; -zero_point * sum(weight) << fraction is in it
    threshold: Array  # (n,), int32, 1 or more
    leak: Array  # (n,), int32: a shift 1..15, or a factor 0..32768 in 2**-15
    synaptic: Array  # (n,), likewise, of the synaptic current; (0,) without one
    v_reset: Array  # (n,), int32
    unit: Array  # (n,), float64: what one unit of a membrane is worth
    steps: int
    fraction: int  # an x of 1 adds weight << fraction
    shift_leak: bool  # u -= u >> leak; otherwise u = (u * leak + 16384) >> 15
    shift_synaptic: bool
    reset: str  # one of RESETS
    reset_delay: bool
    compare: str  # one of COMPARISONS
    refractory: int
    low: int  # what a membrane stays within
    high: int
    synaptic_limit: int  # what a synaptic current stays within, on both sides
    saturating: bool  # whether limits can be reached, and so must be tested
    membranes: bool  # whether the membranes of every step are an output
    stateful: bool

    @property
    def size(self) -> int:
        """Number of neurons n."""
        return len(self.bias)

    @property
    def membrane(self) -> QuantParams:
        """The integers of a membrane; its scale is 1 where neurons have units of their own."""
        return wide_params(self.low, self.high, common_unit(self.unit))

    @property
    def states(self) -> dict[str, QuantParams]:
        """What is kept from step to step, in the order of inputs and outputs."""
        kept = {"membrane": self.membrane}
        if len(self.synaptic):
            limit = self.synaptic_limit
            kept["synaptic"] = wide_params(-limit, limit, common_unit(self.unit))
        if self.refractory:
            kept["refractory"] = QuantParams("u8", 1.0, 0, 0, self.refractory)
        return kept


@dataclass(frozen=True, eq=False)
class QuantizedEncode(SpikingOp):
    """Inputs x, and its state if stateful; outputs spikes, and the state.

    rate: x (n,), an accumulator (n,). latency: x (n,), a step counter (1,). delta: x (steps, n), a
    reference (n,). low and high are the bytes of the ends of the range.
    """

    kind: ClassVar[str] = "quantized_encode"
    limits: (
        Array  # (whole + 1,), int32 of latency: step t if limits[t + 1] <= x < limits[t]; else (0,)
    )
    encoding: str  # one of ENCODINGS
    steps: int  # of the output
    low: int
    high: int
    threshold: int  # of delta, in bytes
    stateful: bool

    def kept(self, source: QuantParams) -> tuple[str, QuantParams, int]:
        """Return the name, the integers and the first value of the state."""
        if self.encoding == "rate":
            span = self.high - self.low
            return "accumulator", QuantParams("u16", 1.0, 0, 0, 2 * span), span
        if self.encoding == "latency":
            whole = len(self.limits) - 1
            return "counter", QuantParams("u16", 1.0, 0, 0, whole), 0
        start = min(max(source.zero_point, source.low), source.high)
        return "reference", source, start


@dataclass(frozen=True, eq=False)
class QuantizedReadout(SpikingOp):
    """Inputs spikes and membranes, or membranes alone, states if stateful; outputs scores, states.

    States: membrane_mean: sums; count: sums, counts; first_spike: sums, firsts, step (1,).
    """

    kind: ClassVar[str] = "quantized_readout"
    method: str  # one of READOUTS
    whole: int  # steps of a sequence
    shift: int  # of the sum of membranes
    stateful: bool

    @property
    def bits(self) -> int:
        """Bits of a score below the number of spikes."""
        return 16 - self.whole.bit_length()

    @property
    def takes_spikes(self) -> bool:
        """Whether the spikes are an input, too."""
        return self.method in ("count", "first_spike")

    @property
    def states(self) -> dict[str, tuple[bool, QuantParams]]:
        """What is kept from step to step: whether one a class or one in all, and its integers."""
        counter = QuantParams("u16", 1.0, 0, 0, self.whole)
        of_method: dict[str, dict[str, tuple[bool, QuantParams]]] = {
            "count": {"sums": (True, SUM), "counts": (True, counter)},
            "first_spike": {
                "sums": (True, SUM), "firsts": (True, counter), "step": (False, counter),
            },
            "membrane_mean": {"sums": (True, SUM)},
            "membrane_last": {},
        }  # fmt: skip
        return of_method[self.method]

    def params(self, unit: float) -> QuantParams:
        """Return the integers of the scores of membranes whose unit is worth this much."""
        if self.takes_spikes:
            return QuantParams("u16", 2.0**-self.bits, 0, 0, 65535)
        steps = self.whole if self.method == "membrane_mean" else 1
        return QuantParams("u16", unit * 2.0**self.shift / steps, 32768, 0, 65535)


def wide_params(low: int, high: int, unit: float) -> QuantParams:
    """Return the integers of values in low..high: 16 bits if they fit, else 32."""
    dtype = "s16" if low >= -32768 and high <= 32767 else "s32"
    return QuantParams(dtype, unit, 0, low, high)


def common_unit(unit: Array) -> float:
    """Return the unit that all neurons share, or 1."""
    return float(unit[0]) if (unit == unit[0]).all() else 1.0


def _check_lif(op: QuantizedLif, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    n, x = op.bias.shape, inputs[0]
    require(len(x.shape) in (1, 2) and len(n) == 1 and n[0] >= 1, "a wrong number of axes")
    require_array(op.weight, np.int8, (*n, x.shape[-1]), "weight")
    require(int(op.weight.min()) >= -127, "the weight holds -128")
    for name in ("bias", "threshold", "leak", "v_reset"):
        require_array(getattr(op, name), np.int32, n, name)
    require_array(op.synaptic, np.int32, n if len(op.synaptic) else (0,), "synaptic")
    require_array(op.unit, np.float64, n, "unit")
    require(bool(np.isfinite(op.unit).all() and (op.unit > 0).all()), "unit is not positive")
    require_counts((op.steps,), 1, "number of steps", MAX_STEPS)
    require(len(x.shape) == 1 or x.shape[0] == op.steps, "a wrong number of steps")
    require_counts((op.fraction,), 0, "fraction", MAX_FRACTION)
    require_counts((op.refractory,), 0, "refractory", 255)
    require(op.reset in RESETS and op.compare in COMPARISONS, "an unknown mode")
    flags = (op.shift_leak, op.shift_synaptic, op.reset_delay, op.saturating, op.membranes)
    require(all(type(flag) is bool for flag in (*flags, op.stateful)), "a wrong flag")
    same = not op.reset_delay
    require(op.reset != "carry" or same, "a delayed carry")
    require(not op.refractory or (same and op.reset != "carry"), "refractory with a delayed reset")
    require(not op.v_reset.any() or (same and op.reset == "zero"), "v_reset of another reset")
    require_bounds(op, *current_bounds(op.weight, op.bias, op.fraction, quant_of(x)))
    _check_lif_ports(op, inputs[1:], outputs)


def _check_lif_ports(op: QuantizedLif, states: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    every, one = (op.steps, op.size), (op.size,)
    kept = [(one, params) for params in op.states.values()] if op.stateful else []
    require([(t.shape, t.quant) for t in states] == kept, "wrong states")
    made = [(every, SPIKES), (every, op.membrane)][: 1 + op.membranes]
    require([(t.shape, t.quant) for t in outputs] == made + kept, "wrong outputs")


def _check_encode(op: QuantizedEncode, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    x = inputs[0]
    source = quant_of(x)
    require(op.encoding in ENCODINGS and type(op.stateful) is bool, "an unknown mode")
    require_counts((op.steps,), 1, "number of steps", MAX_STEPS)
    require(all(type(v) is int for v in (op.low, op.high, op.threshold)), "a wrong number")
    require(-128 <= op.low < op.high <= 255, "a wrong range")
    delta, latency = op.encoding == "delta", op.encoding == "latency"
    require(len(x.shape) == 1 + delta and x.shape[0] >= 1, "a wrong number of axes")
    require(not delta or x.shape[0] == op.steps, "a wrong number of steps")
    require(1 <= op.threshold <= 255 if delta else op.threshold == 0, "a wrong threshold")
    limits = len(op.limits)
    require_array(op.limits, np.int32, (limits,), "limits")
    fits = limits > op.steps if op.stateful else limits == op.steps + 1
    require(fits and limits <= MAX_STEPS + 1 if latency else limits == 0, "limits of other steps")
    require(bool((np.diff(op.limits) <= 0).all()), "limits that rise")
    _, params, _ = op.kept(source)
    shape = (1,) if latency else x.shape[-1:]
    kept = [(shape, params)] if op.stateful else []
    require([(t.shape, t.quant) for t in inputs[1:]] == kept, "wrong states")
    made = ((op.steps, x.shape[-1] * (1 + delta)), SPIKES)
    require([(t.shape, t.quant) for t in outputs] == [made, *kept], "wrong outputs")


def _check_readout(
    op: QuantizedReadout, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> None:
    require(op.method in READOUTS and type(op.stateful) is bool, "an unknown mode")
    require_counts((op.whole,), 1, "number of steps", MAX_STEPS)
    require_counts((op.shift,), 0, "shift", 30)
    ports = 1 + op.takes_spikes
    require(len(inputs) >= ports, "a wrong number of inputs")
    membranes = inputs[ports - 1]
    require(len(membranes.shape) == 2, "a wrong number of axes")
    steps, n = membranes.shape
    require(op.stateful or steps == op.whole, "a wrong number of steps")
    params = membranes.quant
    if params is None or params.dtype not in ("s16", "s32"):
        raise ValueError(f"{membranes.name} holds no membranes")
    largest = op.whole * max(-params.low, params.high)
    require(op.stateful or largest <= SUM_LIMIT, "a sum of membranes leaves 30 bits")
    require(op.bits + 1 > op.whole.bit_length() or not op.takes_spikes, "too many steps")
    if op.takes_spikes:
        require((inputs[0].shape, inputs[0].quant) == ((steps, n), SPIKES), "wrong spikes")
    states = op.states.values() if op.stateful else ()
    kept = [((n,) if each else (1,), q) for each, q in states]
    require([(t.shape, t.quant) for t in inputs[ports:]] == kept, "wrong states")
    made = ((n,), op.params(params.scale))
    require([(t.shape, t.quant) for t in outputs] == [made, *kept], "wrong outputs")


def _one_a_step(op: QuantizedLif, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
    return outputs[0].size


def _one_a_class(op: QuantizedReadout, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
    return outputs[0].size


RECORDS = (
    Record(QuantizedLif, _check_lif, _one_a_step),
    Record(QuantizedEncode, _check_encode, no_sums),
    Record(QuantizedReadout, _check_readout, _one_a_class),
)
