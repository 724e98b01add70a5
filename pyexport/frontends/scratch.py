"""Reads a checkpoint of the scratch engine as a float graph, without PyTorch."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np

from pyexport.errors import UnsupportedOperatorError
from pyexport.frontends.each_step import each_step
from pyexport.frontends.graph_builder import GraphBuilder, Value
from pyexport.frontends.loading import assemble
from pyexport.frontends.lowering import refuse_non_finite
from pyexport.frontends.metadata import Extras, check_extras, target_values
from pyexport.frontends.samples import as_dataset
from pyexport.ir import (
    Activation,
    Affine,
    Array,
    Clamp,
    Dataset,
    Encode,
    Graph,
    Identity,
    Lif,
    Linear,
    Model,
    Readout,
    Softmax,
)
from pyexport.scratch.checkpoint import Checkpoint, LayerRecord, Rows
from pyexport.scratch.checkpoint_reader import parse_checkpoint
from pyexport.untrusted import printable


def load_scratch(data: bytes, where: str, source_name: str) -> Model:
    """Return the model of a checkpoint in memory.

    Weights that the scratch engine trained are rounded to float32, as PyTorch's are; those of
    scikit-learn, which computes in float64, stay what they are.
    """
    checkpoint = parse_checkpoint(data, where)
    graph = lower_checkpoint(checkpoint, where)
    values = target_values(checkpoint.statements, graph)
    extras = Extras(
        checkpoint.statements,
        calibration=_dataset(checkpoint.calibration, graph, f"{where}: calibration data", values),
        evaluation=_dataset(checkpoint.evaluation, graph, f"{where}: evaluation data", values),
    )
    check_extras(extras, graph, where)
    digest = hashlib.sha256(data).hexdigest()
    return assemble(graph, extras, source_name, digest, printable(checkpoint.producer))


def lower_checkpoint(checkpoint: Checkpoint, where: str) -> Graph:
    """Return the float graph without input scale; a source is a place in the Sequential."""
    builder = GraphBuilder((checkpoint.inputs,), where)
    value = builder.input
    dtype = np.float64 if checkpoint.producer.startswith("scikit-learn ") else np.float32
    membranes = value
    for index, layer in enumerate(checkpoint.graph):
        if layer.kind == "lif":
            value, membranes = _lif(builder, value, layer, str(index))
        elif layer.kind == "readout":
            readout = Readout(str(layer.choices["method"]))
            (value,) = builder.apply(readout, (value, membranes), str(index))
        else:
            value = _layer(builder, value, layer, dtype, str(index), where)
    return builder.finish(value)


def _lif(
    builder: GraphBuilder, value: Value, layer: LayerRecord, source: str
) -> tuple[Value, Value]:
    """Append neurons whose states start at 0; return their spikes and their membranes."""
    n, numbers = value.shape[-1], layer.numbers
    op = Lif(
        np.full(n, numbers["beta"]),
        np.full(n, numbers["threshold"]),
        np.full(n if numbers["alpha"] else 0, numbers["alpha"]),
        reset=str(layer.choices["reset"]),
        reset_delay=bool(layer.choices["reset_delay"]),
        compare=str(layer.choices["compare"]),
        v_reset=numbers["v_reset"],
        refractory=int(numbers["refractory"]),
    )
    states = [builder.constant(np.zeros(n), source) for _ in op.states]
    spikes, membranes, *_ = builder.apply(op, (value, *states), source)
    return spikes, membranes


def _layer(
    builder: GraphBuilder,
    value: Value,
    layer: LayerRecord,
    dtype: type[np.floating[Any]],
    source: str,
    where: str,
) -> Value:
    shape = value.shape
    match layer.kind:
        case "linear":
            weight = _array(layer.weight, dtype, f"{source}.weight", where)
            bias = _array(layer.bias, dtype, f"{source}.bias", where)
            if len(shape) > 1:
                return each_step(builder, value, weight, bias, source)
            return builder.add(Linear(weight, bias), value, (len(bias),), source)
        case "encode":
            numbers = layer.numbers
            encode = Encode(
                str(layer.choices["encoding"]),
                int(numbers["steps"]),
                numbers["low"],
                numbers["high"],
            )
            return builder.apply(encode, (value,), source)[0]
        case "affine":
            affine = Affine(np.array(layer.weight[0]), np.array(layer.bias))
            return builder.add(affine, value, shape, source)
        case "clamp":
            clamp = Clamp(layer.numbers["low"], layer.numbers["high"])
            return builder.add(clamp, value, shape, source)
        case "relu":
            return builder.add(Clamp(0.0, math.inf), value, shape, source)
        case "leaky_relu":
            curve = Activation("leaky_relu", (layer.numbers["slope"],))
            return builder.add(curve, value, shape, source)
        case "tanh" | "sigmoid":
            return builder.add(Activation(layer.kind), value, shape, source)
        case "dropout":
            return builder.add(Identity("dropout"), value, shape, source)
        case "softmax":
            return builder.add(Softmax(), value, shape, source)
    raise UnsupportedOperatorError(
        f"{where}: layer {source} is {layer.kind}, which is not supported; use one of linear, "
        "relu, leaky_relu, sigmoid, tanh, dropout, softmax, encode, lif and readout"
    )


def _array(values: object, dtype: type[np.floating[Any]], name: str, where: str) -> Array:
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused
        array = np.array(values, dtype=np.float64).astype(dtype)
    refuse_non_finite(name, array, where)
    return array


def _dataset(rows: Rows | None, graph: Graph, where: str, values: int | None) -> Dataset | None:
    if rows is None:
        return None
    if isinstance(rows.inputs[0], bytes):
        joined = b"".join(row for row in rows.inputs if isinstance(row, bytes))
        inputs = np.frombuffer(joined, np.uint8).reshape(len(rows.inputs), -1)
    else:
        inputs = np.array(rows.inputs)
    return as_dataset(inputs, rows.targets, graph.input.shape, where, values)
