"""What every runner takes and gives: the interface of a header, results, measurements, findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pyexport.errors import CheckFailedError, LinkError, UsageError
from pyexport.runners.blobs import Blob, Slot, numpy_type

Array = NDArray[Any]

CLASS_TYPE = np.dtype("<u2")  # of a class index, in every harness
_INPUTS, _OUTPUTS = ("u8", "s8", "u16", "s16", "f32"), ("u8", "s8", "u16", "f32")


@dataclass(frozen=True)
class HeaderInterface:
    """What a harness must know of a header, besides the header itself.

    A model of several inputs or outputs has a blob of each kind (blobs.py); the type and the size
    of the input and of the output are then those of the blobs.
    """

    name: str  # "digits": prefix of every symbol
    input_dtype: str  # "u8", "s8", "u16", "s16" or "f32"
    input_size: int
    output_dtype: str  # "u8", "s8", "f32", or "u16" of an index
    output_size: int
    accumulator_dtype: str  # "s32" or "f32"
    trace_sizes: tuple[int, ...]  # accumulators of each traced node
    has_argmax: bool
    parameter_symbols: tuple[str, ...]  # C names of the tables that must lie in flash
    input_low: float  # least legal input: proofs hold between the two only
    input_high: float
    decides: bool = False  # there is NAME_decide
    scratch_bytes: int = 0  # of the plan
    scratch_written: int = 0  # of these, up to the end of the highest tensor
    state_bytes: int = 0  # kept between steps; 0: rows have nothing to do with each other
    steps: int = 0  # rows are steps: the state is reset before every so many-th; 0: at the first
    inputs: tuple[Slot, ...] = ()  # of a model of several inputs or outputs, else none
    outputs: tuple[Slot, ...] = ()

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or not self.name.isascii():
            raise UsageError(f"model name {self.name!r} is not a C identifier")
        for dtype, known in ((self.input_dtype, _INPUTS), (self.output_dtype, _OUTPUTS)):
            if dtype not in known:
                raise UsageError(
                    f"model {self.name}: dtype {dtype!r} is none of {', '.join(known)}"
                )
        if self.accumulator_dtype not in ("s32", "f32"):
            raise UsageError(
                f"model {self.name}: accumulators are s32 or f32, not {self.accumulator_dtype!r}"
            )
        if not self.input_low <= self.input_high:
            raise UsageError(
                f"model {self.name}: no input lies in {self.input_low:g}..{self.input_high:g}"
            )
        if min(self.input_size, self.output_size, *self.trace_sizes, 1) < 1:
            raise UsageError(f"model {self.name}: every size must be at least 1")

    @property
    def has_class(self) -> bool:
        """Whether the harness gives a class word: of argmax, of decide (bit 15), or of both."""
        return self.has_argmax or self.decides

    @property
    def trace_total(self) -> int:
        """Accumulators of one inference, all nodes together."""
        return sum(self.trace_sizes)

    @property
    def input_bytes(self) -> int:
        """Bytes of one input vector."""
        return self.input_size * numpy_type(self.input_dtype).itemsize

    @property
    def output_bytes(self) -> int:
        """Bytes of one output vector."""
        return self.output_size * numpy_type(self.output_dtype).itemsize

    @property
    def guard_bytes(self) -> int:
        """Bytes of guard before the input buffer (pyx_ram.h)."""
        return 8 + (numpy_type(self.input_dtype).itemsize == 1)

    @property
    def harness_bytes(self) -> int:
        """Bytes of pyx_ram_t (pyx_ram.h), which holds the state; 0 without one."""
        if not self.state_bytes:
            return 0
        at = self.guard_bytes + self.input_bytes + 8
        item = numpy_type(self.output_dtype).itemsize
        at = -(-at // item) * item + self.output_bytes + 8
        at = -(-at // 4) * 4 + self.state_bytes + 8
        return -(-at // 4) * 4

    def as_inputs(self, inputs: Array) -> Array:
        """Return rows of values as the header takes them, contiguous (n, input_size).

        Raises UsageError for rows of another type or width.
        """
        return self._as_rows(inputs, "inputs", self.inputs, self.input_dtype, self.input_size)

    def as_measured(self, inputs: Array) -> Array:
        """Return `inputs` as `as_inputs` does; raises UsageError if there is none to count."""
        if not len(inputs):
            raise UsageError(f"model {self.name}: nothing can be measured without an input")
        return self.as_inputs(inputs)

    def as_outputs(self, outputs: Array) -> Array:
        """Return rows of values as the header gives them; raises UsageError as as_inputs does."""
        return self._as_rows(outputs, "outputs", self.outputs, self.output_dtype, self.output_size)

    def read_outputs(self, given: Array) -> Array:
        """Return rows of values of what the header gave, (n, output_size)."""
        return Blob(self.outputs).unpack(given) if self.outputs else given

    def _as_rows(
        self, rows: Array, what: str, slots: tuple[Slot, ...], dtype: str, size: int
    ) -> Array:
        blob = Blob(slots)
        wanted = blob.row_type if slots else numpy_type(dtype)
        size = blob.row_size if slots else size
        if rows.ndim != 2 or rows.shape[1] != size or rows.dtype != wanted:
            raise UsageError(
                f"model {self.name}: {what} must be ({wanted.name}, n x {size}),"
                f" not ({rows.dtype.name}, {' x '.join(map(str, rows.shape))})"
            )
        return blob.pack(rows) if slots else np.ascontiguousarray(rows)


@dataclass(frozen=True, eq=False)
class RunResult:
    """What a batch of inferences gave."""

    outputs: Array  # (n, output_size), by dtype
    classes: Array | None  # (n,), uint16: <name>_argmax, and bit 15 of <name>_decide; None without
    accumulators: Array | None  # (n, trace_total) in a trace run, else None


@dataclass(frozen=True)
class Measurement:
    """What an inference costs on one target, built by one compiler."""

    target: str
    compiler: str  # "zig cc 0.17.1 (clang 22.1.8) -Os"
    flash_bytes: int  # code and tables of an image that only predicts, startup included
    parameters_bytes: int  # of these, the tables
    ram_static_bytes: int  # .data + .bss that predict needs, without the harness's buffers
    stack_bytes: int  # high-water of one predict call, return address included
    unit: str  # "instructions" or "cycles"
    count_mean: float  # of one predict call, from its entry to its return
    count_min: int
    count_max: int


@dataclass(frozen=True)
class Timing:
    """What a board's own counter said of the inferences that it was asked for."""

    count_mean: float  # cycles of one predict call
    count_min: int
    count_max: int
    clock_hz: int


@dataclass
class LinkCounts:
    """What happened on a link so far."""

    asked: int = 0
    answered: int = 0
    resent: int = 0
    damaged: int = 0  # frames received that were not whole
    foreign: int = 0  # answers of another model, or to another question
    restarts: int = 0  # greetings of the board after its first answer
    failed: int = 0  # questions that ended with an error


class CutOffError(LinkError):
    """A batch ended early because a board does not answer any more; `partial` holds its rows."""

    def __init__(self, message: str, partial: RunResult) -> None:
        super().__init__(message)
        self.partial = partial


@dataclass(frozen=True)
class Finding:
    """One thing that was proved or refuted about a header on a target."""

    name: str
    ok: bool
    detail: str


class Runner(Protocol):
    """Runs one header on one target."""

    @property
    def name(self) -> str:
        """The target's name, or that of a host variant."""

    @property
    def compiler(self) -> str:
        """Compiler, version and level: "zig cc 0.17.1 (clang 22.1.8) -Os"."""

    @property
    def traces(self) -> bool:
        """Whether `trace` and `measure` can be had: a flashed board has no trace build."""

    def run(self, inputs: Array) -> RunResult:
        """Predict every row of `inputs` (n, input_size); with a state they are steps in order."""

    def trace(self, inputs: Array) -> RunResult:
        """Predict every row in a build that records accumulators."""

    def argmax(self, outputs: Array) -> Array:
        """Return <name>_argmax of every row of `outputs` (n, output_size)."""

    def selftest(self) -> bool:
        """Return what <name>_selftest() says in a build that has it."""

    def measure(self, inputs: Array) -> Measurement:
        """Return the cost of a prediction, over all rows of `inputs`."""

    def check(self) -> tuple[Finding, ...]:
        """Return the static proofs: tables in flash, helpers, instruction set."""


def raise_for_status(status: int, where: str) -> None:
    """Raise CheckFailedError if the harness reported a broken guard, trace or input."""
    code, row = status & 0xFF, status >> 8
    if code == 0:
        return
    reasons = {
        1: "a byte beside the input or output buffer was overwritten",
        2: "a trace record has a node or index that the model does not have",
        3: "an accumulator is missing from the trace or came twice",
        4: "predict changed its input",
    }
    reason = reasons.get(code, f"the harness stopped with unknown status {code}")
    raise CheckFailedError(f"{where}: {reason} (input {row} of the batch)")
