"""Walks a graph: forward for values, backward for the gradients on its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, overload

import numpy as np

from pyexport.errors import UnsupportedOperatorError
from pyexport.ir import FloatArray, Graph, Node
from pyexport.reference.registry import RULES
from pyexport.reference.rule import Arrays, Rule
from pyexport.rows import input_tensors, join_rows, split_rows

Named = Mapping[str, FloatArray]
BLOCK = 64  # rows that are computed together: what they need stays near the processor


def forward(graph: Graph, inputs: FloatArray | Named, *, fixed_order: bool = False) -> FloatArray:
    """Return the output of each row of inputs (n, *input shape) as (n, *output shape), float64.

    Several outputs come as rows (n, row size).

    With fixed_order every dot product is summed first to last, so that the result has the same
    bits on every machine (a BLAS may not); it is slower, and calibration uses it.
    """
    if isinstance(inputs, np.ndarray) and len(inputs) > BLOCK:
        blocks = [inputs[start : start + BLOCK] for start in range(0, len(inputs), BLOCK)]
        return np.concatenate([forward(graph, b, fixed_order=fixed_order) for b in blocks])
    values = evaluate(graph, inputs, fixed_order=fixed_order)
    if len(graph.outputs) > 1:
        return join_rows([values[name] for name in graph.outputs])
    return values[graph.output.name]


def evaluate(
    graph: Graph,
    inputs: FloatArray | Named,
    *,
    fixed_order: bool = False,
    states: Named | None = None,
    dtype: type[np.floating[Any]] = np.float64,
) -> dict[str, FloatArray]:
    """Return every tensor of the graph by name, each (n, *shape), for rows of inputs.

    A graph of several inputs takes them by name, or as rows (n, row size). `states` holds the
    old value of each state by its name, (n, *shape); without it they are as after a reset. `dtype`
    is what it is computed in: in float32 a convolution or a product takes half the time.
    """
    values = _rows_of(graph, inputs, dtype)
    rows = len(values[graph.inputs[0]]) if graph.inputs else 1
    for state in graph.states:
        shape = (rows, *graph.tensor(state.read).shape)
        old = np.full(shape, float(state.initial)) if states is None else states[state.name]
        values[state.read] = np.asarray(old, dtype=dtype).reshape(shape)
    for node in graph.nodes:
        results = rule_of(node).forward(node.op, [values[i] for i in node.inputs], fixed_order)
        values.update(zip(node.outputs, results, strict=True))
    return {
        name: value if len(value) == rows else np.broadcast_to(value, (rows, *value.shape[1:]))
        for name, value in values.items()
    }


@overload
def value_and_gradient(
    graph: Graph, inputs: FloatArray, output_gradient: FloatArray
) -> tuple[FloatArray, FloatArray]: ...


@overload
def value_and_gradient(
    graph: Graph, inputs: Named, output_gradient: Named
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]: ...


def value_and_gradient(
    graph: Graph, inputs: FloatArray | Named, output_gradient: FloatArray | Named
) -> tuple[FloatArray, FloatArray] | tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Return the outputs, and the gradient of sum(output * output_gradient) on the inputs.

    inputs is (n, *input shape); output_gradient has the shape of the outputs (n, *output shape).
    A graph of several inputs or outputs takes both by name, and gives both by name.
    """
    values = evaluate(graph, inputs)
    named = isinstance(output_gradient, Mapping)
    seeds = output_gradient if isinstance(output_gradient, Mapping) else {}
    if not isinstance(output_gradient, Mapping):
        seeds = {graph.output.name: output_gradient}
    on_inputs = input_gradients(graph, values, seeds)
    if named:
        return {name: values[name] for name in graph.outputs}, on_inputs
    return values[graph.output.name], on_inputs[graph.input.name]


def input_gradients(graph: Graph, values: Named, seeds: Named) -> dict[str, FloatArray]:
    """Return the gradient of sum(output * seed) on each input, all named.

    values: what `evaluate` gave. So a gradient that depends on the outputs costs no second walk.
    """
    gradients: dict[str, FloatArray] = {}
    for name, seed in seeds.items():
        of = values[name]
        _add(gradients, name, np.asarray(seed, dtype=of.dtype).reshape(of.shape))
    for node in reversed(graph.nodes):
        if any(name in gradients for name in node.outputs):
            for name, back in zip(node.inputs, _backward(node, values, gradients), strict=True):
                _add(gradients, name, back)
    return {name: gradients.get(name, np.zeros_like(values[name])) for name in graph.inputs}


def rule_of(node: Node) -> Rule:
    """Return how a node's operator is computed; raises UnsupportedOperatorError."""
    rule = RULES.get(type(node.op))
    if rule is None:
        raise UnsupportedOperatorError(
            f"node {node.name}: the reference cannot evaluate {node.op.kind}"
        )
    return rule


def _rows_of(
    graph: Graph, inputs: FloatArray | Named, dtype: type[np.floating[Any]]
) -> dict[str, FloatArray]:
    if isinstance(inputs, Mapping):
        given = inputs
    elif len(graph.inputs) > 1:
        given = split_rows(np.asarray(inputs), input_tensors(graph))
    else:
        given = {graph.input.name: inputs}
    values = {}
    for name in graph.inputs:
        rows = np.asarray(given[name], dtype=dtype)
        values[name] = rows.reshape(len(rows), *graph.tensor(name).shape)
    return values


def _backward(node: Node, values: Named, gradients: Named) -> Arrays:
    inputs, outputs = [values[i] for i in node.inputs], [values[o] for o in node.outputs]
    on_outputs = [
        gradients[name] if name in gradients else np.zeros_like(values[name])
        for name in node.outputs
    ]
    return rule_of(node).backward(node.op, inputs, outputs, on_outputs)


def _add(gradients: dict[str, FloatArray], name: str, gradient: FloatArray) -> None:
    gradients[name] = gradients[name] + gradient if name in gradients else gradient
