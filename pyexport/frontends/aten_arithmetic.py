"""Arithmetic of a torch.export graph with constants: of a tensor, an Affine; of constants, folded.

`(x - mean) / std` in forward() becomes Affine nodes, which the passes fold into the next layer;
`weight * mask`, or a BatchNorm in pieces, is computed here, in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from pyexport.errors import UnsupportedModelError
from pyexport.frontends.channels import on_channels_last
from pyexport.frontends.floats import FLOATS
from pyexport.frontends.graph_builder import Value
from pyexport.frontends.lowering import Lowering, refuse_non_finite
from pyexport.frontends.model_inputs import show
from pyexport.frontends.pt2 import Call, Parameter, TensorRef
from pyexport.ir import Add, Affine, Array, FloatArray, Mul, Op, Reshape, Sub
from pyexport.untrusted import MAX_ELEMENTS, printable

_NAMES = {
    "add": "add", "sub": "sub", "subtract": "sub", "rsub": "rsub", "mul": "mul", "multiply": "mul",
    "div": "div", "divide": "div", "true_divide": "div",
}  # fmt: skip
_ARITHMETIC = {
    f"aten.{name}{place}.{form}": kind
    for name, kind in _NAMES.items()
    for place in ("", "_")
    for form in ("Tensor", "Scalar")
}
_NEGATIONS = ("aten.neg.default", "aten.neg_.default")
_ZERO, _ONE = np.zeros(()), np.ones(())
_UNARY: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "aten.neg.default": np.negative,
    "aten.abs.default": np.abs,
    "aten.exp.default": np.exp,
    "aten.sqrt.default": np.sqrt,
    "aten.rsqrt.default": lambda a: np.divide(1.0, np.sqrt(a)),
    "aten.reciprocal.default": np.reciprocal,
    "aten.square.default": np.square,
}
_RESHAPED = {
    f"aten.{name}"
    for name in (
        "view.default", "reshape.default", "unsqueeze.default", "squeeze.default", "squeeze.dim",
        "squeeze.dims", "flatten.using_ints", "_unsafe_view.default", "view_copy.default",
        "unsqueeze_copy.default", "unflatten.int",
    )
}  # fmt: skip
_CASTS = {"aten.to.dtype", "aten.to.dtype_layout", "aten._to_copy.default"}
_EXPANDED = {"aten.expand.default", "aten.expand_copy.default"}


def arithmetic(low: Lowering, call: Call) -> Value:
    """Emit scale * x + shift, one number an element, for x with a constant."""
    if call.target in _NEGATIONS:
        return _affine(low, call, low.operand(call, "self"), -_ONE, _ZERO)
    kind = _ARITHMETIC[call.target]
    a, b = (_operand(low, call, key) for key in ("self", "other"))
    alpha = np.array(_alpha(low, call))
    if kind == "rsub":
        kind, a, b = "sub", b, a
    if isinstance(a, Value) and isinstance(b, Value):
        return _binary(low, call, kind, a, b)
    factor = -alpha if kind == "sub" else alpha
    if isinstance(a, Value) and not isinstance(b, Value):
        with np.errstate(divide="ignore"):  # what is not finite is refused, by name
            scale = {"mul": b, "div": 1.0 / b}.get(kind, _ONE)
        return _affine(low, call, a, scale, factor * b if kind in ("add", "sub") else _ZERO)
    if isinstance(b, Value) and not isinstance(a, Value) and kind != "div":
        scale, shift = (a, _ZERO) if kind == "mul" else (factor, a)
        return _affine(low, call, b, scale, shift)
    raise low.unsupported(call)


_BINARY: Mapping[str, Op] = {"add": Add(), "sub": Sub(), "mul": Mul()}


def _binary(low: Lowering, call: Call, kind: str, a: Value, b: Value) -> Value:
    """Emit the arithmetic of two computed tensors."""
    if kind not in _BINARY:
        raise low.unsupported(call)
    alpha = _alpha(low, call)
    if alpha != 1.0 and kind != "mul":
        b = _affine(low, call, b, np.array(alpha), _ZERO)
    return low.one(call, _BINARY[kind], a, b)


def fold_constants(low: Lowering, call: Call) -> Parameter | None:
    """Return the result of an operator on stored numbers alone; None where it is something else."""
    references = [a for a in call.arguments.values() if isinstance(a, TensorRef)]
    operands = [low.values.get(r.name) for r in references]
    constants = [c for c in operands if isinstance(c, Parameter)]
    if not constants or len(constants) < len(operands) or call.in_place:
        return None
    array = _folded(low, call, constants)
    if array is None:
        return None
    if array.base is None:  # its own memory: a file must not make many large constants of one
        low.charge(array.size, call)
    name = constants[0].name
    return Parameter(name if name.endswith(" (folded)") else f"{name} (folded)", array)


def _folded(low: Lowering, call: Call, constants: list[Parameter]) -> Array | None:
    first = constants[0].array
    stated = low.program.values.get(call.outputs[0]) if call.outputs else None
    shape = tuple(n for n in stated.sizes if isinstance(n, int)) if stated else ()
    if stated is None or len(shape) != len(stated.sizes) or math.prod(shape) > MAX_ELEMENTS:
        return None
    if call.target in _RESHAPED and math.prod(shape) == first.size:
        return first.reshape(shape)
    if call.target in _CASTS and first.dtype.kind in "biu":
        wanted = call.arguments.get("dtype") in FLOATS
        return first.astype(np.float64) if wanted else None
    if first.dtype.kind not in "fiu":
        return None
    with np.errstate(all="ignore"):  # what is not finite is refused where it is used, by name
        if call.target in _EXPANDED:
            return np.broadcast_to(first, shape) if _fits(first.shape, shape) else None
        if call.target in _UNARY:
            return _UNARY[call.target](first.astype(np.float64))
        if call.target == "aten.pow.Tensor_Scalar":
            return np.power(first.astype(np.float64), low.number(call, "exponent", 1.0) or 0.0)
        if call.target not in _ARITHMETIC:
            return None
        a, b = (_operand(low, call, key) for key in ("self", "other"))
        if isinstance(a, Value) or isinstance(b, Value) or not all(
            _fits(operand.shape, shape) for operand in (a, b)
        ):  # fmt: skip
            return None
        return _combined(_ARITHMETIC[call.target], a, b, _alpha(low, call))


def _combined(kind: str, a: FloatArray, b: FloatArray, alpha: float) -> FloatArray:
    match kind:
        case "mul":
            return a * b
        case "div":
            return a / b
        case "add":
            return a + alpha * b
        case "sub":
            return a - alpha * b
    return b - alpha * a


def _alpha(low: Lowering, call: Call) -> float:
    alpha = low.number(call, "alpha", 1)
    return 1.0 if alpha is None else float(alpha)


def _operand(low: Lowering, call: Call, key: str) -> Value | FloatArray:
    """Return an argument: a tensor made from the input, or numbers in float64."""
    argument = call.arguments.get(key)
    if not isinstance(argument, TensorRef):
        return np.array(low.number(call, key, None), np.float64)
    constant = low.values.get(argument.name)
    if not isinstance(constant, Parameter):
        return low.value(argument.name, low.at(call))
    if constant.array.dtype.kind not in "fiu":
        raise UnsupportedModelError(
            f"{low.at(call)} uses {constant.name}, which is {constant.array.dtype}; store numbers"
        )
    return constant.array.astype(np.float64)


def _affine(low: Lowering, call: Call, x: Value, scale: Array, shift: Array) -> Value:
    """Emit the affine map with a number for each element of x, flat: rows and channels are open."""
    whole = (1, *x.shape)
    if not (_fits(np.shape(scale), whole) and _fits(np.shape(shift), whole)):
        shown = next(show(np.shape(a)) for a in (scale, shift) if not _fits(np.shape(a), whole))
        raise UnsupportedModelError(
            f"{low.at(call)}: a constant of shape {shown} does not fit a tensor of {show(whole)}; "
            "use one number, or one an element, without a batch"
        )
    refuse_non_finite(
        f"the constant of {low.at(call)}",
        np.concatenate([np.reshape(scale, -1), np.reshape(shift, -1)]),
        low.where,
    )
    for axis in (len(x.shape) - 1, 0):  # along the last axis, or along the channels
        if all(_along(np.shape(a), axis + 1, len(whole)) for a in (scale, shift)):
            return _columns(low, call, x, axis, scale, shift)
    low.charge(2 * math.prod(x.shape), call)
    numbers = [
        np.broadcast_to(np.asarray(a, np.float64), whole).reshape(-1) for a in (scale, shift)
    ]
    flat = (math.prod(x.shape),)
    x_flat = low.emit(call, Reshape(flat), x, flat)
    return low.emit(
        call,
        Reshape(x.shape),
        low.emit(call, Affine(numbers[0], numbers[1]), x_flat, flat),
        x.shape,
    )


def _columns(low: Lowering, call: Call, x: Value, axis: int, scale: Array, shift: Array) -> Value:
    """Emit the affine map with a number for each place along the first or the last axis of x."""
    size = x.shape[axis]
    low.charge(2 * size, call)
    columns = [np.broadcast_to(np.reshape(a, -1), (size,)) for a in (scale, shift)]
    op = Affine(columns[0], columns[1])
    if axis == len(x.shape) - 1:
        return low.emit(call, op, x, x.shape)
    return on_channels_last(low.builder, op, x, printable(call.module))


def _along(shape: tuple[int, ...], axis: int, rank: int) -> bool:
    """Return whether an array that broadcasts to `rank` axes differs along one of them at most."""
    padded = (1,) * (rank - len(shape)) + shape
    return all(n == 1 for i, n in enumerate(padded) if i != axis)


def _fits(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Return whether an array of `shape` broadcasts to exactly `target`."""
    padded = (1,) * (len(target) - len(shape)) + shape
    return len(padded) == len(target) and all(
        a in (1, b) for a, b in zip(padded, target, strict=True)
    )


ARITHMETIC = dict.fromkeys([*_ARITHMETIC, *_NEGATIONS], arithmetic)
