"""The model in memory: a small neutral graph of frozen dataclasses, channels last, batch 1.

A Graph is used twice: with float operators (what a frontend reads) and with integer operators
(what `quantize` makes of it). Shapes never include the batch dimension. Arrays inside operators
are read-only. Tensors are values; nodes are in execution order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pyexport.fixedpoint import RANGES

Array = npt.NDArray[Any]
FloatArray = npt.NDArray[np.float64]

DEFAULT_FLOAT_RANGE = (-1.0, 1.0)  # of a float32 input that declares none


@dataclass(frozen=True)
class QuantParams:
    """How bytes stand for reals: real = scale * (q - zero_point), low <= q <= high always."""

    dtype: str  # "u8" or "s8"
    scale: float
    zero_point: int
    low: int  # the legal values: tighter than the dtype where the range is known to be
    high: int

    def __post_init__(self) -> None:
        type_low, type_high = RANGES[self.dtype]
        if not type_low <= self.low <= self.high <= type_high:
            raise ValueError(f"limits {self.low}..{self.high} do not fit {self.dtype}")
        if not (np.isfinite(self.scale) and self.scale > 0.0):
            raise ValueError(f"scale must be positive and finite, not {self.scale!r}")

    def quantize(self, real: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return the bytes of real numbers, halves rounded up, clamped to low..high."""
        scaled = np.asarray(real, dtype=np.float64) / self.scale
        q = np.floor(np.clip(scaled, -1e9, 1e9) + 0.5).astype(np.int64) + self.zero_point
        return np.clip(q, self.low, self.high)

    def dequantize(self, q: npt.ArrayLike) -> FloatArray:
        """Return the real numbers that bytes stand for."""
        return self.scale * (np.asarray(q, dtype=np.float64) - self.zero_point)


@dataclass(frozen=True)
class Tensor:
    """A named value. `quant` is set in integer graphs; `declared_range` on inputs that have one."""

    name: str
    shape: tuple[int, ...]  # without the batch dimension
    dtype: str = "f32"
    quant: QuantParams | None = None
    declared_range: tuple[float, float] | None = None

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64)) if self.shape else 1


class Op:
    """Base of all operators; `kind` is the name that errors, artifacts and kernels use."""

    kind: ClassVar[str]


@dataclass(frozen=True, eq=False)
class Linear(Op):
    """y = min(max(weight @ x + bias, low), high) on a flat tensor; the limits are a fused clamp."""

    kind: ClassVar[str] = "linear"
    weight: Array  # (n_out, n_in), float
    bias: Array  # (n_out,), float; zeros where the layer has none
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        _freeze(self, "weight", "bias")
        if self.weight.ndim != 2 or self.bias.shape != self.weight.shape[:1]:
            raise ValueError(f"linear: weight {self.weight.shape} and bias {self.bias.shape}")


@dataclass(frozen=True, eq=False)
class Affine(Op):
    """y = scale * x + shift for each element of the last axis: an evaluated BatchNorm."""

    kind: ClassVar[str] = "affine"
    scale: Array  # (n,), float
    shift: Array  # (n,), float

    def __post_init__(self) -> None:
        _freeze(self, "scale", "shift")


@dataclass(frozen=True)
class Clamp(Op):
    """y = min(max(x, low), high). ReLU is low 0 and high infinity, ReLU6 is 0 and 6."""

    kind: ClassVar[str] = "clamp"
    low: float
    high: float


@dataclass(frozen=True)
class Reshape(Op):
    """The same elements in the same order under another shape (flatten, view)."""

    kind: ClassVar[str] = "reshape"
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Identity(Op):
    """Nothing at inference (dropout); `reason` says what it was in the user's model."""

    kind: ClassVar[str] = "identity"
    reason: str


@dataclass(frozen=True)
class Softmax(Op):
    """y = exp(x) / sum(exp(x)) over a flat tensor."""

    kind: ClassVar[str] = "softmax"


@dataclass(frozen=True, eq=False)
class QuantizedLinear(Op):
    """Integer linear layer, PX1 (docs/arithmetic.md section "linear")."""

    kind: ClassVar[str] = "quantized_linear"
    weight: Array  # (n_out, n_in), int8 in -127..127
    bias: Array  # (n_out,), int32; -zero_point_in * sum(weight) is already in it
    multiplier: Array  # (n_out,), int32 in 0..2**15 - 1
    shift: Array  # (n_out,), int32 in 1..30
    pre_shift: int  # left shift of the accumulator, one for the layer
    weight_scale: Array  # (n_out,), float64: what one unit of a weight is worth
    acc_low: Array  # (n_out,), int64: proved bounds of the final sum, bias included
    acc_high: Array  # (n_out,), int64
    activation_low: float = -math.inf  # the fused clamp in reals: what the layer is called by
    activation_high: float = math.inf

    def __post_init__(self) -> None:
        _freeze(
            self, "weight", "bias", "multiplier", "shift", "weight_scale", "acc_low", "acc_high"
        )


@dataclass(frozen=True, eq=False)
class QuantizedSoftmax(Op):
    """Integer softmax with u8 outputs (docs/arithmetic.md section "softmax")."""

    kind: ClassVar[str] = "quantized_softmax"
    table: Array  # (256,), u16: round(32768 * exp(-d * scale_in)), entry 0 is 32767

    def __post_init__(self) -> None:
        _freeze(self, "table")


@dataclass(frozen=True)
class Node:
    """One operator applied to named tensors; `source` is its module path in the user's model."""

    name: str
    op: Op
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    source: str = ""


@dataclass(frozen=True)
class State:
    """A tensor kept between inferences, with its value after a reset (recurrent and spiking)."""

    name: str
    read: str  # the tensor that holds the old value
    write: str  # the tensor that becomes the new value
    initial: int | float = 0


@dataclass(frozen=True)
class Graph:
    """Tensors, nodes in execution order, and which tensors go in, come out, or stay."""

    tensors: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    states: tuple[State, ...] = ()

    def __post_init__(self) -> None:
        known = {t.name for t in self.tensors}
        if len(known) != len(self.tensors):
            raise ValueError("two tensors share a name")
        ready = set(self.inputs) | {s.read for s in self.states}
        for node in self.nodes:
            for name in node.inputs:
                if name not in ready:
                    raise ValueError(f"node {node.name} reads {name} before it is written")
            ready.update(node.outputs)
        missing = (ready | set(self.outputs)) - known
        if missing or not set(self.outputs) <= ready:
            raise ValueError(f"tensors without a definition: {sorted(missing or self.outputs)}")

    def tensor(self, name: str) -> Tensor:
        """Return the tensor of that name; raises KeyError."""
        for tensor in self.tensors:
            if tensor.name == name:
                return tensor
        raise KeyError(name)

    def users(self, name: str) -> tuple[Node, ...]:
        """Return the nodes that read a tensor."""
        return tuple(node for node in self.nodes if name in node.inputs)

    @property
    def input(self) -> Tensor:
        """The only input; raises ValueError if there are several."""
        (name,) = self.inputs
        return self.tensor(name)

    @property
    def output(self) -> Tensor:
        """The only output; raises ValueError if there are several."""
        (name,) = self.outputs
        return self.tensor(name)


def input_limits(graph: Graph) -> tuple[float, float]:
    """Return the least and greatest legal input value, in bytes or, without scales, in reals."""
    tensor = graph.input
    if tensor.quant is not None:
        return tensor.quant.low, tensor.quant.high
    return tensor.declared_range or DEFAULT_FLOAT_RANGE


@dataclass(frozen=True)
class Calibration:
    """Where a quantized graph's ranges came from: "data", "declared range" or "none" (float32)."""

    kind: str
    rows: int


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows of real inputs, and their class or value where known."""

    inputs: FloatArray  # (n, *input shape), real values (a pixel 0..16 is 0.0..16.0)
    targets: npt.NDArray[np.int64] | None = None  # (n,) class indices


@dataclass(frozen=True, eq=False)
class Metadata:
    """What a model file says beside the network; None where it says nothing."""

    source_name: str  # file name without folders
    source_sha256: str
    producer: str  # e.g. "torch 2.13.0"
    input_range: tuple[float, float] | None = None
    input_unit: str | None = None
    labels: tuple[str, ...] | None = None
    calibration: Dataset | None = None
    evaluation: Dataset | None = None
    warnings: tuple[str, ...] = field(default=())  # what the reader noticed, for the user


@dataclass(frozen=True)
class Model:
    """What a frontend returns: the float graph and what the file said about it."""

    graph: Graph
    metadata: Metadata


def _freeze(op: object, *names: str) -> None:
    for name in names:
        array = np.array(getattr(op, name))
        array.setflags(write=False)
        object.__setattr__(op, name, array)
