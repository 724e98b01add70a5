"""What kernels that scale sums share: tables of multipliers and shifts, and the output's bytes."""

import numpy as np

from pyexport.ir import Array, Graph, QuantParams
from pyexport.lower.packing import plain_const
from pyexport.program import Const

Params = tuple[tuple[str, int | str], ...]


def quant(graph: Graph, tensor: str) -> QuantParams:
    """Return a tensor's quantization; raises TypeError for a float tensor."""
    params = graph.tensor(tensor).quant
    if params is None:
        raise TypeError(f"{tensor} is not quantized")
    return params


def scale_tables(name: str, multiplier: Array, shift: Array) -> tuple[Const, ...]:
    """Return the multipliers, and the shifts where outputs differ in them."""
    multipliers = plain_const(f"{name}_multiplier", multiplier, "u16", "q15x, one an output")
    if one_shift(shift):
        return (multipliers,)
    return multipliers, plain_const(f"{name}_shift", shift, "u8", "1..30, one an output")


def one_shift(shift: Array) -> bool:
    """Return whether all outputs share a shift, which is then a number in the code."""
    return len(set(shift.tolist())) == 1


def range_params(target: QuantParams) -> Params:
    """Return the type of bytes, their zero point, and what limits them."""
    return (
        ("out_dtype", target.dtype),
        ("zero_point", target.zero_point),
        ("low", target.low),
        ("high", target.high),
    )


def output_params(graph: Graph, tensor: str, shift: Array, pre_shift: int) -> Params:
    """Return how sums become the bytes of a tensor; shift 0 stands for one an output."""
    target = quant(graph, tensor)
    return (
        *range_params(target),
        ("pre_shift", pre_shift),
        ("shift", int(shift[0]) if one_shift(shift) else 0),
    )


def weighted_start(name: str, bias: Array, weight: Array, zero_point: int) -> Const:
    """Return the biases a loop starts at that adds weight * (byte - zero_point).

    With zero_point 0 they are the operator's own, which hold what the zero points add.
    """
    if not zero_point:
        return plain_const(f"{name}_bias", bias, "s32", "-zero_point * sum(weights) included")
    sums = weight.astype(np.int64).reshape(len(weight), -1).sum(axis=1)
    start = bias.astype(np.int64) + zero_point * sums
    return plain_const(f"{name}_bias", start, "s32", "without zero points")
