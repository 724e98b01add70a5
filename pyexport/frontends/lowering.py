"""What a walk over a torch.export graph knows: values so far, arguments by name, memory shared."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pyexport.errors import (
    FileFormatError,
    InvalidModelError,
    PyexportError,
    UnsupportedModelError,
    UnsupportedOperatorError,
)
from pyexport.frontends.floats import DTYPE_NAMES, FLOATS
from pyexport.frontends.graph_builder import GraphBuilder, Value
from pyexport.frontends.pt2 import (
    Call,
    ExportedProgram,
    Parameter,
    TensorInfo,
    TensorRef,
)
from pyexport.frontends.ways_out import way_out
from pyexport.ir import Array, Op
from pyexport.untrusted import MAX_FOLDED, printable

BATCH_HINT = "give the example a batch dimension, e.g. torch.zeros(1, 64)"


def only_input(program: ExportedProgram, where: str) -> tuple[str, TensorInfo]:
    """Return name and description of the model's input: one, float, batch first, sizes fixed.

    Raises UnsupportedModelError.
    """
    if len(program.inputs) != 1:
        names = ", ".join(printable(name, 40) for name in program.inputs[:6])
        raise UnsupportedModelError(
            f"{where}: the model takes {len(program.inputs)} inputs ({names}); only one is "
            "supported: concatenate them before the model"
        )
    name = program.inputs[0]
    info = program.values.get(name)
    if info is None:
        raise UnsupportedModelError(f"{where}: the model's input is not a tensor")
    if info.dtype not in FLOATS:
        raise UnsupportedModelError(
            f"{where}: the input {printable(name)} is {dtype_name(info.dtype)}; save with a "
            "float32 example (example.float()): the exporter chooses the integers"
        )
    if len(info.sizes) < 2:
        raise UnsupportedModelError(
            f"{where}: the input has shape {show(info.sizes)}; {BATCH_HINT}"
        )
    for axis, size in enumerate(info.sizes[1:], 1):
        if not isinstance(size, int):
            raise UnsupportedModelError(
                f"{where}: the input's dimension {axis} is symbolic ({printable(size)}); only the "
                "batch may be dynamic: export with a fixed size"
            )
    if 0 in info.sizes:
        raise UnsupportedModelError(f"{where}: the input is empty, shape {show(info.sizes)}")
    return name, info


@dataclass
class Lowering:
    """What is known while the calls are walked in order."""

    program: ExportedProgram
    where: str
    input: TensorInfo
    views: frozenset[str]  # operators whose result shares memory with their operand
    values: dict[str, Value | Parameter] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    stale: set[str] = field(default_factory=set)  # names whose storage was changed in place
    room: int = MAX_FOLDED  # numbers that may still be computed from constants

    def __post_init__(self) -> None:
        self.batch = self.input.sizes[0]
        shape = tuple(n for n in self.input.sizes[1:] if isinstance(n, int))
        self.builder = GraphBuilder(shape, self.where)
        self.values.update(self.program.parameters)
        self._storage: dict[str, str] = {}  # name -> the first name of the same memory

    def record(self, call: Call, result: Value | Parameter) -> None:
        """Keep the result of a call under the name that the graph gives it."""
        if not call.outputs:
            raise FileFormatError(f"{self.at(call)} has no output; the file is damaged")
        name = call.outputs[0]
        self.values[name] = result
        self._check_stated_shape(call, name, result)
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

    def value(self, name: str, at: str) -> Value:
        """Return a tensor that depends on the input."""
        if name in self.stale:
            raise UnsupportedModelError(
                f"{at}: reads a tensor after an in-place operator changed it; use the "
                "operator's result, or inplace=False"
            )
        value = self.values.get(name)
        if not isinstance(value, Value):
            what = "a constant" if isinstance(value, Parameter) else "unknown"
            raise UnsupportedModelError(
                f"{at}: {printable(name)} is {what}, not a tensor made from the input"
            )
        return value

    def operand(self, call: Call, key: str) -> Value:
        """Return the argument `key`, which must be a tensor made from the input."""
        reference = call.arguments.get(key)
        if not isinstance(reference, TensorRef):
            raise UnsupportedOperatorError(
                f"{self.at(call)}: its argument {key} is no tensor; pass one made from the input"
            )
        return self.value(reference.name, self.at(call))

    def parameter(self, call: Call, key: str) -> Parameter | None:
        """Return the argument `key` as a finite float constant, None where it is absent."""
        reference = call.arguments.get(key)
        if reference is None:
            return None
        name = reference.name if isinstance(reference, TensorRef) else ""
        value = self.values.get(name)
        if not isinstance(value, Parameter):
            raise UnsupportedOperatorError(
                f"{self.at(call)}: its {key} is computed, not a stored parameter; "
                "use nn.Linear layers"
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

    def charge(self, count: int, call: Call) -> None:
        """Count numbers computed from constants; raises FileFormatError over the limit."""
        self.room -= count
        if self.room < 0:
            raise FileFormatError(
                f"{self.at(call)}: arithmetic of constants makes over {MAX_FOLDED} numbers; "
                "compute them before saving"
            )

    def _check_stated_shape(self, call: Call, name: str, result: Value | Parameter) -> None:
        info = self.program.values.get(name)
        if isinstance(result, Value) and info and info.sizes[1:] != result.shape:
            raise FileFormatError(
                f"{self.at(call)}: the file says {show(info.sizes)}, its operands give "
                f"{show((self.batch, *result.shape))}; the file is damaged"
            )

    def _track_memory(self, call: Call, name: str) -> None:
        """Know which names share memory, so that in-place operators cannot be misread."""
        operand = next((a for a in call.arguments.values() if isinstance(a, TensorRef)), None)
        if operand is None:
            return
        in_place = call.target.split(".")[1].endswith("_")
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


def show(sizes: tuple[int | str, ...]) -> str:
    """Return sizes as Python writes a tuple: "(1, 64)"; a symbolic one by its name."""
    return "(" + ", ".join(printable(n) for n in sizes) + ("," if len(sizes) == 1 else "") + ")"


def dtype_name(code: object) -> str:
    """Return the name of a type number of the file ("float16"), or words for an unknown one."""
    return DTYPE_NAMES.get(code, "of an unknown type") if isinstance(code, int) else "another type"
