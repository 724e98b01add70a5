"""Inputs whose softmax lies on an edge: where one unit of its reciprocal changes an output byte."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pyexport.ir import Array, FloatArray, Graph, QuantizedSoftmax
from pyexport.simulator.fast import FastSimulator

ROWS = 200  # kept
CANDIDATES = 50_000  # drawn


def softmax_rows(graph: Graph, candidates: Array) -> Array:
    """Return the candidates that say most about the integer softmax of each output that is one.

    A half have an output nearest to the middle between two bytes, among sums of more than 16 bits,
    which are shortened before the division; a quarter are so among all sums; a quarter have a sum
    nearest to a power of two, where the shift changes and the reciprocal is exact.
    """
    found = [
        _rows_of(node.op, replace(graph, nodes=graph.nodes[:at], outputs=node.inputs), candidates)
        for at, node in enumerate(graph.nodes)
        if isinstance(node.op, QuantizedSoftmax)
        and node.outputs[0] in graph.outputs
        and node.inputs[0] not in graph.inputs
        and graph.tensor(node.outputs[0]).shape[-1] == graph.tensor(node.outputs[0]).size
    ]  # of many rows, each is a softmax of its own
    return np.concatenate([candidates[:0], *found])


def _rows_of(op: QuantizedSoftmax, before: Graph, candidates: Array) -> Array:
    logits = FastSimulator(before, 1).run(candidates).astype(np.int64)
    terms = op.table.astype(np.int64)[logits.max(axis=1, keepdims=True) - logits]
    total = terms.sum(axis=1)
    middle = _distance_to_middle(256.0 * terms / total[:, None])
    long = np.where(total > 0xFFFF, middle, np.inf)
    power = np.abs(total - 2.0 ** np.rint(np.log2(total)))
    power = np.where(total > 0xC000, power, np.inf)  # a sum of one term is 2^15 - 1 always
    chosen: list[int] = []
    for score, share in ((long, 2), (middle, 4), (power, 4)):
        best = np.argsort(score, kind="stable")[: ROWS // share]
        chosen += best[np.isfinite(score[best])].tolist()
    return candidates[list(dict.fromkeys(chosen))]


def _distance_to_middle(outputs: FloatArray) -> FloatArray:
    """Return how near each row comes to the middle between two bytes, where rounding turns."""
    distance: FloatArray = np.abs(outputs - np.floor(outputs) - 0.5)
    distance[outputs > 255.0] = np.inf  # limited to 255 on both sides
    nearest: FloatArray = distance.min(axis=1)
    return nearest
