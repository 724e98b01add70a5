"""Lowers functions of one element, and what only passes its input on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from pyexport.errors import InvalidModelError, UnsupportedModelError
from pyexport.frontends.onnx.batch import numbers_for, operand
from pyexport.frontends.onnx.elementwise import affine, per_element
from pyexport.frontends.onnx.expressions import SOFTPLUS_LINEAR
from pyexport.frontends.onnx.lowering import Computed, Known, Lowering, shape_of, show
from pyexport.frontends.onnx.model import OnnxNode
from pyexport.frontends.onnx.tensors import DTYPE_NAMES, FLOATS
from pyexport.ir import Activation, Clamp, Identity, Mul, Op, PRelu

Handler = Callable[[Lowering, OnnxNode], Sequence[Known]]
_SELU = (1.67326319217681884765625, 1.05070102214813232421875)  # ONNX's defaults


def unary(make: Callable[[Lowering, OnnxNode], Op]) -> Handler:
    """Return the handler of an operator that keeps the shape of its one tensor."""

    def handler(low: Lowering, node: OnnxNode) -> Sequence[Known]:
        x = low.computed(node, 0)
        return [Computed(low.one(node, make(low, node), x.value), x.batch)]

    return handler


def named(function: str, *parameters: float) -> Handler:
    """Return the handler of a function without attributes."""
    return unary(lambda _low, _node: Activation(function, parameters))


def _clip(low: Lowering, node: OnnxNode) -> Op:
    lower = low.scalar(node, 1, "min", -math.inf)
    upper = low.scalar(node, 2, "max", math.inf)
    if not lower <= upper:  # also NaN
        raise InvalidModelError(f"{low.at(node)}: its limits {lower} and {upper} leave no value")
    return Clamp(lower, upper)


def _gelu(low: Lowering, node: OnnxNode) -> Op:
    tanh = low.word(node, "approximate", "none") == "tanh"
    return Activation("gelu_tanh" if tanh else "gelu")


def _selu(low: Lowering, node: OnnxNode) -> Op:
    alpha, gamma = low.number(node, "alpha", _SELU[0]), low.number(node, "gamma", _SELU[1])
    return Activation("elu", (alpha, gamma))


def hard_sigmoid(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """min(max(alpha * x + beta, 0), 1): one function with PyTorch's numbers, else two steps."""
    x = low.computed(node, 0)
    alpha, beta = low.number(node, "alpha", 0.2), low.number(node, "beta", 0.5)
    if np.float32(alpha) == np.float32(1.0 / 6.0) and beta == 0.5:
        return [Computed(low.one(node, Activation("hardsigmoid"), x.value), x.batch)]
    scaled = affine(low, node, x, np.array(alpha), np.array(beta))
    return [Computed(low.one(node, Clamp(0.0, 1.0), scaled.value), x.batch)]


def swish(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """x * sigmoid(alpha * x)."""
    x = low.computed(node, 0)
    alpha = low.number(node, "alpha", 1.0)
    if alpha == 1.0:
        return [Computed(low.one(node, Activation("silu"), x.value), x.batch)]
    scaled = affine(low, node, x, np.array(alpha), np.array(0.0))
    gate = low.one(node, Activation("sigmoid"), scaled.value)
    return [Computed(low.one(node, Mul(), x.value, gate), x.batch)]


def prelu(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """x if x >= 0, else slope * x, with a stored slope that broadcasts to x."""
    x = low.computed(node, 0)
    stored = low.stored(node, 1, "slope")
    if stored is None:
        raise low.unsupported(node, "has no slope; export the model again")
    shape = shape_of(x, low)
    slopes = low.floats(stored, "slope")
    try:
        line = numbers_for(low, node, x, slopes)
    except ValueError:
        raise low.unsupported(
            node, f"has a slope of {show(slopes.shape)} for {show(shape)}; use one a channel"
        ) from None
    low.charge(line.size, node)
    return [Computed(per_element(low, node, x.value, [line], PRelu), x.batch)]


def same(reason: str) -> Handler:
    """Return the handler of an operator that does nothing at inference."""

    def handler(low: Lowering, node: OnnxNode) -> Sequence[Known]:
        x = operand(low, node, 0)
        if any(node.outputs[1:]):
            raise low.unsupported(node, "has a mask as output; remove it")
        if isinstance(x, Computed) and reason == "dropout":
            if low.scalar(node, 2, "training_mode", 0.0) and low.scalar(node, 1, "ratio", 0.5):
                raise InvalidModelError(
                    f"{low.at(node)} is in training mode; call model.eval() before exporting"
                )
            return [Computed(low.one(node, Identity(reason), x.value), x.batch)]
        return [x]

    return handler


def cast(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """Another float type, which is none here; other types are refused."""
    x = low.computed(node, 0)
    to = low.integer(node, "to", 0)
    if to not in FLOATS:
        raise UnsupportedModelError(
            f"{low.at(node)} converts to {DTYPE_NAMES.get(to, 'an unknown type')}; keep one float "
            "type in the model"
        )
    return [x]


def _clamp(low: float, high: float) -> Handler:
    return unary(lambda _low, _node: Clamp(low, high))


HANDLERS: dict[str, Handler] = {
    "Relu": _clamp(0.0, math.inf),
    "Clip": unary(_clip),
    "LeakyRelu": unary(
        lambda low, node: Activation("leaky_relu", (low.number(node, "alpha", 0.01),))
    ),
    "Elu": unary(lambda low, node: Activation("elu", (low.number(node, "alpha", 1.0), 1.0))),
    "Celu": unary(lambda low, node: Activation("celu", (low.number(node, "alpha", 1.0),))),
    "Selu": unary(_selu),
    "Gelu": unary(_gelu),
    "Sigmoid": named("sigmoid"),
    "Tanh": named("tanh"),
    "HardSwish": named("hardswish"),
    "Mish": named("mish"),
    "Softplus": named("softplus", 1.0, SOFTPLUS_LINEAR),
    "Softsign": named("softsign"),
    "Exp": named("exp"),
    "Abs": named("abs"),
    "HardSigmoid": hard_sigmoid,
    "Swish": swish,
    "PRelu": prelu,
    "Identity": same("identity"),
    "Dropout": same("dropout"),
    "Cast": cast,
}
