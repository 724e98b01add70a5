"""The definition: what the firmware computes, in plain Python integers.

This file is the specification of the PX1 arithmetic (docs/arithmetic.md tells why). It imports the
standard library, fixedpoint, and simulator.float32 for the float32 scheme, takes its model as lists
and numbers, and is written to be read; `fast` computes the same with NumPy, the generated C the
same on a chip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyexport.fixedpoint import clamp, requantize_q15x
from pyexport.simulator import exact, float32

Number = int | float
Key = tuple[int, int]  # (number of the traced node, flat index of its output)


@dataclass(frozen=True)
class LinearLayer:
    """out[o] = clamp(zero_point + requantize(bias[o] + sum_i weight[o][i] * in[i]), low, high)."""

    name: str
    source: str  # the tensor it reads
    target: str  # the tensor it writes
    weight: list[list[int]]  # [output][input], -127..127
    bias: list[int]  # the input's zero point is already in it
    multiplier: list[int]  # one an output
    shift: list[int]
    pre_shift: int
    zero_point: int  # of the output
    low: int
    high: int


@dataclass(frozen=True)
class AffineLayer:
    """The same with one product an output; element i has the numbers of column i % columns."""

    name: str
    source: str
    target: str
    weight: list[int]  # one a column, -127..127
    bias: list[int]
    multiplier: list[int]
    shift: list[int]
    pre_shift: int
    zero_point: int
    low: int
    high: int


@dataclass(frozen=True)
class FloatLinearLayer:
    """The float32 scheme: each sum starts at the bias and takes the inputs in order."""

    name: str
    source: str
    target: str
    weight: list[list[float]]
    bias: list[float]
    low: float
    high: float


@dataclass(frozen=True)
class FloatAffineLayer:
    """The float32 scheme: the product is rounded, then the sum; element i is of column i % n."""

    name: str
    source: str
    target: str
    scale: list[float]
    shift: list[float]
    low: float
    high: float


@dataclass(frozen=True)
class FloatSoftmaxLayer:
    """Probabilities in float32, with the exponential of simulator/float32.py."""

    name: str
    source: str
    target: str


IntegerLayer = LinearLayer | AffineLayer
Layer = IntegerLayer | FloatLinearLayer | FloatAffineLayer | FloatSoftmaxLayer
AnyLayer = Layer | exact.Layer


@dataclass(frozen=True)
class PlainModel:
    """An exported model as plain numbers; `simulator.plain` reads one from a .px file."""

    scheme: str  # "int8" or "float32"
    input: str
    output: str
    input_size: int
    input_low: Number  # the legal input values
    input_high: Number
    layers: Sequence[AnyLayer]


@dataclass(frozen=True)
class Result:
    """The output vector, and every accumulator: the final sum after the bias, before rounding."""

    outputs: list[Number]
    accumulators: dict[Key, Number]


def run(model: PlainModel, inputs: list[Number]) -> Result:
    """Return what the firmware computes for one row; raises ValueError for an illegal input."""
    if len(inputs) != model.input_size:
        raise ValueError(f"the model takes {model.input_size} values, not {len(inputs)}")
    for x in inputs:
        if not model.input_low <= x <= model.input_high:
            raise ValueError(f"input {x} is outside {model.input_low}..{model.input_high}")
    tensors: dict[str, list[Number]] = {model.input: inputs}
    accumulators: dict[Key, Number] = {}
    node = 0
    for layer in model.layers:
        if isinstance(layer, exact.Layer):
            sums = _run_registered(layer, tensors)
        else:
            tensors[layer.target], sums = _run_layer(layer, tensors[layer.source])
        accumulators.update({(node, index): acc for index, acc in enumerate(sums)})
        node += bool(sums)  # a layer without sums has no number
    return Result(tensors[model.output], accumulators)


def argmax(outputs: list[Number]) -> int:
    """Return the index of the largest output; the lowest index wins a tie."""
    best = 0
    for index, value in enumerate(outputs):
        if value > outputs[best]:
            best = index
    return best


def _run_registered(layer: exact.Layer, tensors: dict[str, list[Number]]) -> list[Number]:
    evaluated = exact.evaluate(layer, [tensors[place.name] for place in layer.inputs])
    for place, values in zip(layer.outputs, evaluated.outputs, strict=True):
        tensors[place.name] = list(values)
    return list(evaluated.sums)


def _run_layer(layer: Layer, x: list[Number]) -> tuple[list[Number], list[Number]]:
    if isinstance(layer, LinearLayer):
        return _linear(layer, x)
    if isinstance(layer, AffineLayer):
        return _affine(layer, x)
    if isinstance(layer, FloatLinearLayer):
        return _float_linear(layer, x)
    if isinstance(layer, FloatAffineLayer):
        return _float_affine(layer, x)
    return _float_softmax(x)


def _linear(layer: LinearLayer, x: list[Number]) -> tuple[list[Number], list[Number]]:
    sums: list[Number] = []
    outputs: list[Number] = []
    for o, row in enumerate(layer.weight):
        acc = layer.bias[o]
        for w, value in zip(row, x, strict=True):
            acc += w * int(value)
        q = requantize_q15x(acc, layer.multiplier[o], layer.shift[o], layer.pre_shift)
        sums.append(acc)
        outputs.append(clamp(q + layer.zero_point, layer.low, layer.high))
    return outputs, sums


def _affine(layer: AffineLayer, x: list[Number]) -> tuple[list[Number], list[Number]]:
    sums: list[Number] = []
    outputs: list[Number] = []
    for i, value in enumerate(x):
        c = i % len(layer.weight)
        acc = layer.bias[c] + layer.weight[c] * int(value)
        q = requantize_q15x(acc, layer.multiplier[c], layer.shift[c], layer.pre_shift)
        sums.append(acc)
        outputs.append(clamp(q + layer.zero_point, layer.low, layer.high))
    return outputs, sums


def _float_linear(layer: FloatLinearLayer, x: list[Number]) -> tuple[list[Number], list[Number]]:
    sums: list[Number] = []
    outputs: list[Number] = []
    for o, row in enumerate(layer.weight):
        acc = layer.bias[o]
        for w, value in zip(row, x, strict=True):
            acc = float32.add(acc, float32.multiply(w, value))
        sums.append(acc)
        outputs.append(_float_clamp(acc, layer.low, layer.high))
    return outputs, sums


def _float_affine(layer: FloatAffineLayer, x: list[Number]) -> tuple[list[Number], list[Number]]:
    sums: list[Number] = []
    for i, value in enumerate(x):
        c = i % len(layer.scale)
        sums.append(float32.add(float32.multiply(layer.scale[c], value), layer.shift[c]))
    return [_float_clamp(acc, layer.low, layer.high) for acc in sums], sums


def _float_clamp(value: Number, low: float, high: float) -> Number:
    return low if value < low else high if value > high else value


def _float_softmax(x: list[Number]) -> tuple[list[Number], list[Number]]:
    largest = max(x)
    terms = [float32.exp_nonpositive(float32.add(value, -largest)) for value in x]
    total = 0.0
    for term in terms:
        total = float32.add(total, term)
    return [float32.divide(term, total) for term in terms], [total]
