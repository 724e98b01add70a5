"""Knows activation functions that a file spells out: x * Sigmoid(x), x / (1 + Abs(x)), ...

Exporters decompose what an opset lacks. Every value that came from another one element by element,
by operators on it and on single numbers, is computed at SAMPLES beside it. Where the numbers are
those of a function of the IR, the function takes the place of the chain.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from pyexport.frontends.onnx.lowering import Computed, Curve, Known, Lowering, Pending, Stored
from pyexport.frontends.onnx.model import OnnxNode
from pyexport.frontends.onnx.tensors import FLOATS
from pyexport.ir import Activation, FloatArray

# A dense range where every function bends, and the tails that tell an asymptote.
SAMPLES: FloatArray = np.concatenate([np.arange(-9.0, 9.0, 0.11), np.arange(-60.0, 61.0, 3.7)])
TOLERANCE = 1e-6  # relative to 1 + abs(value): constants in the file are float32
SOFTPLUS_LINEAR = 20.0  # beyond, softplus(x) is x in float32; PyTorch's threshold, too

_MAX_BASES = 10  # a spelled-out tanh GELU takes 8 operators

_erf: Callable[[FloatArray], FloatArray] = np.vectorize(math.erf, otypes=[np.float64])


def _sigmoid(x: FloatArray) -> FloatArray:
    return np.asarray(1.0 / (1.0 + np.exp(-x)))


def _softplus(x: FloatArray) -> FloatArray:
    return np.asarray(np.logaddexp(x, 0.0))


def _hardsigmoid(x: FloatArray, alpha: float = 1.0 / 6.0, beta: float = 0.5) -> FloatArray:
    return np.clip(alpha * x + beta, 0.0, 1.0)


def _gelu_tanh(x: FloatArray) -> FloatArray:
    return 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))


_KNOWN: tuple[tuple[Activation, FloatArray], ...] = (
    (Activation("silu"), SAMPLES * _sigmoid(SAMPLES)),
    (Activation("gelu"), SAMPLES * 0.5 * (1.0 + _erf(SAMPLES / math.sqrt(2.0)))),
    (Activation("gelu_tanh"), _gelu_tanh(SAMPLES)),
    (Activation("hardswish"), SAMPLES * _hardsigmoid(SAMPLES)),
    (Activation("hardsigmoid"), _hardsigmoid(SAMPLES)),
    (Activation("softplus", (1.0, SOFTPLUS_LINEAR)), _softplus(SAMPLES)),
    (Activation("mish"), SAMPLES * np.tanh(_softplus(SAMPLES))),
    (Activation("softsign"), SAMPLES / (1.0 + np.abs(SAMPLES))),
    (Activation("log_sigmoid"), -_softplus(-SAMPLES)),
    (Activation("sigmoid"), _sigmoid(SAMPLES)),
    (Activation("tanh"), np.tanh(SAMPLES)),
)

_FUNCTIONS: Mapping[str, Callable[..., FloatArray]] = {
    "Abs": np.abs,
    "Add": np.add,
    "Div": np.divide,
    "Erf": _erf,
    "Exp": np.exp,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "HardSwish": lambda x: x * _hardsigmoid(x),
    "HardSigmoid": _hardsigmoid,
    "Identity": lambda x: x,
    "Cast": lambda x: x,
    "Clip": np.clip,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Log": np.log,
    "Max": lambda *x: np.maximum.reduce(np.broadcast_arrays(*x)),
    "Min": lambda *x: np.minimum.reduce(np.broadcast_arrays(*x)),
    "Mul": np.multiply,
    "Neg": np.negative,
    "Not": np.logical_not,
    "Pow": np.power,
    "Reciprocal": np.reciprocal,
    "Relu": lambda x: np.maximum(x, 0.0),
    "Sigmoid": _sigmoid,
    "Softplus": _softplus,
    "Softsign": lambda x: x / (1.0 + np.abs(x)),
    "Sqrt": np.sqrt,
    "Sub": np.subtract,
    "Sum": lambda *x: np.sum(np.broadcast_arrays(*x), axis=0),
    "Tanh": np.tanh,
    "Where": np.where,
}


def curves_of(low: Lowering, node: OnnxNode) -> tuple[Curve, ...]:
    """Return what a node gives as functions of each value that all its operands came from."""
    operands = [low.known(node, i) for i in range(len(node.inputs))]
    if len(node.outputs) != 1 or node.operator not in _FUNCTIONS:
        return ()
    curves = []
    for base in _bases(operands):
        arguments = [_samples(operand, base) for operand in operands]
        with np.errstate(all="ignore"):
            result = _evaluate(low, node, arguments)
        if result is not None and result.shape == SAMPLES.shape:
            curves.append(Curve(base, result))
    return tuple(curves[:_MAX_BASES])


def _evaluate(
    low: Lowering, node: OnnxNode, arguments: list[FloatArray | None]
) -> FloatArray | None:
    match node.operator:
        case "HardSigmoid":
            alpha, beta = low.number(node, "alpha", 0.2), low.number(node, "beta", 0.5)
            arguments = [*arguments, np.array(alpha), np.array(beta)]
        case "Clip":
            lower = low.scalar(node, 1, "min", -math.inf)
            upper = low.scalar(node, 2, "max", math.inf)
            arguments = [arguments[0], np.array(lower), np.array(upper)]
        case "Cast":
            if low.integer(node, "to", 0) not in FLOATS:
                return None
    if any(argument is None for argument in arguments):
        return None
    try:
        return np.asarray(_FUNCTIONS[node.operator](*arguments))
    except TypeError:  # too few or too many operands
        return None


def identify(curves: tuple[Curve, ...]) -> tuple[Computed, Activation] | None:
    """Return the function of the IR that a curve is, and what it is applied to."""
    for curve in curves:
        for activation, samples in _KNOWN:
            if curve.samples.dtype.kind != "f":
                continue
            with np.errstate(invalid="ignore"):
                difference = np.abs(curve.samples - samples) / (1.0 + np.abs(samples))
            if float(np.nan_to_num(difference, nan=np.inf).max()) <= TOLERANCE:
                return curve.base, activation
    return None


def _bases(operands: Sequence[Known | None]) -> list[Computed]:
    """Return the values that every operand that is not stored came from, the nearest first."""
    chains = []
    for operand in operands:
        if isinstance(operand, Computed):
            chains.append([operand, *(curve.base for curve in operand.curves)])
        elif isinstance(operand, Pending):
            chains.append([curve.base for curve in operand.curves])
    if not chains:
        return []
    common = set.intersection(*({id(base) for base in chain} for chain in chains))
    return [base for base in min(chains, key=len) if id(base) in common]


def _samples(operand: Known | None, base: Computed) -> FloatArray | None:
    if operand is base:
        return SAMPLES
    if isinstance(operand, Stored):
        one = operand.array.size == 1 and operand.array.dtype.kind in "fiu"
        return operand.array.reshape(()).astype(np.float64) if one else None
    curves = operand.curves if operand is not None else ()
    return next((curve.samples for curve in curves if curve.base is base), None)
