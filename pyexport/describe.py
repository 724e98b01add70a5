"""Says in words what an artifact is: the lines of the header's comments."""

import math
import shlex
from collections.abc import Sequence

import numpy as np

import pyexport
from pyexport.advice import assumed_whole_inputs
from pyexport.artifact import Artifact
from pyexport.choices import DEFAULT_GOAL, Choices
from pyexport.codegen import Decision, HeaderInfo, StoredVectors
from pyexport.describe_ports import input_ports, output_ports
from pyexport.fixedpoint import ITEM_BYTES
from pyexport.integer.conv import QuantizedConv2d, QuantizedConvTranspose2d
from pyexport.integer.facts import snn_line
from pyexport.integer.spiking import QuantizedEncode, QuantizedLif, QuantizedReadout
from pyexport.ir import (
    Affine,
    Array,
    Graph,
    Linear,
    Node,
    Op,
    QuantizedAffine,
    QuantizedLinear,
    QuantizedSoftmax,
    QuantizedSums,
    Softmax,
    Tensor,
)
from pyexport.program import Program
from pyexport.quantize.bounds import bits_needed
from pyexport.rows import (
    NUMPY_DTYPES,
    input_tensors,
    is_single,
    output_tensors,
    row_slices,
)
from pyexport.scoring import accuracy_line, errors_line
from pyexport.statements import Statements
from pyexport.targets import Target

# what operators call their weights and biases
PARAMETERS = ("weight", "bias", "weight_x", "bias_x", "weight_h", "bias_h")
_SPIKING = (QuantizedEncode, QuantizedLif, QuantizedReadout)
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
        inputs=input_ports(artifact),
        outputs=output_ports(artifact),
        labels=artifact.labels,
        decision=_decision(artifact),
        vectors=StoredVectors(
            count=len(artifact.vectors.inputs),
            inputs=_port_bytes(artifact.vectors.inputs, input_tensors(graph)),
            outputs=_port_bytes(artifact.vectors.outputs, output_tensors(graph)),
            steps=0 if artifact.stream is None else artifact.stream.vector_steps,
        ),
    )


def network_title(graph: Graph) -> str:
    """Return a short name of the architecture: "64-32-16-10 network".

    With other than linear layers it is "28x28x1 to 10 network of 7 layers", of neurons and what
    encodes and reads their spikes "64-64-10 spiking network".
    """
    if is_single(graph) and all(isinstance(node.op, _SPIKING) for node in graph.nodes):
        neurons = [node.op for node in graph.nodes if isinstance(node.op, QuantizedLif)]
        sizes = [graph.input.shape[-1], *(op.size for op in neurons)]
        return "-".join(map(str, sizes)) + " spiking network"
    if not is_single(graph) or not all(isinstance(node.op, _FLAT) for node in graph.nodes):
        taken, given = (
            " + ".join("x".join(map(str, tensor.shape)) or "1" for tensor in tensors)
            for tensors in (input_tensors(graph), output_tensors(graph))
        )
        return f"{taken} to {given} network of {len(graph.nodes)} layers"
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
    assumed = assumed_whole_inputs(artifact)
    if assumed:
        which = "" if is_single(graph) else ": " + ", ".join(source.name for source in assumed)
        facts.append(("inputs", f"taken as whole numbers{which}"))
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
            + f"{_tensor_bytes(input_tensors(graph))} in, "
            + f"{_tensor_bytes(output_tensors(graph))} out",
        ),
        ("target", target.title if target is not None else "any (portable C)"),
        *_choices(artifact.choices),
    ]
    return tuple(facts)


def _choices(choices: Choices) -> tuple[tuple[str, str], ...]:
    """Return what the header says of kernels and sums that were chosen; nothing by default."""
    facts = []
    if choices.goal != DEFAULT_GOAL:
        facts.append(("kernels", f"chosen for {choices.goal}"))
    for node, goal in choices.layers:
        facts.append(("kernels", f"of {node} chosen for {goal}"))
    if choices.chosen:
        names = ", ".join(f"{node} {kernel}" for node, kernel in choices.chosen)
        facts.append(("kernels", f"by measured costs: {names}"))
    if choices.kernels:
        facts.append(("kernels", f"{', '.join(choices.kernels)} taken wherever they match"))
    for one in choices.weights:
        moved = "on a grid, unchanged" if one.is_exact else f"rounded by {100 * one.error:.2g} %"
        facts.append(("weights", f"{one.node}: {one.bits} bits, {moved}"))
    for lane in choices.lanes:
        if lane.cost is None:
            text = "32 bits: no weights fit 16"
        else:
            change = f"16 change the outputs' error by {100 * lane.cost:+.3f} % of their spread"
            text = f"{lane.lanes} bits on bytes up to {lane.limit}; {change}"
        facts.append(("sums", f"{lane.node}: {text}"))
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
    few = artifact.choices.weights
    weights = "s8 weights" if not few else f"s8 weights, s4 in {len(few)} of the layers"
    return f"{artifact.profile}: {weights}, {granularity}; 32-bit sums, rounded once, halves up"


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
        ("spikes", snn_line(artifact.graph, artifact.steps)),
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


def _port_bytes(rows: Array, tensors: Sequence[Tensor]) -> tuple[bytes, ...]:
    """Return each tensor's values of all rows as little-endian bytes."""
    return tuple(
        rows[:, part].astype(np.dtype(NUMPY_DTYPES[tensor.dtype]).newbyteorder("<")).tobytes()
        for tensor, part in zip(tensors, row_slices(tensors), strict=True)
    )


def _tensor_bytes(tensors: Sequence[Tensor]) -> int:
    return sum(tensor.size * ITEM_BYTES[tensor.dtype] for tensor in tensors)


def parameter_count(op: Op) -> int:
    """Return how many weights and biases an operator has, however a kernel packs them."""
    return sum(int(np.size(getattr(op, name))) for name in PARAMETERS if hasattr(op, name))
