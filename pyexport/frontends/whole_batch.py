"""Calls that move or drop the batch: legal while it is 1, which is then an axis like others.

nn.MultiheadAttention puts the sequence before the batch and merges the batch with its heads. With a
batch of 1 no element meets another row's, so such a call works on its tensors as PyTorch has them.
A result whose first dimension is 1 has its batch there again.
"""

from __future__ import annotations

from pyexport.frontends.aten_linear import LINEAR
from pyexport.frontends.aten_shape import SHAPE
from pyexport.frontends.aten_table import Handler
from pyexport.frontends.graph_builder import Value
from pyexport.frontends.lowering import BatchMovedError, Known, Lowering, Result
from pyexport.frontends.pt2 import Call, Parameter, TensorRef
from pyexport.ir import Reshape

# Calls that name every dimension they work along, or that work along none or the last ones.
_ANY_AXES = frozenset({
    *SHAPE, *LINEAR,
    *(f"aten.{name}" for name in (
        "add.Tensor", "add_.Tensor", "sub.Tensor", "mul.Tensor", "mul.Scalar", "div.Tensor",
        "div.Scalar", "softmax.int", "_softmax.default", "layer_norm.default", "relu.default",
        "gelu.default", "tanh.default", "sigmoid.default", "silu.default", "mean.dim",
        "sum.dim_IntList",
    )),
})  # fmt: skip
_WEIGHTED = frozenset({*LINEAR, "aten.layer_norm.default"})  # their parameters have no batch


def with_whole_batch(low: Lowering, call: Call, handler: Handler) -> Result | None:
    """Return what a call computes, on tensors with their batch where it has to be."""
    try:
        return handler(low, call)
    except BatchMovedError as error:
        if low.batch != 1 or call.target not in _ANY_AXES or _meets_constants(low, call):
            raise
        moved = error
    low.whole = True
    try:
        result = handler(low, call)
        if isinstance(result, tuple):
            return tuple(_placed(low, call, part, moved) for part in result)
        return None if result is None else _placed(low, call, result, moved)
    finally:
        low.whole = False


def _meets_constants(low: Lowering, call: Call) -> bool:
    """Return whether a stored tensor is an operand, which may have a batch of its own."""
    if call.target in _WEIGHTED:
        return False
    references = [a for a in call.arguments.values() if isinstance(a, TensorRef)]
    return any(isinstance(low.values.get(r.name), Parameter) for r in references)


def _placed(low: Lowering, call: Call, result: Known, moved: BatchMovedError) -> Known:
    """Return a result without its batch if that is first, and keep in mind any other."""
    if not isinstance(result, Value):
        return result
    if result.shape[0] != 1 or len(result.shape) == 1:
        low.wholes[result.index] = moved
        return result
    shape = result.shape[1:]
    return low.emit(call, Reshape(shape), result, shape)
