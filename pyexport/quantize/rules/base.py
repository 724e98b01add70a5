"""What a quantization rule gets and gives: one float node becomes one or more integer nodes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from pyexport.errors import QuantizationError
from pyexport.fixedpoint import encode_multiplier
from pyexport.ir import Array, FloatArray, Graph, Node, Op, QuantParams, Tensor
from pyexport.quantize.bounds import Int64Array
from pyexport.quantize.diagnosis import node_title
from pyexport.quantize.linear import requantization
from pyexport.quantize.observers import Range
from pyexport.quantize.plan import NO_PLAN, LanePlan
from pyexport.quantize.pre_shift import choose_pre_shift
from pyexport.quantize.schemes import clamped_params, range_params

_ACTIVATIONS = {(0.0, math.inf): "relu", (0.0, 6.0): "relu6", (-1.0, 1.0): "hardtanh"}


@dataclass(frozen=True)
class Request:
    """A float node, the bytes of its inputs, and what is known of its outputs."""

    node: Node
    sources: tuple[QuantParams, ...]
    graph: Graph  # the float graph, for shapes
    ranges: Mapping[str, Range]  # of every tensor, in reals
    per_channel: bool
    plan: LanePlan = NO_PLAN
    known: Mapping[str, QuantParams] = field(default_factory=dict)  # of every tensor before

    @property
    def is_narrow(self) -> bool:
        """Whether the node's final sums must fit 16 bits."""
        return self.node.name in self.plan.narrow

    @property
    def title(self) -> str:
        """How messages name the node."""
        return node_title(self.node)

    def shape(self, index: int = 0) -> tuple[int, ...]:
        """Return the shape of an input."""
        return self.graph.tensor(self.node.inputs[index]).shape

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of the first output."""
        return self.graph.tensor(self.node.outputs[0]).shape

    @property
    def any_negative(self) -> bool:
        """Whether an input can be negative."""
        return any(source.low < source.zero_point for source in self.sources)

    def output_params(
        self, low: float = -math.inf, high: float = math.inf, *, signed: bool
    ) -> QuantParams:
        """Return the bytes of the first output by its range, with the limits of a fused clamp.

        `signed` says that legal inputs can give a negative output, seen or not.
        """
        name = self.node.outputs[0]
        wanted = range_params(*self.ranges[name], signed=signed, limit=self.plan.limit(name))
        return clamped_params(wanted, low, high)


@dataclass(frozen=True)
class Outcome:
    """Integer nodes in order, the bytes of the tensors that they write, and what users should know.

    `tensors` are those that lie between the nodes.
    """

    nodes: tuple[Node, ...]
    params: Mapping[str, QuantParams]
    tensors: tuple[Tensor, ...] = ()
    warnings: tuple[str, ...] = ()


Rule = Callable[[Request], Outcome]


def one(request: Request, op: Op, params: QuantParams, warnings: tuple[str, ...] = ()) -> Outcome:
    """Return the outcome of a node that stays one node with one output."""
    node = replace(request.node, op=op)
    return Outcome((node,), {node.outputs[0]: params}, warnings=warnings)


def activation_name(low: float, high: float) -> str:
    """Return what a fused clamp is called, "" for none."""
    if (low, high) == (-math.inf, math.inf):
        return ""
    return _ACTIVATIONS.get((low, high), f"clamp {low:.6g}..{high:.6g}")


def scaling(ratio: FloatArray, largest: Int64Array) -> tuple[Array, Array, int]:
    """Return multipliers, shifts and pre_shift of q15x for sums of these magnitudes.

    ratio: what one unit of a sum is worth in output units.
    """
    pre_shift = choose_pre_shift(ratio, largest, np.zeros_like(largest))
    multiplier, shift = requantization(ratio, largest, pre_shift)
    return multiplier, shift, pre_shift


def product_ratio(request: Request, output: QuantParams) -> FloatArray:
    """Return what a product of one unit of both inputs is worth in output units, (1,)."""
    a, b = request.sources
    ratio = np.array([a.scale * b.scale / output.scale])
    if not (np.isfinite(ratio).all() and ratio[0] > 2.0**-30):
        raise QuantizationError(
            f"{request.title}: steps of {a.scale:.3g} and {b.scale:.3g} have no common integers "
            f"with steps of {output.scale:.3g}; declare a narrower input range"
        )
    return ratio


def common_shift(ratios: FloatArray) -> int:
    """Return the largest shift in 1..30 at which every ratio * 2**shift stays below 2**15."""
    shift = 30
    while shift > 1 and encode_multiplier(float(np.abs(ratios).max()), shift - 16) >= 1 << 15:
        shift -= 1
    return shift
