"""Joins stored weights with an architecture that the user names: "64-32r-16r-10".

Sizes from the input to the output, and letters after a size for what follows that layer:

    r   ReLU          r6  ReLU6        h  Hardtanh (-1 to 1)
    b   BatchNorm1d, with the usual eps of 1e-5
    s   Softmax
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pyexport.errors import FileFormatError, PyexportError, UnsupportedModelError, UsageError
from pyexport.frontends.floats import BFLOAT16, FLOAT16, stored_dtype, widened
from pyexport.frontends.graph_builder import GraphBuilder, Value
from pyexport.frontends.lowering import refuse_non_finite
from pyexport.ir import Affine, Array, Clamp, Graph, Linear, Softmax
from pyexport.tensorfile import read_tensorfile
from pyexport.untrusted import MAX_LAYERS, printable

BATCH_NORM_EPS = 1e-5
RELU = (0.0, math.inf)
RELU6 = (0.0, 6.0)
HARDTANH = (-1.0, 1.0)

_LAYER = re.compile(r"([1-9][0-9]{0,6})((?:r6|[rhbs])*)", re.ASCII)
_LETTERS = re.compile(r"r6|[rhbs]")
_CLAMPS = {"r": RELU, "r6": RELU6, "h": HARDTANH}
_WELL_KNOWN = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "weights",
)
_DTYPES = {
    "F16": FLOAT16, "BF16": BFLOAT16, "F32": "<f4", "F64": "<f8",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1", "BOOL": "?",
}  # fmt: skip


@dataclass(frozen=True)
class Weights:
    """Tensors by name; `ordered` if their order is that of the layers."""

    tensors: Mapping[str, Array]
    ordered: bool


@dataclass(frozen=True)
class _Layer:
    size: int
    letters: tuple[str, ...]


def weights_of_checkpoint(tree: object, where: str) -> Weights:
    """Return the state_dict in what a torch.save file holds: itself, or one value of a dict."""
    if not isinstance(tree, dict):
        raise UnsupportedModelError(f"{where}: holds no dict of tensors; save model.state_dict()")
    if _is_state_dict(tree):
        return Weights(tree, ordered=True)
    found = {str(key): value for key, value in tree.items() if _is_state_dict(value)}
    name = next((key for key in _WELL_KNOWN if key in found), None)
    if name is None and len(found) == 1:
        (name,) = found
    if name is None:
        keys = ", ".join(printable(key, 30) for key in list(tree)[:8])
        what = "several state_dicts" if found else "no state_dict"
        raise UnsupportedModelError(
            f"{where}: a checkpoint with {what} (its keys: {keys}); save model.state_dict() alone"
        )
    return Weights(found[name], ordered=True)


def weights_of_safetensors(data: bytes, where: str) -> Weights:
    """Return the tensors of a safetensors file, which has no order of layers."""
    _, raw = read_tensorfile(data, where)
    tensors: dict[str, Array] = {}
    for name, tensor in raw.items():
        if tensor.dtype not in _DTYPES:
            raise UnsupportedModelError(
                f"{where}: {printable(name)} is {tensor.dtype}; save float32 weights (F32)"
            )
        code = _DTYPES[tensor.dtype]
        stored = np.frombuffer(tensor.data, stored_dtype(code)).reshape(tensor.shape)
        tensors[name] = widened(stored, code)
    return Weights(tensors, ordered=False)


def add_architecture(weights: Weights, arch: str, where: str) -> Graph:
    """Return the graph of an architecture whose layers take the weights, all of them."""
    inputs, layers = parse_arch(arch)
    groups = _groups(weights.tensors)
    dense = {p: g for p, g in groups.items() if g.get("weight", np.zeros(0)).ndim == 2}
    norms = {p: g for p, g in groups.items() if "running_mean" in g}
    left = [p for p in groups if p not in dense and p not in norms]
    if left:
        raise UnsupportedModelError(
            f"{where}: {printable(left[0])} belongs to no Linear or BatchNorm1d layer; "
            f"use --model FILE.py:CLASS --input 1,{inputs}"
        )
    builder = GraphBuilder((inputs,))
    value = builder.input
    for layer in layers:
        shape = (layer.size, *value.shape)
        name = _take(dense, "weight", shape, weights.ordered, where)
        value = add_linear(builder, value, dense.pop(name), name, where)
        for letter in layer.letters:
            if letter == "b":
                name = _take(norms, "running_mean", value.shape, weights.ordered, where)
                value = add_batch_norm(builder, value, norms.pop(name), BATCH_NORM_EPS, name, where)
            elif letter == "s":
                value = builder.add(Softmax(), value, value.shape, "")
            else:
                value = builder.add(Clamp(*_CLAMPS[letter]), value, value.shape, "")
    unused = [*dense, *norms]
    if unused:
        raise UsageError(
            f"{where}: --arch {arch} leaves {printable(unused[0])} unused; it holds "
            f"{_listed(weights.tensors)}"
        )
    return builder.finish(value)


def parse_arch(text: str) -> tuple[int, list[_Layer]]:
    """Return the number of inputs, and size and letters of each layer."""
    first, *rest = text.split("-")
    matches = [_LAYER.fullmatch(part) for part in rest]
    layers = [_Layer(int(m[1]), tuple(_LETTERS.findall(m[2]))) for m in matches if m]
    if not re.fullmatch(r"[1-9][0-9]{0,6}", first, re.ASCII) or not layers or None in matches:
        raise UsageError(
            f"--arch {printable(text, 60)} is no architecture; write sizes from input to output, "
            "with letters after a layer: r ReLU, r6 ReLU6, h Hardtanh, b BatchNorm1d, s Softmax, "
            "e.g. 64-32r-16r-10"
        )
    if len(layers) > MAX_LAYERS:
        raise UsageError(f"--arch has over {MAX_LAYERS} layers; write fewer")
    return int(first), layers


def add_linear(
    builder: GraphBuilder, x: Value, group: Mapping[str, object], name: str, where: str
) -> Value:
    """Append a Linear layer with the tensors "weight" and, if there is one, "bias"."""
    weight = float_tensor(group, "weight", name, where)
    if weight is None or weight.ndim != 2 or 0 in weight.shape:
        raise FileFormatError(f"{where}: {printable(name)}.weight is no matrix; save it again")
    n_out, n_in = weight.shape
    if x.shape != (n_in,):
        raise FileFormatError(
            f"{where}: {printable(name)} takes {n_in} inputs, and {x.shape[0]} come in"
        )
    bias = float_tensor(group, "bias", name, where)
    offsets = np.zeros(n_out, weight.dtype) if bias is None else bias
    if offsets.shape != (n_out,):
        raise FileFormatError(f"{where}: {printable(name)}.bias has not {n_out} values")
    layer = Linear(np.ascontiguousarray(weight), offsets)
    return builder.add(layer, x, (n_out,), printable(name))


def add_batch_norm(
    builder: GraphBuilder, x: Value, group: Mapping[str, object], eps: float, name: str, where: str
) -> Value:
    """Append an evaluated BatchNorm1d, computed in float64."""
    values: dict[str, Array] = {}
    for key in ("running_mean", "running_var", "weight", "bias"):
        array = float_tensor(group, key, name, where)
        if array is None and key.startswith("running"):
            raise UnsupportedModelError(
                f"{where}: {printable(name)} keeps no running statistics; train it with "
                "track_running_stats=True"
            )
        if array is not None and array.shape != x.shape:
            raise FileFormatError(f"{where}: {printable(name)}.{key} has the wrong shape")
        default = np.ones if key == "weight" else np.zeros
        values[key] = default(x.shape) if array is None else array.astype(np.float64)
    if not (values["running_var"] + eps > 0).all():
        raise FileFormatError(f"{where}: {printable(name)}: running_var + eps is not positive")
    scale = values["weight"] / np.sqrt(values["running_var"] + eps)
    shift = values["bias"] - values["running_mean"] * scale
    refuse_non_finite(f"{name} (folded)", np.concatenate([scale, shift]), where)
    return builder.add(Affine(scale, shift), x, x.shape, printable(name))


def float_tensor(group: Mapping[str, object], key: str, name: str, where: str) -> Array | None:
    """Return a finite float tensor of a layer, None where the layer has none."""
    array = group.get(key)
    if array is None:
        return None
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
        raise UnsupportedModelError(
            f"{where}: {printable(name)}.{key} is no float tensor; save float32 weights"
        )
    refuse_non_finite(f"{name}.{key}", array, where)
    return array


def not_finite(tensors: Mapping[str, Array], where: str) -> Iterator[PyexportError]:
    """Yield an error for each float tensor with a NaN or an infinite value."""
    for name, array in tensors.items():
        try:
            if array.dtype.kind == "f":
                refuse_non_finite(name, array, where)
        except PyexportError as error:
            yield error


def _is_state_dict(value: object) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(k, str) and isinstance(v, np.ndarray) for k, v in value.items())
    )


def _groups(tensors: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
    """Return the tensors by the layer that they belong to, without the counters of BatchNorm."""
    groups: dict[str, dict[str, Array]] = {}
    for name, array in tensors.items():
        prefix, _, leaf = name.rpartition(".")
        if leaf != "num_batches_tracked":
            groups.setdefault(prefix, {})[leaf] = array
    return groups


def _take(
    groups: Mapping[str, Mapping[str, Array]],
    key: str,
    shape: tuple[int, ...],
    ordered: bool,
    where: str,
) -> str:
    """Return the layer that comes next: the first, or in a file without order the one that fits."""
    fitting = [name for name, group in groups.items() if group[key].shape == shape]
    wanted = f"a {key} of {'x'.join(map(str, shape))}"
    if ordered:
        first = next(iter(groups), None)
        if first is None or first not in fitting:
            has = f"{printable(first)} comes next" if first is not None else "no layer is left"
            raise UsageError(f"{where}: --arch wants {wanted}, but {has}; {_remedy(groups, key)}")
        return first
    if not fitting:
        raise UsageError(f"{where}: --arch wants {wanted}; {_remedy(groups, key)}")
    if len({re.sub(r"[0-9]+", "#", name) for name in fitting}) > 1:
        raise UsageError(
            f"{where}: {printable(fitting[0])} and {printable(fitting[1])} have equal shapes, and "
            "a safetensors file has no order; use --model FILE.py:CLASS"
        )
    return min(fitting, key=_natural)


def _natural(name: str) -> list[int]:
    """Return the numbers in a name: names that differ in nothing else are sorted by them."""
    return [int(digits) for digits in re.findall(r"[0-9]{1,18}", name)]


def _remedy(groups: Mapping[str, Mapping[str, Array]], key: str) -> str:
    held = _listed({f"{name}.{key}": group[key] for name, group in groups.items()})
    return f"the file holds {held or 'nothing more'}: write --arch to match"


def _listed(tensors: Mapping[str, Array]) -> str:
    shown = [f"{printable(n, 40)} {'x'.join(map(str, a.shape))}" for n, a in tensors.items()]
    return ", ".join(shown[:6]) + (f" and {len(shown) - 6} more" if len(shown) > 6 else "")
