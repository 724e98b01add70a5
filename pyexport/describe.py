"""Says in words what an artifact is: the lines of the header's comments."""

import math
import shlex
from dataclasses import replace

import pyexport
from pyexport.advice import whole_input_is_assumed
from pyexport.artifact import Artifact
from pyexport.codegen import Column, Decision, HeaderInfo, Port, StoredVectors
from pyexport.fixedpoint import ITEM_BYTES
from pyexport.integer.conv import QuantizedConv2d, QuantizedConvTranspose2d
from pyexport.ir import (
    Affine,
    Array,
    Graph,
    Linear,
    Node,
    QuantizedAffine,
    QuantizedLinear,
    QuantizedSoftmax,
    QuantizedSums,
    Softmax,
    Tensor,
)
from pyexport.program import Program
from pyexport.quantize.bounds import bits_needed
from pyexport.scoring import accuracy_line, errors_line
from pyexport.sensor import front_end, sensor_limits
from pyexport.statements import Statements
from pyexport.targets import Target

_FLAT = (Linear, QuantizedSums, Affine, Softmax, QuantizedSoftmax)
_ACTIVATIONS = {(0.0, math.inf): "relu", (0.0, 6.0): "relu6", (-1.0, 1.0): "hardtanh"}


def header_info(artifact: Artifact, program: Program, target: Target | None) -> HeaderInfo:
    """Return what the header of an artifact says."""
    graph = artifact.graph
    scheme = "int8" if artifact.scheme == "int8" else "float32"
    # Quoted: a hostile file name must not run when the line is pasted.
    words = shlex.join([artifact.source_name, "--name", artifact.name, *artifact.options])
    return HeaderInfo(
        name=artifact.name,
        version=pyexport.__version__,
        scheme=artifact.scheme,
        identity=artifact.identity,
        title=f"{network_title(graph)}, {scheme}, forward only"
        + (", one step at a time" if graph.states else ""),
        command=f"python scripts/export.py {words}",
        facts=_facts(artifact, program, target),
        layers=tuple((node.name, layer_lines(node, graph)) for node in graph.nodes),
        input=_input_port(artifact),
        output=_output_port(artifact),
        labels=artifact.labels,
        decision=_decision(artifact),
        vectors=StoredVectors(
            count=len(artifact.vectors.inputs),
            inputs=_bytes(artifact.vectors.inputs),
            outputs=_bytes(artifact.vectors.outputs),
            steps=0 if artifact.stream is None else artifact.stream.vector_steps,
        ),
    )


def network_title(graph: Graph) -> str:
    """Return a short name of the architecture: "64-32-16-10 network".

    With other than linear layers it is "28x28x1 to 10 network of 7 layers".
    """
    if not all(isinstance(node.op, _FLAT) for node in graph.nodes):
        taken, given = ("x".join(map(str, t.shape)) for t in (graph.input, graph.output))
        return f"{taken} to {given or 1} network of {len(graph.nodes)} layers"
    sizes = [graph.input.size]
    for node in graph.nodes:
        if isinstance(node.op, Linear | QuantizedLinear):
            sizes.append(graph.tensor(node.outputs[0]).size)
    return "-".join(str(n) for n in sizes) + " network"


def layer_lines(node: Node, graph: Graph) -> tuple[str, ...]:
    """Return what the comment above a layer's parameters says."""
    source = f' "{node.source}"' if node.source else ""
    n_in = " + ".join(str(graph.tensor(name).size) for name in node.inputs) or "nothing"
    n_out = graph.tensor(node.outputs[0]).size
    head = f"{node.name}{source}: {operator_name(node, graph)}, {n_in} -> {n_out}"
    op = node.op
    if isinstance(op, QuantizedSums | QuantizedConv2d | QuantizedConvTranspose2d):
        scales = op.weight_scale
        low, high = int(op.acc_low.min()), int(op.acc_high.max())
        each = "a column" if isinstance(op, QuantizedAffine) else "an output"
        if scales.min() == scales.max():
            spread = f"weight scale {scales[0]:.9g}"
        else:
            spread = f"weight scales {scales.min():.6g} to {scales.max():.6g}, one {each}"
        return (
            head,
            f"{spread}; {_scale_line(graph.tensor(node.outputs[0]))}",
            f"accumulators proved in {low}..{high} ({bits_needed(low, high)} bits) "
            "for every legal input",
        )
    if isinstance(op, QuantizedSoftmax):
        return (head, "output scale 1/256")
    return (head,)


def operator_name(node: Node, graph: Graph) -> str:
    """Return the operator with its fused activation: "linear + relu"."""
    op = node.op
    kind = op.kind.removeprefix("quantized_")
    if isinstance(op, QuantizedSums):
        limits = (op.activation_low, op.activation_high)
    elif isinstance(op, Linear | Affine):
        limits = (op.low, op.high)
    else:
        activation = getattr(op, "activation", "")
        return f"{kind} + {activation}" if activation else kind
    if limits == (-math.inf, math.inf):
        return kind
    clamp = f"clamp {limits[0]:.6g}..{limits[1]:.6g}"
    # A front end's limits are where it saturates: no activation of the user's model.
    saturates = isinstance(op, Affine | QuantizedAffine) and math.isfinite(limits[1] - limits[0])
    return f"{kind} + {clamp if saturates else _ACTIVATIONS.get(limits, clamp)}"


def _facts(
    artifact: Artifact, program: Program, target: Target | None
) -> tuple[tuple[str, str], ...]:
    graph = artifact.graph
    facts = [
        ("source", f"{artifact.source_name} ({artifact.producer})"),
        ("sha256", artifact.source_sha256),
        *_provenance(artifact.statements),
        ("identity", f"{artifact.identity[:16]}..., whole in {artifact.name.upper()}_IDENTITY"),
        ("arithmetic", _arithmetic(artifact)),
    ]
    if artifact.scheme == "int8":
        facts.append(("ranges", _ranges(artifact)))
    if whole_input_is_assumed(artifact):
        facts.append(("inputs", "taken as whole numbers"))
    accuracy = artifact.accuracy
    if accuracy is not None:
        facts.append(
            (
                "accuracy",
                f"{accuracy_line(accuracy, 'exported')} on {accuracy.rows} evaluation rows",
            )
        )
    if artifact.errors is not None:
        found = errors_line(artifact.errors, "exported", artifact.statements.output_unit)
        facts.append(("errors", f"{found} on {artifact.errors.rows} evaluation rows"))
    facts += [
        ("flash", f"{program.const_bytes} bytes of tables, and code"),
        (
            "ram",
            f"{program.arena_bytes} bytes of scratch on the caller's stack; "
            + (f"{program.state_bytes} state, " if program.states else "")
            + f"{_tensor_bytes(graph.input)} in, {_tensor_bytes(graph.output)} out",
        ),
        ("target", target.title if target is not None else "any (portable C)"),
    ]
    return tuple(facts)


def _arithmetic(artifact: Artifact) -> str:
    if artifact.scheme == "float32":
        return f"{artifact.profile}: float32, sums from first to last input"
    per_channel = any(
        isinstance(n.op, QuantizedLinear | QuantizedConv2d | QuantizedConvTranspose2d)
        and len(set(n.op.weight_scale.tolist())) > 1
        for n in artifact.graph.nodes
    )
    granularity = "one scale an output" if per_channel else "one scale a layer"
    return f"{artifact.profile}: s8 weights, {granularity}; 32-bit sums, rounded once, halves up"


def _ranges(artifact: Artifact) -> str:
    calibration = artifact.calibration
    if calibration.kind == "data":
        return f"observed on {calibration.rows} calibration rows"
    return "NOT calibrated: bounds over the declared input range"


def _scale_line(tensor: Tensor) -> str:
    quant = tensor.quant
    if quant is None:
        return "float32 output"
    return f"output {quant.dtype}, scale {quant.scale:.9g}, zero point {quant.zero_point}"


def stated_lines(artifact: Artifact) -> tuple[tuple[str, str], ...]:
    """Return what is stated about inputs and outputs, as labels and texts of unknown origin."""
    stated, least = artifact.statements, artifact.least_yes
    lines = [
        ("unit", stated.input_unit),
        ("labels", None if stated.labels is None else ", ".join(stated.labels)),
        ("output", stated.output_unit),
        ("task", stated.output_task),
        ("author", stated.author),
        ("license", stated.license),
    ]
    if least is not None:
        what = "output value" if artifact.scheme == "float32" else "output byte"
        lines.append(
            ("decide", f"threshold {stated.output_threshold!r}: yes from {what} {least:.9g}")
        )
    return tuple((label, text) for label, text in lines if text is not None)


def _provenance(statements: Statements) -> list[tuple[str, str]]:
    return [
        (label, text)
        for label, text in (("author", statements.author), ("license", statements.license))
        if text is not None
    ]


def _decision(artifact: Artifact) -> Decision | None:
    least, stated = artifact.least_yes, artifact.statements.output_threshold
    if least is None or stated is None:
        return None
    return Decision(least, stated, artifact.statements.output_unit)


def _input_port(artifact: Artifact) -> Port:
    stated = artifact.statements
    port = _port(artifact.graph.input, stated.input_unit)
    notes = [f"The sensor gives {stated.input_dtype}."] if stated.input_dtype else []
    if stated.input_normalize is not None:
        notes.append("Give raw values: the normalization of the training is in the first layer.")
    columns, quant = _columns(artifact), artifact.graph.input.quant
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
        _port(artifact.graph.output, stated.output_unit), name=stated.output_name, notes=notes
    )


def _port(tensor: Tensor, unit: str | None) -> Port:
    quant = tensor.quant
    if quant is None:
        return Port(tensor.dtype, tensor.size, None, 0, 0, 0, tensor.shape, unit)
    return Port(
        tensor.dtype,
        tensor.size,
        quant.scale,
        quant.zero_point,
        quant.low,
        quant.high,
        tensor.shape,
        unit,
    )


def _columns(artifact: Artifact) -> tuple[Column, ...]:
    """Return the columns of the input where a front end reads it: (name, step, range)."""
    graph = artifact.graph
    quant, affine = graph.input.quant, front_end(graph)
    if quant is None or affine is None:
        return ()
    count = len(affine.weight)
    lows, highs = (limits.reshape(-1, count)[0] * quant.unit for limits in sensor_limits(graph))
    steps = quant.steps or (quant.scale,) * count
    stated = artifact.statements.input_columns or ()
    names = stated if len(stated) == count else ("",) * count
    return tuple(
        Column(name, float(step), float(low), float(high), bool(weight))
        for name, step, low, high, weight in zip(
            names, steps, lows, highs, affine.weight, strict=True
        )
    )


def _bytes(array: Array) -> bytes:
    return array.astype(array.dtype.newbyteorder("<")).tobytes()


def _tensor_bytes(tensor: Tensor) -> int:
    return tensor.size * ITEM_BYTES[tensor.dtype]
