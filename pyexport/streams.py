"""How rows are read as steps, and what one step keeps of what was said about whole sequences."""

import math
from dataclasses import dataclass, replace

import numpy as np

from pyexport.ir import Array, Graph
from pyexport.statements import Statements

DEFAULT_STEPS = 64  # of a sequence that a verification makes, where no sequence has a length


@dataclass(frozen=True)
class Stream:
    """Rows of a model with states are steps; each sequence of them starts with a reset."""

    steps: int  # of a sequence of the samples, and of those that a verification makes
    vector_steps: int  # of a sequence of the stored vectors


def check_stream(stream: Stream | None, graph: Graph) -> None:
    """Raise unless a graph with states, and no other, says how long its sequences are."""
    if (stream is not None) != bool(graph.states):
        raise ValueError("states and the steps of a stream do not fit each other")
    counts = () if stream is None else (stream.steps, stream.vector_steps)
    if not all(type(count) is int and count > 0 for count in counts):
        raise TypeError("a number of steps is not a count")


def count_sequences(rows: int, stream: Stream | None) -> int:
    """Return of how many targets these rows are: one a row, or one a sequence; -1 of a part."""
    if stream is None:
        return rows
    return rows // stream.steps if rows % stream.steps == 0 else -1


def steps_of_sequences(shape: tuple[int, ...], graph: Graph) -> int | None:
    """Return the steps of sequences (n, steps, features); None where inputs are rows."""
    if len(graph.inputs) > 1:
        return None
    source = graph.input
    is_rows = not graph.states or len(shape) != 3 or shape[1:] == source.shape
    return None if is_rows or shape[2] != source.size else shape[1]


def at_the_end(rows: Array, whole: tuple[int, ...], step: tuple[int, ...]) -> Array:
    """Return what the last step gives, of flat rows (n, ...) of outputs of a whole sequence.

    whole, step: the shapes of both outputs; where they are equal, or rows are class numbers (n,),
    they stay as they are.
    """
    if rows.ndim == 1 or whole == step:
        return rows
    axis = next(i for i, (n, m) in enumerate(zip(whole, step, strict=True)) if n != m)
    last = np.asarray(rows.reshape(-1, *whole).take(-1, axis + 1))
    return last.reshape(len(rows), math.prod(last.shape[1:]))


def step_rows(inputs: Array, size: int, steps: int) -> Array:
    """Return inputs of whole sequences as rows of steps; one value is held for all of them."""
    if inputs[0].size == size:
        return np.repeat(inputs.reshape(len(inputs), size), steps, axis=0)
    return inputs.reshape(-1, size)


def kept_statements(stated: Statements, stream: Stream | None) -> Statements:
    """Return what the artifact keeps: not the range, which its graph says.

    Of a stream neither what was said of the elements of a whole sequence.
    """
    kept = replace(stated, input_range=None)
    if stream is None:
        return kept
    spread = kept.input_normalize
    if spread is not None and max(len(spread.mean), len(spread.std)) > 1:
        spread = None
    return replace(
        kept, input_shape=None, input_layout=None, input_columns=None, input_normalize=spread
    )
