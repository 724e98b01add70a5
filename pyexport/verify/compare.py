"""Compares a runner with the simulator: every output, class and accumulator, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from pyexport.artifact import Artifact
from pyexport.decision import DECIDED, decide
from pyexport.ir import Array, Tensor
from pyexport.rows import NUMPY_DTYPES, has_class, join_rows, output_tensors, row_dtype, row_slices
from pyexport.runners import CutOffError, RunResult
from pyexport.simulator.fast import FastSimulator, argmax, trace_sizes
from pyexport.untrusted import printable
from pyexport.verify.suites import Suite
from pyexport.verify.window_story import place_of

SEVERAL = 31  # odd: the classes of several outputs make one word, and one wrong class changes it


@dataclass(frozen=True, eq=False)
class Mismatch:
    """The first difference of a comparison: where it is, both values, and the input."""

    suite: str
    row: int  # index in the suite
    what: str  # "accumulator", "output" or "class"
    node: str  # graph node, "" for a class
    source: str  # its module path in the user's model
    index: int  # flat index of the value in its node's output, or in an output of the model
    expected: int | float  # by the simulator
    actual: int | float
    inputs: Array  # the row
    steps: int | None = None  # of a sequence, where rows are steps
    place: str = ""  # of the value in an image, as place_of words it

    def sentence(self, wanted: str = "simulator", given: str = "device") -> str:
        """Return where the difference is and both values, accumulators in hex too."""
        place = f"{self.node} " if self.node else ""
        place += f'"{self.source}" ' if self.source else ""
        value = f"{self.what} {self.index}" if self.what != "class" else "class"
        if self.what == "accumulator":
            value = f"{self.place or f'neuron {self.index}'}, accumulator"
        row = f"row {self.row}"
        if self.steps is not None:
            row = f"sequence {self.row // self.steps}, step {self.row % self.steps}"
        return (
            f"{place}{value}: {wanted} {_both(self.expected, self.what)}, "
            f"{given} {_both(self.actual, self.what)} (suite {self.suite}, {row})"
        )


@dataclass(frozen=True, eq=False)
class Comparison:
    """What one suite gave on one runner."""

    suite: str
    rows: int  # compared
    output_bytes: int  # compared
    accumulators: int  # compared, 0 where none can be had
    classes: int  # compared, 0 where the header has no argmax
    differing_rows: int
    first: Mismatch | None
    cut_off: str = ""  # why the rows ended early, "" if all were compared


@dataclass(frozen=True, eq=False)
class Expected:
    """The simulator's answer for a suite."""

    outputs: Array
    classes: Array  # class words: the largest output's index, and DECIDED where decide says yes
    accumulators: Array


def class_words(outputs: Array, least: float | None, ports: Sequence[Tensor] = ()) -> Array:
    """Return the class of each row of outputs as the harness words it; least: Artifact.least_yes.

    The index of the largest output, and the bit DECIDED where the last one reaches the threshold.
    Of several outputs, then given as `ports`, it is sum(SEVERAL**k * class of output k) % DECIDED
    over those that have a class.
    """
    if len(ports) > 1:
        words = np.zeros(len(outputs), dtype=np.int64)
        for number, (port, part) in enumerate(zip(ports, row_slices(ports), strict=True)):
            if has_class(port):
                words += pow(SEVERAL, number, DECIDED) * argmax(outputs[:, part])
        return words % DECIDED
    classes = argmax(outputs)
    return classes if least is None else classes | np.where(decide(outputs, least), DECIDED, 0)


def simulate_suite(simulator: FastSimulator, suite: Suite, least: float | None = None) -> Expected:
    """Return outputs, classes and accumulators of every row."""
    result = simulator.trace(suite.rows)
    assert result.accumulators is not None  # trace() always returns them
    words = class_words(result.outputs, least, output_tensors(simulator.graph))
    return Expected(result.outputs, words, result.accumulators)


class Asked(Protocol):
    """As much of a runner as a comparison needs."""

    @property
    def traces(self) -> bool:
        """Whether it tells accumulators."""

    def run(self, inputs: Array) -> RunResult:
        """Predict every row."""

    def trace(self, inputs: Array) -> RunResult:
        """Predict every row, with accumulators."""


def compare_suite(
    artifact: Artifact, runner: Asked, suite: Suite, expected: Expected
) -> Comparison:
    """Run a suite in the plain build, and in the trace build where there is one, and compare.

    The first mismatch reported is the earliest in the network: an accumulator if one differs.
    """
    plain, cut_off = _run(runner, suite)
    rows = len(plain.outputs)
    expected = Expected(
        expected.outputs[:rows], expected.classes[:rows], expected.accumulators[:rows]
    )
    traced = runner.trace(suite.rows[:rows]) if runner.traces else None
    sums = None if traced is None else traced.accumulators
    other = plain.outputs if traced is None else traced.outputs
    wrong_sums = np.zeros((rows, 0), dtype=bool)
    if sums is not None:
        wrong_sums = differs(expected.accumulators, sums)
    wrong_outputs = differs(expected.outputs, plain.outputs) | differs(expected.outputs, other)
    wrong_classes = np.zeros(rows, dtype=bool)
    if plain.classes is not None:
        wrong_classes = plain.classes.astype(np.int64) != expected.classes
    wrong_rows = wrong_sums.any(axis=1) | wrong_outputs.any(axis=1) | wrong_classes
    first = None
    if sums is not None and wrong_sums.any():
        first = _first_accumulator(artifact, suite, expected, sums, wrong_sums)
    elif wrong_outputs.any():
        actual = np.where(differs(expected.outputs, plain.outputs), plain.outputs, other)
        first = _first_output(artifact, suite, expected, actual, wrong_outputs)
    elif wrong_classes.any() and plain.classes is not None:
        row = int(np.argmax(wrong_classes))
        first = Mismatch(
            suite.name, row, "class", "", "", 0,
            int(expected.classes[row]), int(plain.classes[row]), suite.rows[row],
        )  # fmt: skip
    return Comparison(
        suite=suite.name,
        rows=rows,
        output_bytes=plain.outputs.nbytes,
        accumulators=0 if sums is None else int(sums.size),
        classes=0 if plain.classes is None else len(plain.classes),
        differing_rows=int(wrong_rows.sum()),
        first=None if first is None else replace(first, steps=artifact.steps),
        cut_off=cut_off,
    )


def _run(runner: Asked, suite: Suite) -> tuple[RunResult, str]:
    """Return what the plain build gave, and why it is not for all rows, "" if it is."""
    try:
        return runner.run(suite.rows), ""
    except CutOffError as error:
        return error.partial, str(error)


def differs(expected: Array, actual: Array) -> Array:
    """Return where two arrays have other bits; a float is compared as its 32 bits."""
    if expected.dtype == np.float32:
        return np.asarray(expected.view(np.uint32) != actual.astype(np.float32).view(np.uint32))
    return np.asarray(expected != actual)


def tie_outputs(artifact: Artifact, count: int = 256) -> Array:
    """Return output vectors with two or more equal largest values, and single extremes.

    They go straight into the header's argmax: real inputs hardly ever give a tie.
    """
    ports = output_tensors(artifact.graph)
    if len(ports) > 1:
        ties = [_ties(port, count) for port in ports]
        most = max(map(len, ties))
        repeated = [rows[np.arange(most) % len(rows)] for rows in ties]
        return join_rows(repeated).astype(row_dtype(ports))
    if artifact.least_yes is not None:
        return np.concatenate([_ties(ports[0], count), _around(artifact, artifact.least_yes)])
    return _ties(ports[0], count)


def _around(artifact: Artifact, least: float) -> Array:
    """Return output vectors whose last value is the least that says yes, or its neighbors."""
    output = artifact.graph.output
    if output.quant is None:
        single = np.float32(least)
        down, up = (np.nextafter(single, np.float32(end)) for end in (-np.inf, np.inf))
        values = np.array([down, single, up, -single], np.float32)
    else:
        q = output.quant
        values = np.clip([least - 1, least, least + 1, q.low, q.high], q.low, q.high)
    rows = np.zeros((len(values), output.size))
    rows[:, -1] = values
    return rows.astype(_ties(output, 4).dtype)


def _ties(output: Tensor, count: int) -> Array:
    size = output.size
    dtype = NUMPY_DTYPES[output.dtype]
    generator = np.random.Generator(np.random.PCG64([size, 3]))
    if dtype is np.float32:
        return _float_ties(size, count, generator)
    low, high = (0, 255) if output.dtype == "u8" else (-128, 127)
    few = generator.integers(low, low + 3, size=(count, size))
    flat = np.repeat(np.array([[low], [0], [high]]), size, axis=1)
    peaks = np.where(np.eye(size, dtype=bool), high, low)
    return np.concatenate([flat, peaks, peaks[::-1], few]).astype(dtype)


def _float_ties(size: int, count: int, generator: np.random.Generator) -> Array:
    """Return float vectors whose largest values are equal, or as close as two floats can be.

    Both zeros are equal to C and to NumPy; huge values would overflow in a difference, tiny ones
    vanish in one.
    """
    single = np.float32
    one, tiny = single(1.0), np.finfo(single).tiny
    steps = [np.nextafter(one, single(0.0)), one, np.nextafter(one, single(2.0))]
    largest = np.finfo(single).max
    sets = (
        steps,
        [-value for value in steps],
        [single(-0.0), single(0.0)],
        [single(0.0), tiny, np.nextafter(tiny, one), -tiny],
        [np.nextafter(largest, one), largest, -largest],
        [single(-1.0), single(0.0), single(1.0)],
    )
    few = [generator.choice(np.array(values, single), size=(count // 4, size)) for values in sets]
    peaks = np.where(np.eye(size, dtype=bool), steps[2], one).astype(single)
    flat = np.repeat(np.array([[-largest], [0.0], [largest]], single), size, axis=1)
    return np.concatenate([flat, peaks, peaks[::-1], *few])


def _first_accumulator(
    artifact: Artifact, suite: Suite, expected: Expected, actual: Array, wrong: Array
) -> Mismatch:
    """Return the difference in the earliest node, then the earliest row."""
    start = 0
    for node, size in zip(artifact.graph.nodes, trace_sizes(artifact.graph), strict=True):
        part = wrong[:, start : start + size]
        if part.any():
            row = int(np.argmax(part.any(axis=1)))
            index = int(np.argmax(part[row]))
            shape = artifact.graph.tensor(node.outputs[0]).shape
            is_image = len(shape) == 3 and int(np.prod(shape)) == size
            return Mismatch(
                suite.name, row, "accumulator", node.name, printable(node.source), index,
                expected.accumulators[row, start + index].item(),
                actual[row, start + index].item(), suite.rows[row],
                place=place_of(index, shape) if is_image else "",
            )  # fmt: skip
        start += size
    raise AssertionError("a difference lies in some node")


def _first_output(
    artifact: Artifact, suite: Suite, expected: Expected, actual: Array, wrong: Array
) -> Mismatch:
    ports = output_tensors(artifact.graph)
    row = int(np.argmax(wrong.any(axis=1)))
    index = int(np.argmax(wrong[row]))
    inside = [part.start <= index < part.stop for part in row_slices(ports)].index(True)
    last = next(n for n in artifact.graph.nodes if ports[inside].name in n.outputs)
    return Mismatch(
        suite.name, row, "output", last.name, printable(last.source),
        index - row_slices(ports)[inside].start,
        expected.outputs[row, index].item(), actual[row, index].item(), suite.rows[row],
    )  # fmt: skip


def _both(value: float, what: str) -> str:
    if what == "class" and int(value) & DECIDED:
        return f"{int(value) & ~DECIDED}, yes"
    if isinstance(value, int) and what == "accumulator":
        return f"{value} (0x{value & 0xFFFFFFFF:08X})"
    return f"{value!r}"
