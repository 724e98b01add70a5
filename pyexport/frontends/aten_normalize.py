"""Lowers BatchNorm, LayerNorm, softmax and reductions from ATen."""

from __future__ import annotations

import numpy as np

from pyexport.errors import (
    FileFormatError,
    InvalidModelError,
    UnsupportedModelError,
    UnsupportedOperatorError,
)
from pyexport.frontends.aten_table import Handler, Table, table
from pyexport.frontends.channels import on_channels_last
from pyexport.frontends.graph_builder import Value
from pyexport.frontends.lowering import Lowering, refuse_non_finite
from pyexport.frontends.pt2 import Call
from pyexport.ir import Affine, Argmax, FloatArray, LayerNorm, LogSoftmax, Reduce, Softmax
from pyexport.untrusted import printable


def _batch_norm(low: Lowering, call: Call) -> Value:
    x = low.operand(call, "input")
    size = x.shape[0]
    mean = _channel(low, call, "running_mean", size)
    variance = _channel(low, call, "running_var", size)
    if mean is None or variance is None:
        raise low.training_mode(call)
    eps = low.number(call, "eps", 1e-5) or 0.0
    if not (variance + eps > 0).all():
        raise InvalidModelError(f"{low.at(call)}: running_var + eps is not positive")
    weight = _channel(low, call, "weight", size)
    bias = _channel(low, call, "bias", size)
    scale = (np.ones(size) if weight is None else weight) / np.sqrt(variance + eps)
    shift = (np.zeros(size) if bias is None else bias) - mean * scale
    refuse_non_finite(f"{call.module} (folded)", np.concatenate([scale, shift]), low.where)
    return on_channels_last(low.builder, Affine(scale, shift), x, printable(call.module))


def _channel(low: Lowering, call: Call, key: str, size: int) -> FloatArray | None:
    """Return a BatchNorm parameter in float64, where the folding happens."""
    parameter = low.parameter(call, key)
    if parameter is None:
        return None
    if parameter.array.shape != (size,):
        raise FileFormatError(f"{low.at(call)}: {printable(parameter.name)} has the wrong shape")
    return parameter.array.astype(np.float64)


def _layer_norm(low: Lowering, call: Call) -> Value:
    x = low.operand(call, "input")
    given = call.arguments.get("normalized_shape")
    shape = tuple(given) if isinstance(given, list) else ()
    if not shape or x.shape[-len(shape) :] != shape:
        raise UnsupportedModelError(
            f"{low.at(call)} normalizes {shape} of a tensor of {x.shape} beside the batch; take "
            "its last dimensions"
        )
    arrays = []
    for key, default in (("weight", np.ones(shape)), ("bias", np.zeros(shape))):
        parameter = low.parameter(call, key)
        if parameter is not None and parameter.array.shape != shape:
            raise FileFormatError(f"{low.at(call)}: its {key} has the wrong shape")
        arrays.append(default if parameter is None else low.frozen(parameter, key, lambda a: a))
    eps = low.number(call, "eps", 1e-5) or 0.0
    return low.one(call, LayerNorm(arrays[0], arrays[1], float(eps)), x)


def _softmax(kind: type[Softmax] | type[LogSoftmax]) -> Handler:
    def handler(low: Lowering, call: Call) -> Value:
        x = low.operand(call, "self")
        axis = low.axis(call, "dim", len(x.shape))
        return low.one(call, kind(-1 if axis == len(x.shape) - 1 else axis), x)

    return handler


def _reduce(function: str) -> Handler:
    def handler(low: Lowering, call: Call) -> Value:
        x = low.operand(call, "self")
        given = call.arguments.get("dim")
        dims = given if isinstance(given, list) else [given]
        if not dims or given is None:
            raise UnsupportedModelError(
                f"{low.at(call)} is over all dimensions, the batch too; name the others, e.g. "
                "dim=(2, 3)"
            )
        rank = len(x.shape)
        axes = tuple(sorted({low.without_batch(call, dim, rank) for dim in dims}))
        return _without_all(low, call, Reduce(function, axes, low.flag(call, "keepdim")), x)

    return handler


def _argmax(low: Lowering, call: Call) -> Value:
    x = low.operand(call, "self")
    if call.arguments.get("dim") is None:
        raise UnsupportedModelError(
            f"{low.at(call)} is over the batch too; name the dimension, e.g. argmax(dim=-1)"
        )
    axis = low.axis(call, "dim", len(x.shape))
    return _without_all(low, call, Argmax(axis, low.flag(call, "keepdim")), x)


def _without_all(low: Lowering, call: Call, op: Reduce | Argmax, x: Value) -> Value:
    """Emit a reduction, unless nothing but the batch would be left."""
    if not op.output_shape(x.shape):
        raise UnsupportedOperatorError(
            f"{low.at(call)} leaves one number without a dimension; use keepdim=True"
        )
    return low.one(call, op, x)


NORMALIZE: Table = {
    **table(_batch_norm, "batch_norm.default", "_native_batch_norm_legit_no_training.default"),
    **table(_layer_norm, "layer_norm.default", "native_layer_norm.default"),
    **table(_softmax(Softmax), "softmax.int", "_softmax.default"),
    **table(_softmax(LogSoftmax), "log_softmax.int", "_log_softmax.default"),
    **table(_reduce("mean"), "mean.dim"),
    **table(_reduce("sum"), "sum.dim_IntList"),
    **table(_reduce("max"), "amax.default", "max.dim"),
    **table(_argmax, "argmax.default"),
}
