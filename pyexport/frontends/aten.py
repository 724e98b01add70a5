"""Lowers the ATen operators of a torch.export graph to the IR: a table operator -> function."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from pyexport.errors import (
    FileFormatError,
    InvalidModelError,
    PyexportError,
    UnsupportedModelError,
    UnsupportedOperatorError,
)
from pyexport.frontends.aten_arithmetic import ARITHMETIC, fold_constants
from pyexport.frontends.floats import HALVES
from pyexport.frontends.graph_builder import Value
from pyexport.frontends.lowering import (
    Lowering,
    dtype_name,
    only_input,
    refuse_non_finite,
    show,
)
from pyexport.frontends.pt2 import Call, ExportedProgram, Parameter, TensorRef
from pyexport.ir import Affine, Clamp, FloatArray, Graph, Identity, Linear, Reshape, Softmax
from pyexport.untrusted import printable


def lower(program: ExportedProgram, where: str) -> tuple[Graph, tuple[str, ...]]:
    """Return the float graph and what the user should know about it."""
    lowering = start(program, where)
    for error in training_errors(lowering):
        raise error
    for call in program.calls:
        result = evaluate(lowering, call)
        if result is not None:
            lowering.record(call, result)
    output = lowering.value(program.outputs[0], where)
    graph = lowering.builder.finish(output)
    if not graph.nodes:
        raise UnsupportedModelError(f"{where}: the model returns its input; it has no layer")
    return graph, tuple(lowering.warnings)


def start(program: ExportedProgram, where: str) -> Lowering:
    """Return a lowering that knows the input; raises UnsupportedModelError."""
    name, info = only_input(program, where)
    if len(program.outputs) != 1:
        raise UnsupportedModelError(
            f"{where}: the model has {len(program.outputs)} outputs; return one tensor"
        )
    lowering = Lowering(program, where, info, _VIEWS)
    lowering.values[name] = lowering.builder.input
    return lowering


def training_errors(low: Lowering) -> Iterator[PyexportError]:
    """Yield an error for each BatchNorm in training mode; its counter confuses later ones."""
    for call in low.program.calls:
        if call.target == "aten.batch_norm.default" and call.arguments.get("training") is not False:
            yield low.training_mode(call)


Handler = Callable[[Lowering, Call], Value | Parameter | None]


def evaluate(low: Lowering, call: Call) -> Value | Parameter | None:
    """Return what a call computes; None if it only checks something."""
    constant = fold_constants(low, call)
    if constant is not None:
        return constant
    handler = OPERATORS.get(call.target)
    if handler is None:
        raise low.unsupported(call)
    return handler(low, call)


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


def _mm(low: Lowering, call: Call) -> Value:
    weight = low.parameter(call, "other" if "other" in call.arguments else "mat2")
    return _dense(low, call, low.operand(call, "self"), _transposed(weight), None)


def _transposed(weight: Parameter | None) -> Parameter | None:
    return weight and Parameter(weight.name, weight.array.T)


def _dense(
    low: Lowering, call: Call, x: Value, weight: Parameter | None, bias: Parameter | None
) -> Value:
    """Emit y = weight @ x + bias for a weight of (n_out, n_in)."""
    if len(x.shape) != 1:
        raise UnsupportedModelError(
            f"{low.at(call)} is applied to a tensor of shape {show(x.shape)}; "
            "put nn.Flatten() before it"
        )
    if weight is None or weight.array.ndim != 2 or 0 in weight.array.shape:
        raise UnsupportedModelError(f"{low.at(call)}: its weight is not a matrix")
    n_out, n_in = weight.array.shape
    if n_in != x.shape[0]:
        raise FileFormatError(
            f"{low.at(call)}: {printable(weight.name)} takes {n_in} inputs, not {x.shape[0]}"
        )
    offsets = bias.array.reshape(-1) if bias else np.zeros(n_out, weight.array.dtype)
    if offsets.shape != (n_out,):
        raise UnsupportedModelError(
            f"{low.at(call)}: its bias has {offsets.size} values, not {n_out}"
        )
    return low.emit(call, Linear(np.ascontiguousarray(weight.array), offsets), x, (n_out,))


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


def _dropout(low: Lowering, call: Call) -> Value:
    if call.arguments.get("train") is not False:
        low.warnings.append(
            f"{printable(call.module) or 'a dropout'} was saved in training mode and is ignored; "
            "call model.eval() before saving"
        )
    x = low.operand(call, _operand_key(call))
    return low.emit(call, Identity("dropout"), x, x.shape)


def _reshape(low: Lowering, call: Call) -> Value:
    """Take the new shape from the file: the same elements in the same order, batch first."""
    x = low.operand(call, "self")
    info = low.program.values.get(call.outputs[0]) if call.outputs else None
    if info is None:
        raise FileFormatError(f"{low.at(call)} has no stated shape; the file is damaged")
    sizes = info.sizes[1:]
    shape = tuple(n for n in sizes if isinstance(n, int))
    same = len(shape) == len(sizes) and math.prod(shape) == math.prod(x.shape)
    if not shape or not same or info.sizes[0] != low.batch:
        raise UnsupportedModelError(
            f"{low.at(call)} turns {show((low.batch, *x.shape))} into {show(info.sizes)}, which "
            "mixes or drops the batch dimension; keep it first, e.g. x.flatten(1)"
        )
    return x if shape == x.shape else low.emit(call, Reshape(shape), x, shape)


def _batch_norm(low: Lowering, call: Call) -> Value:
    x = low.operand(call, "input")
    if len(x.shape) != 1:
        raise UnsupportedOperatorError(
            f"{low.at(call)} is applied to a tensor of shape {show(x.shape)}; "
            "only BatchNorm1d on flat tensors is supported"
        )
    (size,) = x.shape
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
    return low.emit(call, Affine(scale, shift), x, x.shape)


def _channel(low: Lowering, call: Call, key: str, size: int) -> FloatArray | None:
    """Return a BatchNorm parameter in float64, where the folding happens."""
    parameter = low.parameter(call, key)
    if parameter is None:
        return None
    if parameter.array.shape != (size,):
        raise FileFormatError(f"{low.at(call)}: {printable(parameter.name)} has the wrong shape")
    return parameter.array.astype(np.float64)


def _softmax(low: Lowering, call: Call) -> Value:
    x = low.operand(call, "self")
    if call.arguments.get("dim") not in (-1, len(x.shape)) or len(x.shape) != 1:
        raise UnsupportedOperatorError(
            f"{low.at(call)} is not over the last dimension of a flat tensor; use softmax(dim=-1)"
        )
    return low.emit(call, Softmax(), x, x.shape)


def _same(low: Lowering, call: Call) -> Value | Parameter:
    """Return the operand itself: the operator moves or checks memory, not values."""
    reference = call.arguments.get(_operand_key(call))
    constant = low.values.get(reference.name) if isinstance(reference, TensorRef) else None
    return constant if isinstance(constant, Parameter) else low.operand(call, _operand_key(call))


def _operand_key(call: Call) -> str:
    """Return the name of the first argument: functional dropout says input, in-place says self."""
    return "self" if "self" in call.arguments else "input"


def _cast(low: Lowering, call: Call) -> Value | Parameter:
    dtype = call.arguments.get("dtype")
    half = low.input.dtype in HALVES and dtype in {7, *HALVES}  # PyTorch widens them to compute
    if dtype is not None and dtype != low.input.dtype and not half:
        raise UnsupportedModelError(
            f"{low.at(call)} converts to {dtype_name(dtype)}; keep one float type in the model"
        )
    return _same(low, call)


def _transpose(low: Lowering, call: Call) -> Parameter:
    """Transpose a stored matrix (a decomposed file does so before addmm)."""
    reference = call.arguments.get("self")
    value = low.values.get(reference.name) if isinstance(reference, TensorRef) else None
    axes = [call.arguments.get(key, default) for key, default in (("dim0", 0), ("dim1", 1))]
    dims = call.arguments.get("dims", axes[::-1])
    swaps = (
        isinstance(dims, list) and [type(d) is int and d % 2 for d in dims] in _SWAPS[call.target]
    )
    if not isinstance(value, Parameter) or value.array.ndim != 2 or not swaps:
        raise low.unsupported(call)
    return Parameter(value.name, value.array.T)


_SWAPS = {  # axes modulo 2 that turn a matrix around
    "aten.permute.default": ([1, 0],),
    "aten.transpose.int": ([1, 0], [0, 1]),
    "aten.t.default": ([1, 0],),
}


def _nothing(_low: Lowering, _call: Call) -> None:
    """Skip a call that only checks or measures its operand."""


def _table(handler: Handler, *targets: str) -> dict[str, Handler]:
    return dict.fromkeys((f"aten.{target}" for target in targets), handler)


_RESHAPES = _table(
    _reshape, "flatten.using_ints", "view.default", "reshape.default", "unsqueeze.default",
    "squeeze.default", "squeeze.dim", "squeeze.dims", "unflatten.int", "_unsafe_view.default",
    "_reshape_alias.default", "view_copy.default",
)  # fmt: skip
_SAME = _table(
    _same, "contiguous.default", "clone.default", "detach.default", "detach_.default",
    "alias.default", "lift_fresh_copy.default",
)  # fmt: skip
_CASTS = _table(
    _cast, "to.dtype", "to.dtype_layout", "to.device", "_to_copy.default"
)  # fmt: skip
_DROPOUTS = _table(
    _dropout, "dropout.default", "dropout_.default", "feature_dropout.default",
    "alpha_dropout.default",
)  # fmt: skip
_VIEWS = frozenset({*_RESHAPES, *_SAME, *_CASTS, *_DROPOUTS} - {"aten.clone.default"})

OPERATORS: dict[str, Handler] = {
    **ARITHMETIC,
    **_table(_linear, "linear.default"),
    **_table(_addmm, "addmm.default"),
    **_table(_mm, "mm.default", "matmul.default"),
    **_table(_clamp("", 0.0, "", None), "relu.default", "relu_.default"),
    **_table(_clamp("", 0.0, "", 6.0), "relu6.default", "relu6_.default"),
    **_table(_clamp("min_val", -1.0, "max_val", 1.0), "hardtanh.default", "hardtanh_.default"),
    **_table(_clamp("min", None, "max", None), "clamp.default", "clamp_.default"),
    **_table(_clamp("min", None, "", None), "clamp_min.default", "clamp_min_.default"),
    **_table(_clamp("", None, "max", None), "clamp_max.default", "clamp_max_.default"),
    **_table(_batch_norm, "batch_norm.default", "_native_batch_norm_legit_no_training.default"),
    **_table(_softmax, "softmax.int", "_softmax.default"),
    **_table(_transpose, "permute.default", "t.default", "transpose.int"),
    **_table(_nothing, "_assert_tensor_metadata.default", "sym_size.int", "dim.default"),
    **_RESHAPES,
    **_SAME,
    **_CASTS,
    **_DROPOUTS,
}
