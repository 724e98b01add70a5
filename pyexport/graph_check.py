"""Says whether a graph that came from a file is one that PX1 defines, with its proofs intact."""

import math

import numpy as np

from pyexport.fixedpoint import INT32_MAX, INT32_MIN, MAX_SHIFT, MULTIPLIER_BITS
from pyexport.integer import BY_TYPE
from pyexport.integer.normalize import QuantizedNormalize
from pyexport.integer.recurrent import Recurrent
from pyexport.ir import (
    CHANNELS_FIRST,
    Affine,
    Array,
    Graph,
    Linear,
    Node,
    QuantizedAffine,
    QuantizedLinear,
    QuantizedSums,
    QuantParams,
    Softmax,
    Tensor,
)
from pyexport.program import is_internal_name

MAX_ELEMENTS = 1 << 24  # of a tensor: far more than a microcontroller holds
FLOAT32_MAX = float(np.finfo(np.float32).max)


def check_graph(graph: Graph, scheme: str) -> None:
    """Raise ValueError unless every operator is legal and every stated bound is the true one."""
    names = [*(tensor.name for tensor in graph.tensors), *(node.name for node in graph.nodes)]
    _require(all(is_internal_name(name) for name in names), "a tensor or node has a wrong name")
    nodes = {node.name for node in graph.nodes}
    _require(len(nodes) == len(graph.nodes), "two nodes share a name")
    for tensor in graph.tensors:
        _require(all(type(n) is int and n > 0 for n in tensor.shape), f"{tensor.name} has no size")
        _require(math.prod(tensor.shape) <= MAX_ELEMENTS, f"{tensor.name} is too large")
        _require(tensor.layout in ("", CHANNELS_FIRST), f"{tensor.name} has an unknown layout")
        _require(
            (tensor.quant is not None) == (scheme == "int8"), f"{tensor.name} has a wrong type"
        )
        if tensor.quant is not None:
            _check_quant(tensor, graph)
        else:
            _require(tensor.dtype == "f32", f"{tensor.name} has a wrong type")
    _require(bool(graph.nodes) and graph.input != graph.output, "the graph computes nothing")
    for node in graph.nodes:
        if type(node.op) in BY_TYPE:
            _check_registered(node, graph)
            continue
        (source,), (target,) = node.inputs, node.outputs
        _check_node(node, graph.tensor(source), graph.tensor(target))


def _check_registered(node: Node, graph: Graph) -> None:
    inputs = [graph.tensor(name) for name in node.inputs]
    outputs = [graph.tensor(name) for name in node.outputs]
    try:
        BY_TYPE[type(node.op)].check(node.op, inputs, outputs)
    except ValueError as error:
        raise ValueError(f"{node.name}: {error}") from None


def _check_quant(tensor: Tensor, graph: Graph) -> None:
    name, quant = tensor.name, tensor.quant
    assert isinstance(quant, QuantParams)  # the caller's
    whole = all(type(n) is int for n in (quant.zero_point, quant.low, quant.high))
    _require(whole and -128 <= quant.zero_point <= 255, f"{name} has a wrong zero point or limit")
    if quant.dtype in ("u8", "s8"):
        _require(not quant.steps, f"{name} has steps and is no raw input")
        return
    readers = [node.op for node in graph.users(name)]
    writers = [node.op for node in graph.nodes if name in node.outputs]
    if writers and all(isinstance(op, Recurrent) for op in (*writers, *readers)):
        return  # the memory of a recurrent layer, which checks it
    normal = writers and all(isinstance(op, QuantizedNormalize) for op in writers)
    if normal and all(isinstance(op, QuantizedAffine) for op in readers):
        return  # between the two nodes of a LayerNorm
    raw = name in graph.inputs and all(isinstance(op, QuantizedAffine) for op in readers)
    _require(raw and quant.dtype in ("u16", "s16"), f"{name} has a wrong type")
    _require(len(quant.steps) in (0, tensor.shape[-1]), f"{name} has a wrong number of steps")


def _check_node(node: Node, source: Tensor, target: Tensor) -> None:
    op, name = node.op, node.name
    if isinstance(op, QuantizedSums):
        _require(source.quant is not None and target.quant is not None, f"{name} reads floats")
        if isinstance(op, QuantizedLinear):
            _check_arrays(op, name, (target.size, source.size))
        else:
            _require(source.shape == target.shape != (), f"{name} has a wrong shape")
            _check_arrays(op, name, source.shape[-1:])
        _check_numbers(op, name)
        assert source.quant is not None  # required above
        _check_bounds(op, name, source.quant.low, source.quant.high)
    elif isinstance(op, Linear):
        _check_array(op.weight, np.float32, (target.size, source.size), f"{name}.weight")
        _check_array(op.bias, np.float32, (target.size,), f"{name}.bias")
        finite = np.isfinite(op.weight).all() and np.isfinite(op.bias).all()
        _require(bool(finite), f"{name} is not finite")
        _check_float_limits(name, op.low, op.high)
    elif isinstance(op, Affine):
        _require(source.shape == target.shape != (), f"{name} has a wrong shape")
        _check_array(op.scale, np.float32, source.shape[-1:], f"{name}.scale")
        _check_array(op.shift, np.float32, source.shape[-1:], f"{name}.shift")
        finite = np.isfinite(op.scale).all() and np.isfinite(op.shift).all()
        _require(bool(finite), f"{name} is not finite")
        _check_float_limits(name, op.low, op.high)
    else:
        _require(isinstance(op, Softmax) and source.size == target.size, f"{name} has a wrong size")


def _check_float_limits(name: str, low: float, high: float) -> None:
    """Require the limits of a clamp to be float32 values, as the C constants are."""
    finite = [limit for limit in (low, high) if math.isfinite(limit)]
    exact = all(abs(x) <= FLOAT32_MAX and float(np.float32(x)) == x for x in finite)
    _require(exact and low <= high, f"{name} has limits that are no float32 values")


def _check_arrays(op: QuantizedSums, name: str, weight_shape: tuple[int, ...]) -> None:
    _check_array(op.weight, np.int8, weight_shape, f"{name}.weight")
    for field, dtype in (
        ("bias", np.int32),
        ("multiplier", np.int32),
        ("shift", np.int32),
        ("weight_scale", np.float64),
        ("acc_low", np.int64),
        ("acc_high", np.int64),
    ):
        _check_array(getattr(op, field), dtype, weight_shape[:1], f"{name}.{field}")


def _check_numbers(op: QuantizedSums, name: str) -> None:
    _require(int(op.weight.min()) >= -127, f"{name}.weight holds -128")
    multipliers = op.multiplier.min() >= 0 and op.multiplier.max() < 1 << MULTIPLIER_BITS
    _require(bool(multipliers), f"{name}.multiplier leaves {MULTIPLIER_BITS} bits")
    shifts = op.shift.min() >= 1 and op.shift.max() <= MAX_SHIFT
    _require(bool(shifts), f"{name}.shift leaves 1..{MAX_SHIFT}")
    pre_shift = type(op.pre_shift) is int and 0 <= op.pre_shift <= MAX_SHIFT
    _require(pre_shift, f"{name}.pre_shift leaves 0..{MAX_SHIFT}")
    scales = np.isfinite(op.weight_scale).all() and (op.weight_scale > 0).all()
    _require(bool(scales), f"{name}.weight_scale is not positive")
    _require(op.activation_low <= op.activation_high, f"{name} has a wrong activation")


def _check_bounds(op: QuantizedSums, name: str, low: int, high: int) -> None:
    weight, bias = op.weight.astype(np.int64), op.bias.astype(np.int64)
    weight = weight.reshape(len(bias), -1)  # an affine map has one product an output
    least, greatest = (
        np.minimum(weight * low, weight * high),
        np.maximum(weight * low, weight * high),
    )
    acc_low, acc_high = bias + least.sum(axis=1), bias + greatest.sum(axis=1)
    stated = np.array_equal(acc_low, op.acc_low) and np.array_equal(acc_high, op.acc_high)
    _require(stated, f"{name}: the accumulator bounds are not those of its weights")
    partial_low = bias + np.minimum(least, 0).sum(axis=1)
    partial_high = bias + np.maximum(greatest, 0).sum(axis=1)
    lowest = min(int(partial_low.min()), int(acc_low.min()) << op.pre_shift)
    highest = max(int(partial_high.max()), int(acc_high.max()) << op.pre_shift)
    _require(lowest >= INT32_MIN and highest <= INT32_MAX, f"{name}: a sum can leave 32 bits")


def _check_array(array: Array, dtype: type[np.generic], shape: tuple[int, ...], what: str) -> None:
    _require(array.dtype == dtype and array.shape == shape, f"{what} has a wrong type or shape")


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise ValueError(problem)
