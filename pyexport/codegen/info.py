"""What the header says about the model, beside the Program: plain data from the pipeline."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column of a raw input: what one unit is worth, and where the front end saturates."""

    name: str  # "" where it has none
    step: float  # real = step * value
    low: float  # real values
    high: float
    is_used: bool  # False: no value of it changes an output


@dataclass(frozen=True)
class Port:
    """An input or output: its tensor, its meaning in real units, its legal values."""

    symbol: str  # what C calls it: "in" and "out", or the tensor's own name where there are several
    dtype: str
    size: int
    scale: float | None  # None for float32
    zero_point: int
    low: int
    high: int
    shape: tuple[int, ...]
    unit: str | None
    name: str | None = None
    layout: str | None = None  # "NHWC", or another word for the order of the elements
    notes: tuple[str, ...] = ()  # lines about what is measured, and how
    columns: tuple[Column, ...] = ()  # of an input that a front end reads
    has_steps: bool = False  # columns have steps of their own, instead of the scale

    @property
    def suffix(self) -> str:
        """What it is called behind a prefix: `class` where a C argument must be `class_`."""
        return self.symbol.rstrip("_")


@dataclass(frozen=True)
class Decision:
    """Where the last output starts to say yes."""

    least: int | float  # the least output value that does: a byte, or a float32
    threshold: float  # the real number that was stated
    unit: str | None


@dataclass(frozen=True)
class StoredVectors:
    """Self-test vectors as little-endian bytes, row by row: one text a port."""

    count: int
    inputs: tuple[bytes, ...]
    outputs: tuple[bytes, ...]
    steps: int = 0  # of a model with states: the state is reset before every so many-th vector

    @property
    def data(self) -> bytes:
        """All bytes, those of the inputs first."""
        return b"".join((*self.inputs, *self.outputs))


@dataclass(frozen=True)
class HeaderInfo:
    """Everything that the header's comments and macros say; all text is escaped when printed."""

    name: str
    version: str
    scheme: str
    identity: str
    title: str  # "64-32-16-10 network, int8, forward only"
    command: str  # how to make the header again
    facts: tuple[tuple[str, str], ...]  # label and text: source, ranges, accuracy, ...
    layers: tuple[tuple[str, tuple[str, ...]], ...]  # node name, lines about its parameters
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    labels: tuple[str, ...] | None
    decision: Decision | None
    vectors: StoredVectors

    @property
    def is_single(self) -> bool:
        """Whether there is one input and one output, which then need no names of their own."""
        return len(self.inputs) == len(self.outputs) == 1
