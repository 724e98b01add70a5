"""Neurons take in the linear layer before them; encoders and readouts become integers."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from pyexport.errors import QuantizationError, UnsupportedOperatorError
from pyexport.integer.shape import QuantizedGather
from pyexport.integer.spiking import (
    SPIKES,
    SUM_LIMIT,
    QuantizedEncode,
    QuantizedReadout,
)
from pyexport.ir import (
    Constant,
    Conv2d,
    Encode,
    Lif,
    Linear,
    Node,
    Readout,
    Reshape,
    Tensor,
)
from pyexport.quantize.neurons import Layer, quantize_neurons
from pyexport.quantize.rules.base import Outcome, Request, one

REACH = 4.0  # thresholds a step that the sum of membranes behind a count tells apart


@dataclass(frozen=True)
class _Source:
    """The linear layer of neurons, and the tensor that it reads: every step, or one for all."""

    linear: Linear
    node: Node
    tensor: str
    shape: tuple[int, ...]  # that the fused operator needs


def lif(request: Request) -> Outcome:
    """Return the linear layer before the neurons and the neurons as one operator."""
    op, node = request.node.op, request.node
    assert isinstance(op, Lif)  # the registry asks for no other
    _refuse_states(request)
    source = _source(request)
    every, membranes = request.output_shape, node.outputs[1]
    readers = request.graph.users(membranes)
    others = [n for n in readers if not isinstance(n.op, Readout)]
    if others or membranes in request.graph.outputs:
        raise UnsupportedOperatorError(
            f"{request.title}: something else than a readout reads its membranes, which have no "
            "int8; read its spikes, or use Readout"
        )
    layer = Layer(
        request.title, source.linear, op, every[0], bool(readers), bool(readers),
        request.per_channel, request.ranges[membranes],
    )  # fmt: skip
    made = quantize_neurons(layer, request.known[source.tensor])
    outputs = (node.outputs[0], membranes)[: 1 + made.op.membranes]
    params = {node.outputs[0]: SPIKES, membranes: made.op.membrane}
    params |= dict(zip(node.outputs[2:], made.op.states.values(), strict=True))
    name, nodes, tensors = source.tensor, list[Node](), list[Tensor]()
    if request.graph.tensor(name).shape != source.shape:
        tensors = [Tensor(f"{node.name}_in", source.shape)]
        size, name = math.prod(source.shape), tensors[0].name
        flat = QuantizedGather((size,), (1,), 0, "reshape")
        nodes.append(Node(f"{node.name}_reshape", flat, (source.tensor,), (name,), node.source))
        params[name] = request.known[source.tensor]
    nodes.append(Node(node.name, made.op, (name,), outputs, source.node.source or node.source))
    return Outcome(tuple(nodes), params, tuple(tensors), made.warnings)


def _refuse_states(request: Request) -> None:
    producers = {name: n.op for n in request.graph.nodes for name in n.outputs}
    for name in request.node.inputs[1:]:
        before = producers.get(name)
        if not (isinstance(before, Constant) and not before.value.any()):
            raise UnsupportedOperatorError(
                f"{request.title}: neurons whose first membrane is not zero have no int8 kernel; "
                "start them from zeros, and export with --stream to keep their membranes"
            )


def _source(request: Request) -> _Source:
    """Return the linear layer before the neurons: on every step, or once and then repeated."""
    producers = {name: n for n in request.graph.nodes for name in n.outputs}
    name, repeated = request.node.inputs[0], False
    while (before := producers.get(name)) is not None:
        if isinstance(before.op, Reshape) and not repeated:
            name = before.inputs[0]
        elif _repeats(before) and not repeated:
            name, repeated = before.inputs[0], True
        else:
            break
    linear = None if before is None else _as_linear(before)
    if linear is None or before is None:
        raise UnsupportedOperatorError(
            f"{request.title}: neurons need a linear layer straight before them, not "
            f"{'the input' if before is None else before.op.kind}; put one there, without an "
            "activation"
        )
    return _Source(linear, before, *_input_of(request, before, repeated))


def _repeats(node: Node) -> bool:
    return isinstance(node.op, Encode) and node.op.encoding == "direct"


def _as_linear(node: Node) -> Linear | None:
    """Return a linear layer without an activation, or one on every step, as a linear layer."""
    op = node.op
    if isinstance(op, Linear | Conv2d) and (op.low, op.high) != (-math.inf, math.inf):
        return None
    if isinstance(op, Conv2d):
        single = op.weight.shape[1:3] == (1, 1) and op.stride == (1, 1) and op.groups == 1
        return Linear(op.weight[:, 0, 0], op.bias) if single and not any(op.pad) else None
    return op if isinstance(op, Linear) else None


def _input_of(request: Request, layer: Node, repeated: bool) -> tuple[str, tuple[int, ...]]:
    """Return the tensor behind reshapes that the fused layer reads, and the shape that it reads.

    That is (steps, n_in), or (n_in,) of direct encoding.
    """
    producers = {name: n for n in request.graph.nodes for name in n.outputs}
    linear, name = _as_linear(layer), layer.inputs[0]
    assert linear is not None  # the caller's
    n_in, steps = linear.weight.shape[1], request.output_shape[0]
    before = producers.get(name)
    while before is not None and isinstance(before.op, Reshape):
        name = before.inputs[0]
        before = producers.get(name)
    if before is not None and _repeats(before) and not repeated:
        name, repeated = before.inputs[0], True
    return name, (n_in,) if repeated else (steps, n_in)


def encode(request: Request) -> Outcome:
    """Return the integer encoder; a direct one repeats its input."""
    op, source = request.node.op, request.sources[0]
    assert isinstance(op, Encode)  # the registry asks for no other
    if op.encoding == "direct":
        n = request.shape()[0]
        return one(request, QuantizedGather((op.steps, n), (0, 1), 0, op.kind), source)
    low, high = (int(q) for q in source.quantize([op.low, op.high]))
    if low >= high:
        raise QuantizationError(
            f"{request.title}: its range {op.low:g}..{op.high:g} is one byte of the input; declare "
            "the input range that the sensor has"
        )
    threshold = 0
    if op.encoding == "delta":
        _refuse_reference(request)
        threshold = int(min(max(np.floor(op.threshold / source.scale + 0.5), 1), 255))
    limits = latency_limits(op.steps, low, high) if op.encoding == "latency" else []
    integer = QuantizedEncode(
        np.array(limits, dtype=np.int32), op.encoding, op.steps, low, high, threshold, False
    )
    node = replace(
        request.node,
        op=integer,
        inputs=request.node.inputs[:1],
        outputs=request.node.outputs[:1],
    )
    params = dict.fromkeys(request.node.outputs[1:], source)
    return Outcome((node,), {node.outputs[0]: SPIKES, **params})


def _refuse_reference(request: Request) -> None:
    producers = {name: n.op for n in request.graph.nodes for name in n.outputs}
    before = producers.get(request.node.inputs[1])
    if not (isinstance(before, Constant) and not before.value.any()):
        raise UnsupportedOperatorError(
            f"{request.title}: delta encoding starts from zero alone; leave its reference out"
        )


def latency_limits(steps: int, low: int, high: int) -> list[int]:
    """Return 256, then for each step the least byte that spikes in it or before."""
    span = high - low
    found = [256]
    for step in range(steps):
        # (span - v) * (steps - 1) * 2 + span < 2 * span * (step + 1), for v of 1 or more
        most = (2 * span * (step + 1) - span - 1) // (2 * (steps - 1)) if steps > 1 else span - 1
        found.append(min(low + max(span - most, 1), found[-1]))
    return found


def readout(request: Request) -> Outcome:
    """Return the integer readout; it reads the membranes of one layer of neurons."""
    op, node = request.node.op, request.node
    assert isinstance(op, Readout)  # the registry asks for no other
    membranes, steps = node.inputs[1], request.shape(1)[0]
    makers = [n for n in request.graph.nodes if node.inputs[1] in n.outputs]
    same = makers and node.inputs[0] == makers[0].outputs[0] and makers[0].outputs[1] == membranes
    if not (same and isinstance(neurons := makers[0].op, Lif)):
        raise UnsupportedOperatorError(
            f"{request.title}: a readout takes spikes and membranes of one layer of neurons"
        )
    if any(not isinstance(n.op, Reshape) for n in request.graph.users(node.outputs[0])):
        raise UnsupportedOperatorError(
            f"{request.title}: a layer reads its scores, which have 16 bits; make the readout the "
            "model's output"
        )
    quant = request.known[membranes]
    most = SUM_LIMIT // max(-quant.low, quant.high, 1)
    if steps > most:
        raise QuantizationError(
            f"{request.title}: the sum of {steps} membranes can leave 30 bits; use {most} steps"
        )
    plain = QuantizedReadout(op.method, steps, 0, False)
    lowest, highest = request.ranges[membranes]
    reach = max(-lowest, highest)
    if plain.takes_spikes:
        reach = min(reach, REACH * max(float(neurons.threshold.max()), highest))
    count = 1 if op.method == "membrane_last" else steps
    total = max(count * reach / quant.scale, 1.0)
    room = 2.0 ** (plain.bits - 1) if plain.takes_spikes else 2.0**15
    shift = min(30, max(0, math.ceil(math.log2(total / room))))
    integer = replace(plain, shift=shift)
    inputs = node.inputs if plain.takes_spikes else node.inputs[1:]
    made = replace(node, op=integer, inputs=inputs)
    return Outcome((made,), {node.outputs[0]: integer.params(quant.scale)})
