"""Makes the final sums of layers fit 16 bits where that costs little: two then share a word.

A layer's activation limit and its weight scales shrink only as far as the static bound of the final
sum asks. What it costs is measured, layer by layer, and a layer that costs too much keeps 32 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from pyexport.choices import LaneChoice
from pyexport.errors import QuantizationError
from pyexport.fixedpoint import RANGES
from pyexport.integer.conv import QuantizedConv2d
from pyexport.ir import Array, Graph, Node, QuantizedLinear
from pyexport.quantize.plan import LanePlan
from pyexport.quantize.ptq import Quantized
from pyexport.reference import forward
from pyexport.simulator.fast import FastSimulator

TOLERANCE = 0.01  # of the outputs' standard deviation: what the 16 bits of one layer may cost
LIMITS = (255, 127, 63, 31)  # of the bytes that a layer reads
MAX_ROWS = 512  # on which costs are measured
NOISE_ROWS = 256

Quantize = Callable[[LanePlan], Quantized]


@dataclass(frozen=True)
class _State:
    plan: LanePlan
    quantized: Quantized
    error: float
    choices: tuple[LaneChoice, ...] = ()

    @property
    def graph(self) -> Graph:
        """The integer network."""
        return self.quantized.graph


def quantize_in_lanes(
    quantize: Quantize, graph: Graph, rows: Array | None
) -> tuple[Quantized, tuple[LaneChoice, ...]]:
    """Return the network with 16-bit sums in as many layers as the tolerance allows.

    graph: the float network. rows: real inputs in the device's order; without any, noise over the
    legal input range tells the costs.
    """
    if len(graph.inputs) > 1 or len(graph.outputs) > 1 or graph.states:
        raise QuantizationError(
            "sums of 16 bits are chosen for one input and one output, without a state; "
            "leave out --lanes 16"
        )
    plan = LanePlan()
    wide = quantize(plan)
    integer = wide.graph
    rows = _rows(integer, rows)
    ideal = forward(graph, rows.reshape(len(rows), *graph.input.shape)).reshape(len(rows), -1)
    measure = _Measure(rows, ideal)
    state = _State(plan, wide, measure.error(integer))
    for node in integer.nodes:
        if isinstance(node.op, QuantizedLinear | QuantizedConv2d):
            state = _widen_or_narrow(state, node.name, quantize, measure)
    return state.quantized, state.choices


@dataclass(frozen=True, eq=False)
class _Measure:
    rows: Array
    ideal: Array

    def error(self, integer: Graph) -> float:
        """Return the root mean square of the outputs' errors, in standard deviations."""
        source, target = integer.input.quant, integer.output.quant
        assert source is not None and target is not None  # an integer graph
        shaped = self.rows.reshape(len(self.rows), *integer.input.shape)
        outputs = FastSimulator(integer).run(source.quantize(shaped).reshape(self.rows.shape))
        wrong = target.scale * (outputs.astype(np.float64) - target.zero_point) - self.ideal
        spread = float(np.std(self.ideal)) or 1.0
        return float(np.sqrt(np.mean(wrong**2))) / spread


def _widen_or_narrow(state: _State, name: str, quantize: Quantize, measure: _Measure) -> _State:
    node = _node(state.graph, name)
    source = state.graph.tensor(node.inputs[0]).quant
    assert source is not None  # an integer graph
    if _fits(node):
        kept = LaneChoice(name, 16, source.high, 0.0)
        plan = replace(state.plan, narrow=state.plan.narrow | {name})
        return _State(plan, state.quantized, state.error, (*state.choices, kept))
    best: _State | None = None
    for plan in _plans(state, node):
        made = quantize(plan)
        if not _fits(_node(made.graph, name)):
            continue
        error = measure.error(made.graph)
        if best is None or error < best.error:
            best = _State(plan, made, error)
    if best is None:
        return replace(state, choices=(*state.choices, LaneChoice(name, 32, source.high, None)))
    cost = best.error - state.error
    if cost > TOLERANCE:
        return replace(state, choices=(*state.choices, LaneChoice(name, 32, source.high, cost)))
    read = best.graph.tensor(node.inputs[0]).quant
    assert read is not None  # an integer graph
    return replace(best, choices=(*state.choices, LaneChoice(name, 16, read.high, cost)))


def _plans(state: _State, node: Node) -> list[LanePlan]:
    """Return plans that narrow a node, with every limit of the tensor it reads."""
    narrow = state.plan.narrow | {node.name}
    origin = _origin(state.graph, node.inputs[0])
    if origin is None:
        return [replace(state.plan, narrow=narrow)]
    limits: Mapping[str, int] = state.plan.limits
    return [LanePlan(narrow, {**limits, origin: limit}) for limit in LIMITS]


def _origin(graph: Graph, tensor: str) -> str | None:
    """Return the tensor that decides the scale of this one, if a limit can change it.

    Operators that copy bytes stand between a layer's output and where it is read.
    """
    writers = {name: node for node in graph.nodes for name in node.outputs}
    while tensor in writers:
        node, quant = writers[tensor], graph.tensor(tensor).quant
        if quant is None or quant.dtype != "u8":
            return None
        if isinstance(node.op, QuantizedLinear | QuantizedConv2d):
            return tensor
        if len(node.inputs) != 1 or graph.tensor(node.inputs[0]).quant != quant:
            return None
        tensor = node.inputs[0]
    return None


def _fits(node: Node) -> bool:
    assert isinstance(node.op, QuantizedLinear | QuantizedConv2d)  # callers filter
    low, high = RANGES["s16"]
    return int(node.op.acc_low.min()) >= low and int(node.op.acc_high.max()) <= high


def _node(graph: Graph, name: str) -> Node:
    return next(node for node in graph.nodes if node.name == name)


def _rows(integer: Graph, rows: Array | None) -> Array:
    size = integer.input.size
    if rows is not None and len(rows):
        step = -(-len(rows) // MAX_ROWS)
        return np.asarray(rows, np.float64)[::step].reshape(-1, size)
    quant = integer.input.quant
    assert quant is not None  # an integer graph
    noise = np.random.default_rng(0).integers(quant.low, quant.high + 1, (NOISE_ROWS, size))
    return np.asarray(quant.unit * (noise - quant.zero_point))
