"""The definition: what the firmware computes, in plain Python integers.

This file, with the operators in exact/, is the specification of the PX1 arithmetic and of the
float32 scheme (docs/arithmetic.md tells why). It imports the standard library and fixedpoint, takes
its model as lists and numbers, and is written to be read; `fast` computes the same with NumPy, the
generated C the same on a chip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyexport.simulator import exact

Number = int | float
Key = tuple[int, int]  # (number of the traced node, flat index of its output)


@dataclass(frozen=True)
class PlainState:
    """A tensor that is kept between steps: one reads it, and leaves another for the next."""

    read: str
    write: str
    size: int
    initial: int  # every value of it after a reset


Memory = dict[str, list[Number]]  # what is kept, by the tensor that reads it


@dataclass(frozen=True)
class PlainInput:
    """An input: its tensor, its elements, and the values that are legal."""

    name: str
    size: int
    low: Number
    high: Number


@dataclass(frozen=True)
class PlainModel:
    """An exported model as plain numbers; `simulator.plain` reads one from a .px file."""

    scheme: str  # "int8" or "float32"
    inputs: Sequence[PlainInput]
    outputs: Sequence[str]  # tensors
    layers: Sequence[exact.Layer]
    states: Sequence[PlainState] = ()


@dataclass(frozen=True)
class Result:
    """The output vector, and every accumulator: the final sum after the bias, before rounding."""

    outputs: list[Number]  # of several outputs, one after the other
    accumulators: dict[Key, Number]
    memory: Memory  # what the next step starts from; empty for a model without states


def reset(model: PlainModel) -> Memory:
    """Return what the first step starts from."""
    return {state.read: [state.initial] * state.size for state in model.states}


def run(model: PlainModel, inputs: list[Number], memory: Memory | None = None) -> Result:
    """Return what the firmware computes for one row; raises ValueError for an illegal input.

    A row holds the values of all inputs, one input after the other. memory: what the step before
    has left, of a model with states; None: as after a reset.
    """
    size = sum(port.size for port in model.inputs)
    if len(inputs) != size:
        raise ValueError(f"the model takes {size} values, not {len(inputs)}")
    tensors: dict[str, list[Number]] = {}
    start = 0
    for port in model.inputs:
        values = inputs[start : start + port.size]
        start += port.size
        for x in values:
            if not port.low <= x <= port.high:
                raise ValueError(f"{port.name} {x} is outside {port.low}..{port.high}")
        tensors[port.name] = values
    tensors.update(reset(model) if memory is None else memory)
    accumulators: dict[Key, Number] = {}
    node = 0
    for layer in model.layers:
        sums = _run_layer(layer, tensors)
        accumulators.update({(node, index): acc for index, acc in enumerate(sums)})
        node += bool(sums)  # a layer without sums has no number
    kept = {state.read: tensors[state.write] for state in model.states}
    outputs = [value for name in model.outputs for value in tensors[name]]
    return Result(outputs, accumulators, kept)


def argmax(outputs: list[Number]) -> int:
    """Return the index of the largest output; the lowest index wins a tie."""
    best = 0
    for index, value in enumerate(outputs):
        if value > outputs[best]:
            best = index
    return best


def _run_layer(layer: exact.Layer, tensors: dict[str, list[Number]]) -> list[Number]:
    evaluated = exact.evaluate(layer, [tensors[place.name] for place in layer.inputs])
    for place, values in zip(layer.outputs, evaluated.outputs, strict=True):
        tensors[place.name] = list(values)
    return list(evaluated.sums)
