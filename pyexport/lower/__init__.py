"""Lowers an exported Graph to a Program: selects kernels, packs constants, plans memory."""

from collections.abc import Sequence
from dataclasses import replace

from pyexport.choices import DEFAULT_CHOICES, Choices
from pyexport.fixedpoint import ITEM_BYTES
from pyexport.ir import Graph, Node, Tensor
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.placing import place_buffers
from pyexport.lower.selecting import check_kernels, select_kernel
from pyexport.lower.spikes import packed_spikes
from pyexport.lower.states import state_bytes, state_kinds, state_slots
from pyexport.program import Buffer, Const, Program, Step
from pyexport.targets import Target

__all__ = ["lower", "select_kernel"]

MIN_SHARED_BYTES = 32  # smaller tables of equal bytes stay where each layer's comment explains them


def lower(
    graph: Graph, target: Target | None = None, choices: Choices = DEFAULT_CHOICES
) -> Program:
    """Return the Program of an integer or float32 graph; target None means portable C.

    choices decide between kernels that compute the same bytes.

    Raises UnsupportedOperatorError for a node that no registered kernel computes, and UsageError
    for a wanted kernel that is unknown or computes no node.
    """
    check_kernels(graph, target, choices)
    selected = [(node, select_kernel(node, graph, target, choices)) for node in graph.nodes]
    absorbed = absorbed_nodes(selected, graph)
    gone = {node.name for node in absorbed.values()}
    selected = [(node, kernel) for node, kernel in selected if node.name not in gone]
    lowered, consts = _stored_once([kernel.lower(node, graph) for node, kernel in selected])
    slots = state_slots(graph)
    kinds = dict.fromkeys(graph.inputs, "input") | dict.fromkeys(graph.outputs, "output")
    kinds |= state_kinds(slots)
    never_stored = {name for node in absorbed.values() for name in node.inputs}
    tensors = [tensor for tensor in graph.tensors if tensor.name not in never_stored]
    words = packed_spikes(graph, target)
    buffers = [
        _tensor_buffer(tensor, kinds.get(tensor.name, "arena"), words.get(tensor.name))
        for tensor in tensors
    ]
    buffers += [b for node, kernel in selected for b in _workspace(node, kernel, graph)]
    steps: list[Step] = []
    trace_sizes: list[int] = []
    for (node, kernel), result in zip(selected, lowered, strict=True):
        trace = -1
        if result.trace_size:
            trace = len(trace_sizes)
            trace_sizes.append(result.trace_size)
        steps.append(_step(node, kernel, graph, result, trace, absorbed.get(node.name)))
    reuse = {node.name: kernel.reuse(node, graph) for node, kernel in selected}
    placed = place_buffers(buffers, steps, reuse)
    return Program(
        buffers=placed.buffers,
        consts=consts,
        steps=placed.steps,
        inputs=graph.inputs,
        outputs=graph.outputs,
        arena_bytes=placed.arena_bytes,
        arena_lower_bound=placed.lower_bound,
        trace_sizes=tuple(trace_sizes),
        states=slots,
        state_bytes=state_bytes(slots, {tensor.name: tensor for tensor in graph.tensors}),
    )


def _stored_once(lowered: list[Lowered]) -> tuple[list[Lowered], tuple[Const, ...]]:
    """Return the nodes' tables, those of equal bytes as the first of them, and all without twins.

    So weights that two nodes share lie in flash once, and the curves of recurrent layers too.
    """
    first: dict[tuple[str, bytes], Const] = {}
    kept: list[Const] = []
    for result in lowered:
        for const in result.consts:
            if (
                len(const.data) < MIN_SHARED_BYTES
                or first.setdefault((const.dtype, const.data), const) is const
            ):
                kept.append(const)
    shared = [
        replace(r, consts=tuple(first.get((c.dtype, c.data), c) for c in r.consts)) for r in lowered
    ]
    return shared, tuple(kept)


def absorbed_nodes(selected: Sequence[tuple[Node, Kernel]], graph: Graph) -> dict[str, Node]:
    """Return, by the name of the node before, the nodes that its kernel computes too."""
    found: dict[str, Node] = {}
    for node, kernel in selected:
        behind = kernel.absorbs(node, graph)
        if behind is not None:
            found[node.name] = behind
    return found


def _step(
    node: Node, kernel: Kernel, graph: Graph, lowered: Lowered, trace: int, behind: Node | None
) -> Step:
    return Step(
        kernel=kernel.name,
        template=kernel.template,
        node=node.name,
        trace=trace,
        reads=node.inputs,
        writes=node.outputs if behind is None else behind.outputs,
        consts=tuple(const.name for const in lowered.consts),
        params=lowered.params,
        workspace=next((b.name for b in _workspace(node, kernel, graph)), ""),
        acc_low=lowered.acc_low,
        acc_high=lowered.acc_high,
        absorbed="" if behind is None else behind.name,
    )


def _tensor_buffer(tensor: Tensor, kind: str, words: tuple[str, int] | None) -> Buffer:
    """Return the place of a tensor; words: of one whose spikes are stored as bits."""
    dtype, size = words or (tensor.dtype, tensor.size)
    is_bits = words is not None
    return Buffer(tensor.name, kind, dtype, size, size * ITEM_BYTES[dtype], is_bits=is_bits)


def _workspace(node: Node, kernel: Kernel, graph: Graph) -> tuple[Buffer, ...]:
    """Return the buffer that only this node's step uses, if its kernel asks for one."""
    count = kernel.workspace(node, graph)
    if not count:
        return ()
    dtype = kernel.workspace_dtype
    size = count * ITEM_BYTES[dtype]
    return (Buffer(f"{node.name}_workspace", "arena", dtype, count, size),)
