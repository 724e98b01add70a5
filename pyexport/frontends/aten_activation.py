"""Lowers functions of one element from ATen: clamps, and the curves of ir.Activation."""

from __future__ import annotations

import math

from pyexport.errors import InvalidModelError, UnsupportedModelError, UnsupportedOperatorError
from pyexport.frontends.aten_table import Handler, Table, table
from pyexport.frontends.channels import on_channels_last
from pyexport.frontends.graph_builder import Value
from pyexport.frontends.lowering import Lowering
from pyexport.frontends.pt2 import Call
from pyexport.ir import Activation, Clamp, PRelu
from pyexport.untrusted import printable


def _clamp(low_key: str, low_default: float | None, high_key: str, high_default: float | None,
           ) -> Handler:  # fmt: skip
    """Return a handler whose limits are the arguments of these names."""

    def handler(low: Lowering, call: Call) -> Value:
        x = low.operand(call, "self")
        lower_limit = low.number(call, low_key, low_default)
        upper_limit = low.number(call, high_key, high_default)
        a = -math.inf if lower_limit is None else float(lower_limit)
        b = math.inf if upper_limit is None else float(upper_limit)
        if not a <= b:  # also NaN
            raise InvalidModelError(f"{low.at(call)}: its limits {a} and {b} leave no value")
        return low.emit(call, Clamp(a, b), x, x.shape)

    return handler


def _curve(function: str, **parameters: float) -> Handler:
    """Return a handler of a function whose parameters are the arguments of these names."""

    def handler(low: Lowering, call: Call) -> Value:
        numbers = [low.number(call, key, default) for key, default in parameters.items()]
        values = tuple(float(n) for n in numbers if n is not None)
        return low.one(call, Activation(function, values), low.operand(call, "self"))

    return handler


def _gelu(low: Lowering, call: Call) -> Value:
    kind = call.arguments.get("approximate", "none")
    if kind not in ("none", "tanh"):
        raise low.unsupported(call)
    function = "gelu_tanh" if kind == "tanh" else "gelu"
    return low.one(call, Activation(function), low.operand(call, "self"))


def _elu(low: Lowering, call: Call) -> Value:
    if low.number(call, "input_scale", 1) != 1:
        raise UnsupportedOperatorError(f"{low.at(call)} has an input_scale; use nn.ELU or nn.SELU")
    alpha, scale = (low.number(call, key, 1.0) for key in ("alpha", "scale"))
    values = (float(alpha or 0.0), float(scale or 0.0))
    return low.one(call, Activation("elu", values), low.operand(call, "self"))


_SELU = Activation("elu", (1.6732632423543772, 1.0507009873554805))


def _selu(low: Lowering, call: Call) -> Value:
    return low.one(call, _SELU, low.operand(call, "self"))


def _prelu(low: Lowering, call: Call) -> Value:
    x = low.operand(call, "self")
    weight = low.parameter(call, "weight")
    if weight is None or weight.array.size not in (1, x.shape[0]):
        raise UnsupportedModelError(f"{low.at(call)}: its weight is not one, or one a channel")
    if weight.array.size == 1:
        return low.one(call, Activation("leaky_relu", (float(weight.array.reshape(-1)[0]),)), x)
    slope = low.frozen(weight, "prelu", lambda array: array.reshape(-1))
    return on_channels_last(low.builder, PRelu(slope), x, printable(call.module))


def _both(handler: Handler, *names: str) -> Table:
    """Return the rows of operators and their in-place forms."""
    return table(handler, *(f"{name}{end}.default" for name in names for end in ("", "_")))


ACTIVATION: Table = {
    **_both(_clamp("", 0.0, "", None), "relu"),
    **_both(_clamp("", 0.0, "", 6.0), "relu6"),
    **_both(_clamp("min_val", -1.0, "max_val", 1.0), "hardtanh"),
    **_both(_clamp("min", None, "max", None), "clamp"),
    **_both(_clamp("min", None, "", None), "clamp_min"),
    **_both(_clamp("", None, "max", None), "clamp_max"),
    **_both(_curve("leaky_relu", negative_slope=0.01), "leaky_relu"),
    **_both(_curve("celu", alpha=1.0), "celu"),
    **_both(_elu, "elu"),
    **_both(_selu, "selu"),
    **_both(_curve("sigmoid"), "sigmoid"),
    **_both(_curve("tanh"), "tanh"),
    **_both(_curve("hardsigmoid"), "hardsigmoid"),
    **_both(_curve("hardswish"), "hardswish"),
    **_both(_curve("silu"), "silu"),
    **_both(_curve("mish"), "mish"),
    **_both(_gelu, "gelu"),
    **table(_curve("softplus", beta=1.0, threshold=20.0), "softplus.default"),
    **table(_curve("log_sigmoid"), "log_sigmoid.default", "log_sigmoid_forward.default"),
    **table(_curve("exp"), "exp.default", "exp_.default"),
    **table(_curve("abs"), "abs.default", "abs_.default"),
    **table(_prelu, "prelu.default", "_prelu_kernel.default"),
}
