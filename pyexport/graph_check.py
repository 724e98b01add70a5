"""Says whether a graph that came from a file is one that PX1 defines, with its proofs intact."""

import math

from pyexport.integer import BY_TYPE
from pyexport.integer.normalize import QuantizedNormalize
from pyexport.integer.recurrent import Recurrent
from pyexport.integer.softmax import QuantizedArgmax
from pyexport.integer.spiking import QuantizedReadout, SpikingOp
from pyexport.ir import (
    CHANNELS_FIRST,
    Graph,
    Node,
    QuantizedAffine,
    QuantizedLinear,
    QuantParams,
    Tensor,
)
from pyexport.program import is_internal_name

MAX_ELEMENTS = 1 << 24  # of a tensor: far more than a microcontroller holds


def check_graph(graph: Graph, scheme: str) -> None:
    """Raise ValueError unless every operator is legal and every stated bound is the true one."""
    names = [*(tensor.name for tensor in graph.tensors), *(node.name for node in graph.nodes)]
    _require(all(is_internal_name(name) for name in names), "a tensor or node has a wrong name")
    nodes = {node.name for node in graph.nodes}
    _require(len(nodes) == len(graph.nodes), "two nodes share a name")
    for tensor in graph.tensors:
        _require(all(type(n) is int and n > 0 for n in tensor.shape), f"{tensor.name} has no size")
        _require(math.prod(tensor.shape) <= MAX_ELEMENTS, f"{tensor.name} is too large")
        _require(tensor.layout in ("", CHANNELS_FIRST), f"{tensor.name} has an unknown layout")
        _require(
            (tensor.quant is not None) == (scheme == "int8"), f"{tensor.name} has a wrong type"
        )
        if tensor.quant is not None:
            _check_quant(tensor, graph)
        else:
            _require(tensor.dtype == "f32", f"{tensor.name} has a wrong type")
    _check_ports(graph)
    _check_states(graph)
    for node in graph.nodes:
        _check_node(node, graph)


def check_weight_bits(graph: Graph, bits: dict[str, int]) -> None:
    """Raise ValueError unless each named node is a linear layer whose weights have so few bits."""
    linear = {n.name: n.op for n in graph.nodes if isinstance(n.op, QuantizedLinear)}
    for name, count in bits.items():
        op = linear.get(name)
        most = (1 << (count - 1)) - 1
        _require(op is not None, f"{name}, of {count} bits, is no linear layer")
        assert op is not None  # required above
        fits = int(op.weight.min()) >= -most and int(op.weight.max()) <= most
        _require(fits, f"a weight of {name} leaves {count} bits")


def _check_states(graph: Graph) -> None:
    """Require states that a step reads and writes in the same integers, and start legally."""
    made = {name for node in graph.nodes for name in node.outputs}
    reads = [state.read for state in graph.states]
    ports = {*graph.inputs, *graph.outputs}
    _require(len(set(reads)) == len(reads), "two states share a tensor")
    _require(len({s.write for s in graph.states}) == len(reads), "two states share a tensor")
    _require(len({s.name for s in graph.states}) == len(reads), "two states share a name")
    for state in graph.states:
        _require(is_internal_name(state.name), "a state has a wrong name")
        fits = state.read not in made | ports and state.write in made
        _require(fits, f"state {state.name} is not read and then written")
        old, new = graph.tensor(state.read), graph.tensor(state.write)
        alike = old.shape == new.shape and old.quant == new.quant
        _require(alike and old.quant is not None, f"state {state.name} changes its integers")
        assert old.quant is not None  # required above
        legal = type(state.initial) is int and old.quant.low <= state.initial <= old.quant.high
        _require(legal, f"state {state.name} starts outside its limits")


def _check_ports(graph: Graph) -> None:
    ports = (*graph.inputs, *graph.outputs)
    given = bool(graph.inputs and graph.outputs)
    _require(given and len(set(ports)) == len(ports), "the graph computes nothing")
    written = {name for node in graph.nodes for name in node.outputs}
    _require(written.isdisjoint(graph.inputs), "a node writes an input")
    unread = [name for name in graph.inputs if not graph.users(name)]
    _require(not unread, f"nothing reads {', '.join(unread)}")


def _check_node(node: Node, graph: Graph) -> None:
    inputs = [graph.tensor(name) for name in node.inputs]
    outputs = [graph.tensor(name) for name in node.outputs]
    try:
        BY_TYPE[type(node.op)].check(node.op, inputs, outputs)
    except ValueError as error:
        raise ValueError(f"{node.name}: {error}") from None


def _check_quant(tensor: Tensor, graph: Graph) -> None:
    name, quant = tensor.name, tensor.quant
    assert isinstance(quant, QuantParams)  # the caller's
    whole = all(type(n) is int for n in (quant.zero_point, quant.low, quant.high))
    scores = [node.op for node in graph.nodes if name in node.outputs[:1]]
    if scores and isinstance(scores[0], QuantizedReadout) and not graph.users(name):
        return  # 16 bits, which the readout checks and nothing but the user reads
    _require(whole and -128 <= quant.zero_point <= 255, f"{name} has a wrong zero point or limit")
    if quant.dtype in ("u8", "s8"):
        _require(not quant.steps, f"{name} has steps and is no raw input")
        return
    readers = [node.op for node in graph.users(name)]
    made = {name, *(state.write for state in graph.states if state.read == name)}
    writers = [node.op for node in graph.nodes if made.intersection(node.outputs)]
    if writers and all(isinstance(op, Recurrent) for op in (*writers, *readers)):
        return  # the memory of a recurrent layer, which checks it
    if writers and all(isinstance(op, SpikingOp) for op in (*writers, *readers)):
        return  # membranes and what else spiking layers keep, which they check
    normal = writers and all(isinstance(op, QuantizedNormalize) for op in writers)
    if normal and all(isinstance(op, QuantizedAffine) for op in readers):
        return  # between the two nodes of a LayerNorm
    if writers and all(isinstance(op, QuantizedArgmax) for op in writers) and not readers:
        return  # an index of 16 bits, which nothing but the user reads
    raw = name in graph.inputs and all(isinstance(op, QuantizedAffine) for op in readers)
    _require(raw and quant.dtype in ("u16", "s16"), f"{name} has a wrong type")
    _require(len(quant.steps) in (0, tensor.shape[-1]), f"{name} has a wrong number of steps")


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise ValueError(problem)
