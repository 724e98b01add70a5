"""What a walk over an ONNX graph knows: values so far, attributes by name, where the batch is.

Shapes of ONNX hold the batch, shapes of the IR do not. A computed value therefore carries the place
of the batch among its axes: the first one, until a Transpose or a recurrent layer moves it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from pyexport.errors import (
    FileFormatError,
    InvalidModelError,
    PyexportError,
    UnsupportedModelError,
    UnsupportedOperatorError,
)
from pyexport.frontends.graph_builder import GraphBuilder, Value
from pyexport.frontends.lowering import refuse_non_finite
from pyexport.frontends.onnx.model import OnnxModel, OnnxNode, Opaque
from pyexport.frontends.onnx.tensors import Store, StoredTensor
from pyexport.frontends.onnx.ways_out import way_out
from pyexport.ir import Array, FloatArray, Op, Reshape
from pyexport.untrusted import MAX_ELEMENTS, MAX_FOLDED, printable

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Curve:
    """A function of each element of another value, by what it gives at expressions.SAMPLES."""

    base: Computed
    samples: FloatArray


@dataclass(frozen=True, eq=False)
class Computed:
    """A tensor made from the input; `value` has its axes without the batch."""

    value: Value
    batch: int | None  # which axis of ONNX's shape is the batch; None where none is
    curves: tuple[Curve, ...] = ()  # how it came from earlier values, element by element


@dataclass(frozen=True, eq=False)
class Stored:
    """A tensor that does not depend on the input."""

    name: str  # of the initializer that it comes from: "fc1.weight"
    array: Array


@dataclass(frozen=True, eq=False)
class Pending:
    """The result of an operator that has no form of its own, only as a part of a known function."""

    error: PyexportError  # of the first operator that cannot be without the others
    curves: tuple[Curve, ...]


Known = Computed | Stored | Pending


@dataclass
class Lowering:
    """What is known while the nodes are walked in order."""

    model: OnnxModel
    where: str
    store: Store
    batch_size: int  # what shapes in the file say where the batch is; 1 where it is symbolic
    builder: GraphBuilder
    symbolic: bool = False  # the batch may be anything: nothing may depend on its being 1
    values: dict[str, Known] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    room: int = MAX_FOLDED  # numbers that may still be computed from constants

    def __post_init__(self) -> None:
        self._arrays: dict[tuple[int, str], tuple[Array, Array]] = {}
        self._zeros: dict[int, Array] = {}

    # What to say

    def at(self, node: OnnxNode) -> str:
        """Return "model.onnx: Gelu at net.3 (node /net.3/Gelu)"."""
        name = printable(node.name or (node.outputs[0] if node.outputs else ""))
        place = f"{printable(node.module)} (node {name})" if node.module else f"node {name}"
        return f"{self.where}: {printable(node.operator)} at {place}"

    def unsupported(self, node: OnnxNode, why: str = "is not supported") -> PyexportError:
        """Return the error for an operator, or a form of one, that the IR does not have."""
        advice = "" if ";" in why else f"; {way_out(node.operator)}"
        return UnsupportedOperatorError(f"{self.at(node)} {why}{advice}")

    # Inputs of a node

    def known(self, node: OnnxNode, index: int) -> Known | None:
        """Return an input, None where it is left out."""
        name = node.inputs[index] if index < len(node.inputs) else ""
        if not name:
            return None
        if name not in self.values and name in self.model.initializers:
            array = self.store.array(self.model.initializers[name])
            self.values[name] = Stored(name, array)
        if name not in self.values:
            raise FileFormatError(
                f"{self.at(node)} reads {printable(name)}, which nothing computes before; the file "
                "is damaged: check it with onnx.checker.check_model"
            )
        return self.values[name]

    def computed(self, node: OnnxNode, index: int = 0) -> Computed:
        """Return an input that depends on the model's input."""
        value = self.known(node, index)
        if isinstance(value, Pending):
            raise value.error
        if not isinstance(value, Computed):
            what = "is a constant" if value else "is missing"
            raise self.unsupported(node, f"is only supported on computed tensors: its input {what}")
        return value

    def tensor(self, node: OnnxNode, index: int) -> Computed:
        """Return an input; a stored one becomes part of the graph, without a batch."""
        value = self.known(node, index)
        if not isinstance(value, Stored):
            return self.computed(node, index)
        array = self.floats(value, value.array.shape)
        return Computed(self.builder.constant(array, printable(node.module)), None)

    def stored(self, node: OnnxNode, index: int, what: str) -> Stored | None:
        """Return an input that must be stored, None where it is left out."""
        value = self.known(node, index)
        if value is None or isinstance(value, Stored):
            return value
        raise self.unsupported(
            node, f"computes its {what} while it runs; store it as an initializer of the model"
        )

    def numbers(self, node: OnnxNode, index: int, what: str) -> list[int] | None:
        """Return a stored input of integers (a shape, axes), None where it is left out."""
        value = self.stored(node, index, what)
        if value is None:
            return None
        if value.array.dtype.kind not in "iu" or value.array.ndim > 1:
            raise FileFormatError(f"{self.at(node)}: its {what} is no list of integers")
        return [int(n) for n in value.array.reshape(-1)]

    def scalar(self, node: OnnxNode, index: int, what: str, default: float) -> float:
        """Return a stored input of one number."""
        value = self.stored(node, index, what)
        if value is None:
            return default
        if value.array.size != 1 or value.array.dtype.kind not in "fiub":
            raise FileFormatError(f"{self.at(node)}: its {what} is not one number")
        return shortest(value.array.reshape(-1)[0])

    def floats(
        self, stored: Stored, use: object, make: Callable[[Array], Array] = lambda array: array
    ) -> Array:
        """Return make(array) read-only: one object for every use of a tensor, so it is kept once.

        Raises InvalidModelError if a number in it is not finite.
        """
        key = (id(stored.array), str(use))
        if key not in self._arrays:
            if stored.array.dtype.kind not in "fiu":
                raise UnsupportedModelError(
                    f"{self.where}: {printable(stored.name)} is {stored.array.dtype}; save floats"
                )
            refuse_non_finite(stored.name, stored.array, self.where)
            array = np.array(make(stored.array), order="C")
            array = array if array.dtype.kind == "f" else array.astype(np.float32)
            array.setflags(write=False)
            self._arrays[key] = (stored.array, array)  # the first keeps its id from being reused
        return self._arrays[key][1]

    def zeros(self, size: int) -> Array:
        """Return `size` zeros, read-only: one object a size."""
        if size not in self._zeros:
            self._zeros[size] = np.zeros(size, np.float32)
            self._zeros[size].setflags(write=False)
        return self._zeros[size]

    # Attributes of a node

    def integer(self, node: OnnxNode, key: str, default: int) -> int:
        """Return an attribute of one integer."""
        value = node.attributes.get(key, default)
        if type(value) is not int:
            raise FileFormatError(f"{self.at(node)}: its {key} is no integer")
        return value

    def integers(self, node: OnnxNode, key: str) -> list[int] | None:
        """Return an attribute of several integers, None where it is left out."""
        value = node.attributes.get(key)
        if value is None:
            return None
        if not isinstance(value, tuple) or not all(type(n) is int for n in value):
            raise FileFormatError(f"{self.at(node)}: its {key} is no list of integers")
        return list(value)

    def number(self, node: OnnxNode, key: str, default: float) -> float:
        """Return an attribute of one float."""
        value = node.attributes.get(key, default)
        if not isinstance(value, int | float):
            raise FileFormatError(f"{self.at(node)}: its {key} is no number")
        if not math.isfinite(value):
            raise InvalidModelError(f"{self.at(node)}: its {key} is {value}; use a finite number")
        return value if key not in node.attributes else shortest(np.float32(value))

    def word(self, node: OnnxNode, key: str, default: str) -> str:
        """Return an attribute that is a text."""
        value = node.attributes.get(key, default)
        if not isinstance(value, str):
            raise FileFormatError(f"{self.at(node)}: its {key} is no text")
        return value

    def attribute_tensor(self, node: OnnxNode, value: object) -> Array:
        """Return an attribute that is a tensor."""
        if isinstance(value, Opaque) or not isinstance(value, StoredTensor):
            kind = value.kind if isinstance(value, Opaque) else "something"
            raise self.unsupported(node, f"holds {kind}, not a dense tensor")
        return self.store.array(value)

    # Results

    def apply(self, node: OnnxNode, op: Op, *operands: Value) -> tuple[Value, ...]:
        """Append an operator; its operands must fit."""
        if not isinstance(op, Reshape) and any(not operand.shape for operand in operands):
            raise self.unsupported(
                node, "works on one number without an axis; keep one of size 1 (keepdims=1)"
            )
        try:
            return self.builder.apply(op, operands, self.source(node))
        except ValueError as error:
            raise FileFormatError(
                f"{self.at(node)}: {printable(error)}; the file is damaged: check it with "
                "onnx.checker.check_model(path, full_check=True)"
            ) from None

    def one(self, node: OnnxNode, op: Op, *operands: Value) -> Value:
        """Append an operator with one result."""
        return self.apply(node, op, *operands)[0]

    def source(self, node: OnnxNode) -> str:
        """Return where the node stands in the user's model."""
        return printable(node.module or node.name)

    def charge(self, count: int, node: OnnxNode) -> None:
        """Count numbers computed from constants; raises FileFormatError over the limit."""
        self.room -= count
        if self.room < 0 or count > MAX_ELEMENTS:
            raise FileFormatError(
                f"{self.at(node)}: arithmetic of constants makes over {MAX_FOLDED} numbers; "
                "compute them before saving"
            )

    def reshaped(self, node: OnnxNode, value: Value, shape: Shape) -> Value:
        """Return a value under another shape of as many elements."""
        return value if value.shape == shape else self.one(node, Reshape(shape), value)


def shortest(value: np.generic) -> float:
    """Return the shortest decimal that rounds to a stored float32: 0.01, not 0.00999999977648."""
    return float(str(value)) if isinstance(value, np.float32) else float(value)


def shape_of(computed: Computed, low: Lowering) -> Shape:
    """Return the shape as ONNX has it."""
    shape = list(computed.value.shape)
    if computed.batch is not None:
        shape.insert(computed.batch, low.batch_size)
    return tuple(shape)


def show(shape: Sequence[int | str]) -> str:
    """Return a shape as Python writes a tuple, names without quotes."""
    return "(" + ", ".join(printable(n) or "?" for n in shape) + ("," * (len(shape) == 1)) + ")"
