"""The model in memory: a small neutral graph of frozen dataclasses, channels last, batch 1.

A Graph is used twice: with float operators (what a frontend reads) and with integer operators
(what `quantize` makes of it). Shapes never include the batch dimension. Arrays inside operators
are read-only. Tensors are values; nodes are in execution order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pyexport.fixedpoint import RANGES
from pyexport.operators import (
    FLOAT_OPERATORS,
    INTEGER_OPERATORS,
    Activation,
    Add,
    Affine,
    Argmax,
    Array,
    AveragePool2d,
    Clamp,
    Concat,
    Constant,
    Conv2d,
    ConvTranspose2d,
    Encode,
    Gru,
    Identity,
    LayerNorm,
    Lif,
    Linear,
    LogSoftmax,
    Lstm,
    MatMul,
    MaxPool2d,
    Mul,
    Op,
    Pad,
    Permute,
    PRelu,
    QuantizedAffine,
    QuantizedLinear,
    QuantizedSoftmax,
    QuantizedSums,
    Readout,
    Reduce,
    Reshape,
    Slice,
    Softmax,
    Sub,
    Upsample2d,
    Windows,
    output_shapes,
)
from pyexport.statements import NOTHING, Statements

__all__ = [
    "CHANNELS_FIRST", "DEFAULT_FLOAT_RANGE", "FLOAT_OPERATORS", "INTEGER_OPERATORS",
    "Activation", "Add", "Affine", "Argmax", "Array", "AveragePool2d", "Calibration", "Clamp",
    "Concat", "Constant", "Conv2d", "ConvTranspose2d", "Dataset", "Encode", "FloatArray", "Graph",
    "Gru", "Identity", "LayerNorm", "Lif", "Linear", "LogSoftmax", "Lstm", "MatMul", "MaxPool2d",
    "Metadata", "Model", "Mul", "Node", "Op", "PRelu", "Pad", "Permute", "QuantParams",
    "QuantizedAffine", "QuantizedLinear", "QuantizedSoftmax", "QuantizedSums", "Readout", "Reduce",
    "Reshape", "Slice", "Softmax", "State", "Sub", "Tensor", "Upsample2d", "Windows",
    "output_shapes",
]  # fmt: skip

FloatArray = npt.NDArray[np.float64]

DEFAULT_FLOAT_RANGE = (-1.0, 1.0)  # of a float32 input that declares none
CHANNELS_FIRST = "channels_first"


@dataclass(frozen=True)
class QuantParams:
    """How integers stand for reals: real = scale * (q - zero_point), low <= q <= high always.

    With `steps`, which only a raw 16-bit input has, real = steps[c] * q in column c of the last
    axis; scale is then 1 and zero_point 0.
    """

    dtype: str  # "u8" or "s8"; of a raw input also "u16" or "s16"
    scale: float
    zero_point: int
    low: int  # the legal values: tighter than the dtype where the range is known to be
    high: int
    steps: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        type_low, type_high = RANGES[self.dtype]
        if not type_low <= self.low <= self.high <= type_high:
            raise ValueError(f"limits {self.low}..{self.high} do not fit {self.dtype}")
        if not (np.isfinite(self.scale) and self.scale > 0.0):
            raise ValueError(f"scale must be positive and finite, not {self.scale!r}")
        if self.steps and (self.scale, self.zero_point) != (1.0, 0):
            raise ValueError("columns with steps have scale 1 and zero point 0")
        for column, step in enumerate(self.steps):
            if not (np.isfinite(step) and step > 0.0):
                raise ValueError(
                    f"the step of column {column} must be positive and finite, not {step!r}"
                )

    @property
    def unit(self) -> float | FloatArray:
        """What one unit of q is worth: the scale, or the steps (columns,)."""
        return np.array(self.steps) if self.steps else self.scale

    def quantize(self, real: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return the integers of real numbers, halves rounded up, clamped to low..high."""
        scaled = np.asarray(real, dtype=np.float64) / self.unit
        q = np.floor(np.clip(scaled, -1e9, 1e9) + 0.5).astype(np.int64) + self.zero_point
        return np.clip(q, self.low, self.high)

    def dequantize(self, q: npt.ArrayLike) -> FloatArray:
        """Return the real numbers that integers stand for."""
        return np.asarray(self.unit * (np.asarray(q, dtype=np.float64) - self.zero_point))


@dataclass(frozen=True)
class Tensor:
    """A named value. `quant` is set in integer graphs; `declared_range` on inputs that have one."""

    name: str
    shape: tuple[int, ...]  # without the batch dimension
    dtype: str = "f32"  # or "u8", "s8"; "u16", "s16" of a raw input; "s32" for indices
    quant: QuantParams | None = None
    declared_range: tuple[float, float] | None = None
    # Of inputs and outputs: CHANNELS_FIRST where the last axis is the first one of the user's
    # arrays (layout.py); "" where both have the same order.
    layout: str = ""

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


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


@dataclass(frozen=True)
class Calibration:
    """Where a quantized graph's ranges came from: "data", "declared range" or "none" (float32)."""

    kind: str
    rows: int


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows of real inputs, and their class or value where known."""

    # (n, *input shape), real values (a pixel 0..16 is 0.0..16.0); of several inputs (n, row size)
    inputs: FloatArray
    targets: Array | None = (
        None  # (n,) int64 class indices, or (n, outputs) float64 of a regression
    )


@dataclass(frozen=True, eq=False)
class Metadata:
    """What a model file says beside the network; None where it says nothing."""

    source_name: str  # file name without folders
    source_sha256: str
    producer: str  # e.g. "torch 2.13.0"
    statements: Statements = NOTHING
    calibration: Dataset | None = None
    evaluation: Dataset | None = None
    warnings: tuple[str, ...] = field(default=())  # what the reader noticed, for the user

    @property
    def input_range(self) -> tuple[float, float] | None:
        """Least and greatest raw input value."""
        return self.statements.input_range

    @property
    def input_unit(self) -> str | None:
        """Unit of the raw inputs."""
        return self.statements.input_unit

    @property
    def input_columns(self) -> tuple[str, ...] | None:
        """A text an input: what is measured, in which unit."""
        return self.statements.input_columns

    @property
    def labels(self) -> tuple[str, ...] | None:
        """A name for each output."""
        return self.statements.labels


@dataclass(frozen=True)
class Model:
    """What a frontend returns: the float graph and what the file said about it."""

    graph: Graph
    metadata: Metadata
    # What the user's model calls its inputs and outputs; nothing where the file does not say it.
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
