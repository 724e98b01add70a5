"""Says in words what the inputs and outputs of an artifact are, for the header."""

from dataclasses import replace

from pyexport.artifact import Artifact
from pyexport.codegen import Column, Port
from pyexport.ir import Tensor
from pyexport.rows import input_tensors, is_single, output_tensors, row_slices
from pyexport.sensor import front_end, sensor_limits


def input_ports(artifact: Artifact) -> tuple[Port, ...]:
    """Return the inputs in declared order."""
    graph = artifact.graph
    if is_single(graph):
        return (_input_port(artifact),)
    return tuple(
        replace(
            _port(source, source.name, None),
            columns=_columns(artifact, source),
            has_steps=source.quant is not None and bool(source.quant.steps),
        )
        for source in input_tensors(graph)
    )


def output_ports(artifact: Artifact) -> tuple[Port, ...]:
    """Return the outputs in declared order."""
    graph = artifact.graph
    if is_single(graph):
        return (_output_port(artifact),)
    return tuple(_port(target, target.name, None) for target in output_tensors(graph))


def _input_port(artifact: Artifact) -> Port:
    stated = artifact.statements
    port = _port(artifact.graph.input, "in", stated.input_unit)
    notes = [f"The sensor gives {stated.input_dtype}."] if stated.input_dtype else []
    if stated.input_normalize is not None:
        notes.append("Give raw values: the normalization of the training is in the first layer.")
    columns, quant = _columns(artifact, artifact.graph.input), artifact.graph.input.quant
    if not any(column.name for column in columns):
        notes += [f"[{i}] {text}" for i, text in enumerate(stated.input_columns or ())]
    return replace(
        port,
        columns=columns,
        has_steps=quant is not None and bool(quant.steps),
        name=stated.input_name,
        layout=stated.input_layout,
        shape=stated.input_shape or port.shape,
        notes=tuple(notes),
    )


def _output_port(artifact: Artifact) -> Port:
    stated = artifact.statements
    notes = (f"What it says: {stated.output_task}.",) if stated.output_task else ()
    return replace(
        _port(artifact.graph.output, "out", stated.output_unit),
        name=stated.output_name,
        notes=notes,
    )


def _port(tensor: Tensor, symbol: str, unit: str | None) -> Port:
    quant = tensor.quant
    if quant is None:
        return Port(symbol, tensor.dtype, tensor.size, None, 0, 0, 0, tensor.shape, unit)
    return Port(
        symbol,
        tensor.dtype,
        tensor.size,
        quant.scale,
        quant.zero_point,
        quant.low,
        quant.high,
        tensor.shape,
        unit,
    )


def _columns(artifact: Artifact, source: Tensor) -> tuple[Column, ...]:
    """Return the columns of an input where a front end reads it: (name, step, range)."""
    graph = artifact.graph
    quant, affine = source.quant, front_end(graph, source)
    if quant is None or affine is None:
        return ()
    count = len(affine.weight)
    start = row_slices(input_tensors(graph))[graph.inputs.index(source.name)].start
    first = slice(start, start + count)
    lows, highs = (limits[first] * quant.unit for limits in sensor_limits(graph))
    steps = quant.steps or (quant.scale,) * count
    stated = (artifact.statements.input_columns or ()) if is_single(graph) else ()
    names = stated if len(stated) == count else ("",) * count
    return tuple(
        Column(name, float(step), float(low), float(high), bool(weight))
        for name, step, low, high, weight in zip(
            names, steps, lows, highs, affine.weight, strict=True
        )
    )
