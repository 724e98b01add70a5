"""The network of headers/toy.h computed in plain Python, and the header with faults planted."""

from pathlib import Path

import numpy as np

from pyexport.runners import HeaderInterface
from pyexport.runners.protocol import Array

HEADER = Path(__file__).parent / "headers" / "toy.h"
INTERFACE = HeaderInterface(
    name="toy",
    input_dtype="u8",
    input_size=4,
    output_dtype="s8",
    output_size=2,
    accumulator_dtype="s32",
    trace_sizes=(3, 2),
    has_argmax=True,
    parameter_symbols=(
        "toy_hidden_weight",
        "toy_hidden_bias",
        "toy_output_weight",
        "toy_output_bias",
    ),
    input_low=0,
    input_high=255,
    scratch_bytes=3,
    scratch_written=3,
)
_HIDDEN = ([[12, -7, 33, 101], [-128, 64, 5, -19], [90, 127, -55, 3]], [250, -1200, 77])
_OUTPUT = ([[-64, 127, 31], [88, -5, -101]], [-5000, 9000])


def toy_outputs(vector: list[int]) -> tuple[list[int], list[int]]:
    """Return the output bytes and the five accumulators of one input."""
    accumulators, outputs = [], []
    hidden = []
    for weights, bias in zip(*_HIDDEN, strict=True):
        accumulators.append(sum(w * x for w, x in zip(weights, vector, strict=True)) + bias)
        hidden.append(min(max((accumulators[-1] * 9 + 128) // 256, 0), 255))
    for weights, bias in zip(*_OUTPUT, strict=True):
        accumulators.append(sum(w * x for w, x in zip(weights, hidden, strict=True)) + bias)
        outputs.append(min(max((accumulators[-1] * 2 + 128) // 256, -128), 127))
    return outputs, accumulators


def toy_batch(inputs: Array) -> tuple[Array, Array]:
    """Return outputs (n, 2) and accumulators (n, 5) of all rows."""
    rows = [toy_outputs([int(x) for x in row]) for row in inputs]
    return (
        np.array([outputs for outputs, _ in rows], np.int8),
        np.array([accumulators for _, accumulators in rows], np.int32),
    )


def toy_inputs(count: int) -> Array:
    """Return corners and random inputs, (count, 4) uint8."""
    corners = np.array([[0] * 4, [255] * 4, [255, 0, 255, 0], [0, 255, 0, 255]], np.uint8)
    random = np.random.default_rng(7).integers(0, 256, (count - len(corners), 4), dtype=np.uint8)
    return np.concatenate([corners, random])


def faulty(folder: Path, *, code: str = "", edits: tuple[tuple[str, str], ...] = ()) -> Path:
    """Write toy.h with `code` at the end of predict and other text replaced; return its path."""
    text = HEADER.read_text(encoding="utf-8")
    for old, new in (("/* FAULT */", code), *edits):
        assert old in text
        text = text.replace(old, new)
    path = folder / "toy.h"
    path.write_text(text, encoding="utf-8")
    return path
