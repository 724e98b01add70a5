"""What a device will run, before it is printed: buffers, constants and kernel calls, in order.

Plain dataclasses of the standard library. Lowering makes a Program from an integer (or float32)
Graph; codegen prints it. Nothing here depends on NumPy or on C.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_INTERNAL_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")  # of tensors, nodes and tables, as in C

BUFFER_KINDS = ("input", "output", "arena", "line", "state")

# C lets bytes be read and written as characters whatever lies there; of wider elements the same
# place has one type, or one and its unsigned twin, from the first inference to the last.
_KINDS = {"s16": "16 bits", "u16": "16 bits", "s32": "32 bits", "u32": "32 bits", "f32": "float"}


def element_kind(dtype: str) -> str:
    """Return what elements of a type may share their place with: "" for bytes, with anything."""
    return _KINDS.get(dtype, "")


def is_internal_name(name: object) -> bool:
    """Return whether a tensor, node or table is called as pyexport itself calls one."""
    return isinstance(name, str) and _INTERNAL_NAME.fullmatch(name) is not None


@dataclass(frozen=True)
class Buffer:
    """A tensor's place in memory.

    `offset` counts bytes from the start of the arena, or of the input or output `inside` which a
    view lies. Line buffers lie in the arena too.
    """

    name: str
    kind: str  # one of BUFFER_KINDS
    dtype: str  # "u8", "s8", "f32"; "u32" words of spikes
    size: int  # elements
    bytes: int
    offset: int = 0
    inside: str = ""  # of a view: the program's input or output that holds its bytes
    is_bits: bool = False  # each element is a word of spikes, one a bit

    def __post_init__(self) -> None:
        if self.kind not in BUFFER_KINDS:
            raise ValueError(f"buffer kind {self.kind!r} is none of {BUFFER_KINDS}")

    @property
    def item_bytes(self) -> int:
        """Bytes of one element."""
        return self.bytes // self.size


@dataclass(frozen=True)
class Const:
    """A table in flash: canonical little-endian values, one C element a value, in order."""

    name: str  # unprefixed C name: "linear0_weight"
    dtype: str  # "s8", "s32", "u16", "f32"
    shape: tuple[int, ...]
    data: bytes  # canonical little-endian bytes, row by row
    note: str  # what it is, for the comment above it

    @property
    def size(self) -> int:
        """Number of elements."""
        count = 1
        for n in self.shape:
            count *= n
        return count


@dataclass(frozen=True)
class Step:
    """One kernel call: which buffers, which constants, and the numbers it is specialized for."""

    kernel: str  # name of a registered kernel
    template: str  # its template, a file under templates/
    node: str  # the graph node it computes
    trace: int  # number of the node in trace records, -1 if it has no accumulator
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    consts: tuple[str, ...]
    params: tuple[tuple[str, int | str], ...]  # specialization: shapes, shifts, limits
    workspace: str = ""  # a buffer that only this step uses, if its kernel needs one
    acc_low: int = 0  # proved bounds of every accumulator of the step
    acc_high: int = 0
    placed: tuple[str, ...] = ()  # parts that lie where this step would copy them
    is_free: bool = False  # all do: nothing is left to run
    absorbed: str = ""  # the node behind it that it computes too, if any

    @property
    def buffers(self) -> tuple[str, ...]:
        """All buffers that the step uses."""
        return (*self.reads, *self.writes, *self.workspaces)

    @property
    def workspaces(self) -> tuple[str, ...]:
        """Those that only this step uses."""
        return (self.workspace,) if self.workspace else ()


@dataclass(frozen=True)
class Line:
    """A ring of the last rows of a plane: row r of it lies at r % rows."""

    buffer: str  # of kind "line", rows * row_bytes bytes
    row_bytes: int
    rows: int  # that it holds at once


@dataclass(frozen=True)
class RowStep:
    """A step that makes a plane row by row, from windows of rows of what it reads.

    Output row r needs the input rows from r // repeat * stride - halo on, `window` of them. Rows
    above and below the input are padding, which the kernel makes itself.
    """

    step: Step
    rows: int  # that it makes
    rows_in: int  # of the planes that it reads
    window: int = 1  # the kernel's height, dilation included
    stride: int = 1
    halo: int = 0  # rows of padding above
    repeat: int = 1  # output rows made of the same window: enlarging

    def __post_init__(self) -> None:
        if min(self.rows, self.rows_in, self.window, self.stride, self.repeat) < 1:
            raise ValueError(f"row step {self.step.node}: every count must be at least 1")
        if not 0 <= self.halo < self.window:
            raise ValueError(f"row step {self.step.node}: halo {self.halo} of {self.window} rows")

    def input_rows(self, row: int) -> tuple[int, int]:
        """Return the first and the last input row that an output row needs; padding left out."""
        first = row // self.repeat * self.stride - self.halo
        last = min(first + self.window, self.rows_in) - 1
        return min(max(first, 0), last), max(last, 0)


@dataclass(frozen=True)
class RowLoop:
    """Steps that run row by row over line buffers, so that no whole plane is ever stored.

    Its steps read and write lines, whole buffers of the arena, or the caller's; one row of the last
    step is made in an iteration, and as many of the earlier ones as it needs.
    """

    steps: tuple[RowStep, ...]
    lines: tuple[Line, ...]

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError("a row loop without steps")
        written: set[str] = set()
        for entry in self.steps:
            lost = {line.buffer for line in self.lines} & set(entry.step.reads) - written
            if lost:
                raise ValueError(f"row step {entry.step.node} reads {min(lost)}, not yet written")
            written.update(entry.step.writes)

    @property
    def rows(self) -> int:
        """Iterations: rows of the last step."""
        return self.steps[-1].rows

    @property
    def node(self) -> str:
        """What to call it: its first and its last node."""
        return f"{self.steps[0].step.node}..{self.steps[-1].step.node}"

    @property
    def buffers(self) -> tuple[str, ...]:
        """All buffers that its steps use, lines and workspaces too."""
        return tuple(dict.fromkeys(name for entry in self.steps for name in entry.step.buffers))

    @property
    def workspaces(self) -> tuple[str, ...]:
        """Those that only this loop uses: workspaces of its steps, and its lines."""
        inner = [name for entry in self.steps for name in entry.step.workspaces]
        return (*inner, *(line.buffer for line in self.lines))


@dataclass(frozen=True)
class StateSlot:
    """A member of the caller's state: what a step reads, and writes for the next one."""

    name: str
    read: str  # the buffer of kind "state" that holds the old values
    write: str  # the buffer that holds the new ones
    initial: int  # every value after a reset
    in_place: bool  # the new values are written over the old ones; otherwise copied at the end


@dataclass(frozen=True)
class Program:
    """Everything codegen needs to print predict(): nothing is decided after this."""

    buffers: tuple[Buffer, ...]
    consts: tuple[Const, ...]
    steps: tuple[Step | RowLoop, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    arena_bytes: int
    arena_lower_bound: int  # no plan can need fewer bytes (most bytes live at one step)
    trace_sizes: tuple[int, ...]  # accumulators of each traced node
    states: tuple[StateSlot, ...] = ()  # in the order of the struct
    state_bytes: int = 0  # of the struct

    def buffer(self, name: str) -> Buffer:
        """Return the buffer of that name; raises KeyError."""
        for buffer in self.buffers:
            if buffer.name == name:
                return buffer
        raise KeyError(name)

    def const(self, name: str) -> Const:
        """Return the constant of that name; raises KeyError."""
        for const in self.consts:
            if const.name == name:
                return const
        raise KeyError(name)

    @property
    def const_bytes(self) -> int:
        """Bytes of all tables in flash."""
        return sum(len(c.data) for c in self.consts)
