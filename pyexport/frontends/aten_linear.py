"""Lowers linear layers, matrix products and attention from ATen."""

from __future__ import annotations

import math

import numpy as np

from pyexport.errors import FileFormatError, UnsupportedModelError, UnsupportedOperatorError
from pyexport.frontends.aten_table import Table, table
from pyexport.frontends.graph_builder import Value
from pyexport.frontends.lowering import Lowering
from pyexport.frontends.pt2 import Call, Parameter
from pyexport.ir import Affine, Array, Conv2d, Linear, MatMul, Permute, Reshape, Softmax
from pyexport.untrusted import printable


def _linear(low: Lowering, call: Call) -> Value:
    weight = low.parameter(call, "weight")
    return _dense(low, call, low.operand(call, "input"), weight, low.parameter(call, "bias"))


def _addmm(low: Lowering, call: Call) -> Value:
    if low.number(call, "alpha", 1) != 1 or low.number(call, "beta", 1) != 1:
        raise UnsupportedOperatorError(
            f"{low.at(call)} has alpha or beta other than 1; multiply the weight and the bias by "
            "them, or use nn.Linear"
        )
    weight = low.parameter(call, "mat2")
    return _dense(
        low, call, low.operand(call, "mat1"), _transposed(weight), low.parameter(call, "self")
    )


def _matmul(low: Lowering, call: Call) -> Value:
    key = "other" if "other" in call.arguments else "mat2"
    if isinstance(low.known(call.arguments.get(key)), Value):
        a, b = low.tensor(call, "self"), low.operand(call, key)
        if len(a.shape) < 2 or len(b.shape) < 2:
            raise UnsupportedOperatorError(
                f"{low.at(call)} multiplies computed tensors of shapes {a.shape} and {b.shape} "
                "beside the batch; both need two dimensions there"
            )
        return low.one(call, MatMul(), a, b)
    weight = low.parameter(call, key)
    return _dense(low, call, low.operand(call, "self"), _transposed(weight), None)


def _transposed(weight: Parameter | None) -> Parameter | None:
    return weight and Parameter(weight.name, weight.array.T)


def _dense(
    low: Lowering, call: Call, x: Value, weight: Parameter | None, bias: Parameter | None
) -> Value:
    """Emit y = weight @ x + bias along the last axis of x, for a weight of (n_out, n_in)."""
    if weight is None or weight.array.ndim != 2 or 0 in weight.array.shape:
        raise UnsupportedModelError(f"{low.at(call)}: its weight is not a matrix")
    n_out, n_in = weight.array.shape
    if n_in != x.shape[-1]:
        raise FileFormatError(
            f"{low.at(call)}: {printable(weight.name)} takes {n_in} inputs, not {x.shape[-1]}"
        )
    if bias is None:
        offsets: Array = np.zeros(n_out, weight.array.dtype)
    elif bias.array.size == n_out:
        offsets = low.frozen(bias, "bias", lambda array: array.reshape(-1))
    else:
        raise UnsupportedModelError(
            f"{low.at(call)}: its bias has {bias.array.size} values, not {n_out}"
        )
    if len(x.shape) == 1:
        matrix = low.frozen(weight, "linear", lambda array: array)
        return low.emit(call, Linear(matrix, offsets), x, (n_out,))
    return _pointwise(low, call, x, weight, offsets)


def _pointwise(low: Lowering, call: Call, x: Value, weight: Parameter, offsets: Array) -> Value:
    """Emit a linear layer on every vector of a tensor: a convolution with a 1x1 kernel."""
    n_out, n_in = weight.array.shape
    kernel = low.frozen(weight, "pointwise", lambda array: array.reshape(n_out, 1, 1, n_in))
    rows = x.shape[:-1] if len(x.shape) == 3 else (1, math.prod(x.shape[:-1]))
    image = x if len(x.shape) == 3 else low.one(call, Reshape((*rows, n_in)), x)
    y = low.one(call, Conv2d(kernel, offsets), image)
    return y if len(x.shape) == 3 else low.one(call, Reshape((*x.shape[:-1], n_out)), y)


def _attention(low: Lowering, call: Call) -> Value:
    """Emit softmax(query @ key^T * scale) @ value, as matrix products."""
    masked = call.arguments.get("attn_mask") is not None or low.flag(call, "is_causal")
    if masked or low.number(call, "dropout_p", 0.0) or low.flag(call, "enable_gqa"):
        raise UnsupportedOperatorError(
            f"{low.at(call)} has a mask, dropout or grouped heads; use attention without them"
        )
    query, key, value = (low.operand(call, name) for name in ("query", "key", "value"))
    rank, width = len(query.shape), query.shape[-1]
    if rank < 2 or len(key.shape) != rank:
        raise UnsupportedOperatorError(f"{low.at(call)}: its operands have no sequence")
    scale = low.number(call, "scale", None)
    factor = 1.0 / math.sqrt(width) if scale is None else float(scale)
    scaled = low.one(call, Affine(np.full(width, factor), np.zeros(width)), query)
    turned = low.one(call, Permute((*range(rank - 2), rank - 1, rank - 2)), key)
    weights = low.one(call, Softmax(), low.one(call, MatMul(), scaled, turned))
    return low.one(call, MatMul(), weights, value)


LINEAR: Table = {
    **table(_linear, "linear.default"),
    **table(_addmm, "addmm.default"),
    **table(_matmul, "mm.default", "matmul.default", "bmm.default"),
    **table(_attention, "scaled_dot_product_attention.default"),
}
