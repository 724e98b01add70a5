"""Chooses the self-test vectors that travel in the header: few rows that exercise the most."""

import hashlib

import numpy as np
import numpy.typing as npt

from pyexport.artifact import Samples, Vectors
from pyexport.errors import UsageError
from pyexport.integer.conv import QuantizedConv2d, QuantizedConvTranspose2d
from pyexport.ir import (
    Affine,
    Array,
    Graph,
    Linear,
    QuantizedSums,
)
from pyexport.rows import (
    input_tensors,
    output_tensors,
    row_dtype,
    row_limits,
    row_size,
    row_slices,
)
from pyexport.sensor import sensor_limits
from pyexport.simulator.fast import FastSimulator, trace_sizes

COUNT = 16
MAX_SUMS = 10_000  # of more, every second, third, ... is looked at
SCALED = (QuantizedSums, QuantizedConv2d, QuantizedConvTranspose2d)
STREAM_STEPS = 8  # of a sequence of a model with states: COUNT are two of them
MAX_SAMPLES = 256  # evaluation rows that are considered


def choose_vectors(graph: Graph, samples: Samples | None, finds: Array | None = None) -> Vectors:
    """Return COUNT rows with their outputs, picked greedily for the most new behaviour.

    Candidates are evaluation rows, corners of the input box and reproducible noise. Behaviour of a
    row is, for each accumulator: its sign, whether it is large, and whether the value made from it
    lies at its lower or upper limit; and the class of the row. The first finds, at most half of
    COUNT, are taken before any other row.

    Of a model with states the rows are sequences of STREAM_STEPS steps, chosen as wholes.
    """
    first = [] if finds is None else [finds[: COUNT // 2]]
    candidates = np.concatenate([*first, *_sample_rows(samples), _corners(graph), _noise(graph)])
    steps = STREAM_STEPS if graph.states else 1
    candidates = candidates[: len(candidates) // steps * steps]
    simulator = FastSimulator(graph, steps)
    traced = simulator.trace(candidates)
    assert traced.accumulators is not None  # trace() always returns them
    features = _features(graph, traced.outputs, traced.accumulators)
    features = np.asarray(features.reshape(len(features) // steps, steps, -1).any(axis=1))
    chosen = list(range(len(first[0]) if first else 0))
    covered = np.asarray(features[chosen].any(axis=0))
    remaining = list(range(len(chosen), len(features)))
    while len(chosen) < COUNT // steps:
        gains = (features[remaining] & ~covered).sum(axis=1)
        best = remaining.pop(int(np.argmax(gains)))
        chosen.append(best)
        covered |= features[best]
    rows = (np.array(chosen)[:, None] * steps + np.arange(steps)).reshape(-1)
    return Vectors(candidates[rows], traced.outputs[rows])


def check_finds(graph: Graph, finds: Array, name: str) -> None:
    """Raise UsageError unless rows that shall become vectors are legal inputs of the model."""
    if graph.states:
        raise UsageError(
            f"{name}: the model keeps a state, so its self-test runs sequences; leave "
            "--selftest-from out"
        )
    wanted, size = row_dtype(input_tensors(graph)), row_size(input_tensors(graph))
    if finds.shape[1:] != (size,) or finds.dtype != wanted:
        held = f"{finds.dtype} x {' x '.join(map(str, finds.shape[1:]))}"
        raise UsageError(
            f"{name}: its rows are {held}, and the model takes {wanted} x {size}; name what was "
            "found for this export"
        )
    low, high = row_limits(graph)
    if not ((finds >= low) & (finds <= high)).all():
        raise UsageError(
            f"{name}: its rows leave the input's limits; name what was found for this export"
        )


def deterministic_bytes(seed: str, count: int) -> bytes:
    """Return the first bytes of SHA-256(seed, 0), SHA-256(seed, 1), ...: the same everywhere."""
    blocks = []
    for block in range(-(-count // 32)):
        blocks.append(hashlib.sha256(f"{seed} {block}".encode()).digest())
    return b"".join(blocks)[:count]


def _sample_rows(samples: Samples | None) -> list[Array]:
    return [] if samples is None else [samples.inputs[:MAX_SAMPLES]]


def _corners(graph: Graph) -> Array:
    """Return rows whose every value is a limit of the input: all low, all high, patterns."""
    low, high = row_limits(graph)
    size = len(low)
    index = np.arange(size)
    masks = [index < 0, index >= 0, index % 2 == 0, index % 2 == 1, index < size // 2]
    random = np.frombuffer(deterministic_bytes("pyexport corners", 48 * size), dtype=np.uint8)
    masks += list((random.reshape(48, size) & 1).astype(bool))
    rows = np.array([np.where(mask, high, low) for mask in masks])
    return rows.astype(row_dtype(input_tensors(graph)))


def _noise(graph: Graph) -> Array:
    """Return reproducible rows of values that the model tells apart."""
    low, high = sensor_limits(graph)
    inputs = input_tensors(graph)
    is_whole, size = inputs[0].quant is not None, row_size(inputs)
    random = np.frombuffer(deterministic_bytes("pyexport noise", 2 * 48 * size), dtype="<u2")
    fraction = random.reshape(48, size).astype(np.float64) / 65536
    span = high - low + (1 if is_whole else 0)
    values = low + fraction * span
    return (np.floor(values) if is_whole else values).astype(row_dtype(inputs))


def _features(graph: Graph, outputs: Array, accumulators: Array) -> npt.NDArray[np.bool_]:
    features = [accumulators < 0, accumulators > 0, *_saturations(graph, accumulators)]
    if input_tensors(graph)[0].quant is not None:
        largest = np.abs(accumulators).max(axis=0, initial=1)
        features += [np.abs(accumulators) > largest * 0.75]
    stride = max(1, -(-accumulators.shape[1] // MAX_SUMS))
    features = [feature[:, ::stride] for feature in features]
    for part in row_slices(output_tensors(graph)):
        values = outputs[:, part]
        features.append(values.argmax(axis=1)[:, None] == np.arange(values.shape[1]))
    return np.concatenate(features, axis=1)


def _saturations(graph: Graph, accumulators: Array) -> list[npt.NDArray[np.bool_]]:
    """Return for every element behind a linear layer whether it lies at its low or high limit."""
    found = []
    start = 0
    for node, size in zip(graph.nodes, trace_sizes(graph), strict=True):
        sums = accumulators[:, start : start + size]
        start += size
        op, quant = node.op, graph.tensor(node.outputs[0]).quant
        if isinstance(op, SCALED) and quant is not None:
            factor = np.ldexp(op.multiplier.astype(np.float64), op.pre_shift - 16 - op.shift)
            factor = np.tile(factor, size // len(factor))  # one a column or channel
            values = np.floor(sums * factor + 0.5) + quant.zero_point
            found += [values <= quant.low, values >= quant.high]
        elif isinstance(op, Linear | Affine):
            found += [sums <= op.low, sums >= op.high]
    return found
