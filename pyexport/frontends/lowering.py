"""What a walk over a torch.export graph knows: values so far, arguments by name, memory shared."""

from __future__ import annotations

from collections.abc import Callable
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
from pyexport.frontends.model_inputs import model_inputs, show, sizes_without_batch
from pyexport.frontends.pt2 import (
    Call,
    ExportedProgram,
    Parameter,
    TensorRef,
)
from pyexport.frontends.ways_out import way_out
from pyexport.ir import Array, Op, Reshape
from pyexport.untrusted import MAX_FOLDED, printable


@dataclass(frozen=True)
class Layered:
    """The last states of recurrent layers, stacked before the batch by PyTorch: (layers, 1, n)."""

    layers: tuple[Value, ...]  # each (n,)


class BatchMovedError(UnsupportedOperatorError):
    """A call moves or drops the batch: legal while that is 1, see whole_batch.py."""


Known = Value | Parameter | Layered
Result = Known | tuple[Known, ...]


@dataclass
class Lowering:
    """What is known while the calls are walked in order."""

    program: ExportedProgram
    where: str
    views: frozenset[str]  # operators whose result shares memory with their operand
    values: dict[str, Known] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    stale: set[str] = field(default_factory=set)  # names whose storage was changed in place
    room: int = MAX_FOLDED  # numbers that may still be computed from constants
    whole: bool = False  # while a call works on tensors with their batch, which is 1
    # Values that have their batch among their axes, and which call took it from the front.
    wholes: dict[int, BatchMovedError] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (first, self.input), *others = model_inputs(self.program, self.where)
        self.batch = self.input.sizes[0]
        self.builder = GraphBuilder(sizes_without_batch(self.input), self.where)
        self.values.update(self.program.parameters)
        self.values[first] = self.builder.input
        for name, info in others:
            self.values[name] = self.builder.add_input(sizes_without_batch(info))
        self._storage: dict[str, str] = {}  # name -> the first name of the same memory
        self._arrays: dict[tuple[object, ...], tuple[Array, Array]] = {}

    @property
    def lead(self) -> int:
        """How many dimensions of the file's come before those of a value: the batch, or none."""
        return 0 if self.whole else 1

    def record(self, call: Call, result: Result) -> None:
        """Keep the results of a call under the names that the graph gives them."""
        results = result if isinstance(result, tuple) else (result,)
        if not call.outputs:
            raise FileFormatError(f"{self.at(call)} has no output; the file is damaged")
        for name, value in zip(call.outputs, results, strict=False):
            self.values[name] = value
            self._check_stated_shape(call, name, value)
            self._track_memory(call, name)

    def at(self, call: Call) -> str:
        """Return "model.pt: aten.gelu.default at net.3 (GELU)"."""
        place = printable(call.module) or "the model's forward()"
        layer = f" ({printable(call.module_class)})" if call.module and call.module_class else ""
        return f"{self.where}: {printable(call.target)} at {place}{layer}"

    def unsupported(self, call: Call) -> PyexportError:
        """Return the error for an operator that no handler takes."""
        advice = way_out(call.target, (other.target for other in self.program.calls))
        return UnsupportedOperatorError(f"{self.at(call)} is not supported; {advice}")

    def training_mode(self, call: Call) -> PyexportError:
        """Return the error for a BatchNorm that would use the statistics of the batch."""
        return InvalidModelError(
            f"{self.at(call)} is in training mode; call model.eval() before saving (BatchNorm with "
            "track_running_stats=False has no evaluation mode)"
        )

    def emit(self, call: Call, op: Op, operand: Value, shape: tuple[int, ...]) -> Value:
        """Append an operator to the graph."""
        return self.builder.add(op, operand, shape, printable(call.module))

    def apply(self, call: Call, op: Op, *operands: Value) -> tuple[Value, ...]:
        """Append an operator of any number of operands and results; its shapes follow."""
        return self.builder.apply(op, operands, printable(call.module))

    def one(self, call: Call, op: Op, *operands: Value) -> Value:
        """Append an operator with one result."""
        return self.apply(call, op, *operands)[0]

    def frozen(self, parameter: Parameter, use: str, make: Callable[[Array], Array]) -> Array:
        """Return make(the parameter's array) read-only: one object for every use of that name.

        Layers that share a parameter in the user's model share it in the graph, too.
        """
        source = parameter.array
        place = source.__array_interface__["data"][0]
        key = (place, source.shape, source.strides, use)
        if key not in self._arrays:
            array = np.array(make(source), order="C")
            array.setflags(write=False)
            self._arrays[key] = (source, array)  # the source too: its place stays taken
        return self._arrays[key][1]

    def value(self, name: str, at: str) -> Value:
        """Return a tensor that depends on the input."""
        if name in self.stale:
            raise UnsupportedModelError(
                f"{at}: reads a tensor after an in-place operator changed it; use the "
                "operator's result, or inplace=False"
            )
        value = self.values.get(name)
        if not isinstance(value, Value):
            if isinstance(value, Layered):
                raise UnsupportedModelError(
                    f"{at}: {printable(name)} holds the last states of all layers; take those of "
                    "one, e.g. h[-1]"
                )
            what = "a constant" if isinstance(value, Parameter) else "unknown"
            raise UnsupportedModelError(
                f"{at}: {printable(name)} is {what}, not a tensor made from the input"
            )
        if self.whole and value.index not in self.wholes:
            return self.builder.add(Reshape((1, *value.shape)), value, (1, *value.shape), "batch")
        if value.index in self.wholes and not self.whole:
            raise self.wholes[value.index]
        return value

    def operand(self, call: Call, key: str) -> Value:
        """Return the argument `key`, which must be a tensor made from the input."""
        reference = call.arguments.get(key)
        if not isinstance(reference, TensorRef):
            raise UnsupportedOperatorError(
                f"{self.at(call)}: its argument {key} is no tensor; pass one made from the input"
            )
        return self.value(reference.name, self.at(call))

    def operands(self, call: Call, key: str) -> list[Value]:
        """Return the argument `key`, a list of tensors; constants become part of the graph."""
        references = call.arguments.get(key)
        if not isinstance(references, list) or not references:
            raise UnsupportedOperatorError(f"{self.at(call)}: its argument {key} is no list")
        return [self._tensor(call, key, reference) for reference in references]

    def tensor(self, call: Call, key: str) -> Value:
        """Return the argument `key`; a constant becomes part of the graph."""
        return self._tensor(call, key, call.arguments.get(key))

    def _tensor(self, call: Call, key: str, reference: object) -> Value:
        """Return a tensor; a constant becomes one without the batch dimension."""
        if not isinstance(reference, TensorRef):
            raise UnsupportedOperatorError(f"{self.at(call)}: its argument {key} is no tensor")
        known = self.values.get(reference.name)
        if not isinstance(known, Parameter):
            return self.value(reference.name, self.at(call))
        parameter = self.checked(call, key, known)
        shape = parameter.array.shape
        if len(shape) > 1 and shape[0] == 1:  # its batch
            shape = shape[1:]
        array = self.frozen(parameter, f"constant {shape}", lambda a: a.reshape(shape))
        return self.builder.constant(array, printable(call.module))

    def parameter(self, call: Call, key: str) -> Parameter | None:
        """Return the argument `key` as a finite float constant, None where it is absent."""
        reference = call.arguments.get(key)
        return None if reference is None else self.checked(call, key, self.known(reference))

    def parameters(self, call: Call, key: str) -> list[Parameter]:
        """Return the argument `key`, a list of finite float constants."""
        references = call.arguments.get(key)
        if not isinstance(references, list):
            raise UnsupportedOperatorError(f"{self.at(call)}: its argument {key} is no list")
        return [self.checked(call, key, self.known(reference)) for reference in references]

    def known(self, reference: object) -> Known | None:
        """Return what an argument refers to; None where it is no tensor, or an unknown one."""
        return self.values.get(reference.name) if isinstance(reference, TensorRef) else None

    def checked(self, call: Call, key: str, value: Known | None) -> Parameter:
        """Return a value that must be a finite float constant."""
        if not isinstance(value, Parameter):
            raise UnsupportedOperatorError(
                f"{self.at(call)}: its {key} is computed, not a stored parameter; "
                "store it as a parameter or buffer of the model"
            )
        if value.array.dtype.kind != "f":
            raise UnsupportedModelError(
                f"{self.where}: {printable(value.name)} is {value.array.dtype}; save float weights"
            )
        refuse_non_finite(value.name, value.array, self.where)
        return value

    def number(self, call: Call, key: str, default: float | None) -> float | None:
        """Return the argument `key` as a number; None stays None."""
        value = call.arguments.get(key, default)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value
        raise UnsupportedOperatorError(
            f"{self.at(call)}: its {key} is not a plain number; write a constant there"
        )

    def integers(self, call: Call, key: str, count: int, default: int | None) -> tuple[int, ...]:
        """Return the argument `key` as `count` integers; one or none stands for all."""
        given = call.arguments.get(key)
        if given is None or given == []:
            given = default
        numbers = given if isinstance(given, list) else [given]
        numbers = numbers * count if len(numbers) == 1 else numbers
        if len(numbers) != count or not all(type(n) is int for n in numbers):
            raise UnsupportedOperatorError(
                f"{self.at(call)}: its {key} is not {count} plain integers; write constants there"
            )
        return tuple(numbers)

    def flag(self, call: Call, key: str, default: bool = False) -> bool:
        """Return the argument `key` as a bool."""
        value = call.arguments.get(key)
        return default if value is None else value is True

    def axis(self, call: Call, key: str, rank: int, default: int | None = None) -> int:
        """Return the dimension `key` as an axis without the batch, for a tensor of that rank."""
        value = call.arguments.get(key, default)
        return self.without_batch(call, value, rank)

    def without_batch(self, call: Call, dimension: object, rank: int) -> int:
        """Return a dimension, counted with the batch and maybe from the end, as an axis."""
        count = rank + self.lead
        if type(dimension) is not int or not -count <= dimension < count:
            raise UnsupportedOperatorError(f"{self.at(call)}: its dimension is not a plain integer")
        axis = dimension % count - self.lead
        if axis < 0:
            raise UnsupportedModelError(
                f"{self.at(call)} works along the batch; keep the first dimension out of it, e.g. "
                "dim=-1"
            )
        return axis

    def charge(self, count: int, call: Call) -> None:
        """Count numbers computed from constants; raises FileFormatError over the limit."""
        self.room -= count
        if self.room < 0:
            raise FileFormatError(
                f"{self.at(call)}: arithmetic of constants makes over {MAX_FOLDED} numbers; "
                "compute them before saving"
            )

    def _check_stated_shape(self, call: Call, name: str, result: Known) -> None:
        info = self.program.values.get(name)
        if not isinstance(result, Value) or not info:
            return
        sizes = info.sizes if result.index in self.wholes else info.sizes[1:]
        if sizes != result.shape:
            raise FileFormatError(
                f"{self.at(call)}: the file says {show(info.sizes)}, its operands give "
                f"{show((self.batch, *result.shape))}; the file is damaged"
            )

    def _track_memory(self, call: Call, name: str) -> None:
        """Know which names share memory, so that in-place operators cannot be misread."""
        operand = next((a for a in call.arguments.values() if isinstance(a, TensorRef)), None)
        if operand is None:
            return
        in_place = call.in_place
        root = self._storage.get(operand.name, operand.name)
        if in_place:
            self.stale |= {n for n in self.values if self._storage.get(n, n) == root} - {name}
            self.values[operand.name] = self.values[name]
            self.stale.discard(operand.name)
        if in_place or call.target in self.views:
            self._storage[name] = root


def refuse_non_finite(name: str, array: Array, where: str) -> None:
    """Raise InvalidModelError("fc1.weight has 3 NaN values") unless all values are finite."""
    if np.isfinite(array).all():
        return
    nan = int(np.isnan(array).sum())
    count, what = (nan, "NaN") if nan else (int(np.isinf(array).sum()), "infinite")
    raise InvalidModelError(
        f"{where}: {printable(name)} has {count} {what} value{'s' if count > 1 else ''}; "
        "train again with a smaller learning rate, or load an earlier checkpoint"
    )
