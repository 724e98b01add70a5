"""Looks for inputs that cost most: those whose bytes are 0 least often, weighted by what they read.

Kernels that skip bytes of 0 take longest where there are none. Inputs are changed at random, and a
change is kept where more products remain to be made; the best ones are then counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pyexport.integer.conv import QuantizedConv2d
from pyexport.ir import Array, Graph, QuantizedLinear
from pyexport.simulator.fast import FastSimulator

ROUNDS = 60
PARENTS, CHILDREN = 8, 12
KEPT = 4  # rows that are counted


def without_zeros(samples: Array) -> Array:
    """Return the samples with 1 for every 0: as near to them as an input without any can be."""
    return np.where(samples == 0, 1, samples).astype(samples.dtype)


def costliest(graph: Graph, starts: Array, high: int, seed: int = 0) -> Array:
    """Return inputs for which many products remain, (KEPT, size)."""
    random = np.random.default_rng(seed)
    simulator, weights = FastSimulator(graph), _weights(graph)
    dense = without_zeros(starts)
    rows = np.concatenate([starts, dense, np.full_like(starts[:1], high)])
    for _ in range(ROUNDS):
        scores = _scores(simulator, weights, rows)
        rows = rows[np.argsort(-scores, kind="stable")[:PARENTS]]
        children = np.repeat(rows, CHILDREN, axis=0)
        share = random.choice([0.01, 0.05, 0.2], size=(len(children), 1))
        changed = random.random(children.shape) < share
        values = random.integers(0, high + 1, size=children.shape)
        values = np.where(random.random(children.shape) < 0.5, values, random.choice([1, high]))
        rows = np.concatenate([rows, np.where(changed, values, children)]).astype(starts.dtype)
    scores = _scores(simulator, weights, rows)
    return np.asarray(rows[np.argsort(-scores, kind="stable")[:KEPT]])


def _weights(graph: Graph) -> dict[str, float]:
    """Return for each tensor how many products one of its bytes takes part in, on average."""
    found: dict[str, float] = {}
    for node in graph.nodes:
        if isinstance(node.op, QuantizedLinear | QuantizedConv2d):
            outputs = graph.tensor(node.outputs[0]).size
            products = node.op.weight.size * outputs / len(node.op.bias)
            source = node.inputs[0]
            size = graph.tensor(source).size
            found[source] = found.get(source, 0.0) + products / size
    return found


def _scores(simulator: FastSimulator, weights: dict[str, float], rows: Array) -> Any:
    counts = simulator.counts(rows)
    return sum(weight * counts[name] for name, weight in weights.items())
