"""Lowers an exported Graph to a Program: selects kernels, packs constants, plans memory."""

from dataclasses import replace

from pyexport.errors import UnsupportedOperatorError
from pyexport.fixedpoint import ITEM_BYTES
from pyexport.ir import Graph, Node, Tensor
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels import KERNELS
from pyexport.lower.memory import ARENA, Item, MemoryPlan, MemoryProblem, Task, plan_memory
from pyexport.program import Buffer, Program, Step
from pyexport.targets import Target

__all__ = ["lower", "select_kernel"]


def lower(graph: Graph, target: Target | None = None) -> Program:
    """Return the Program of an integer or float32 graph; target None means portable C.

    Raises UnsupportedOperatorError for a node that no registered kernel computes.
    """
    selected = [(node, select_kernel(node, graph, target)) for node in graph.nodes]
    lowered = [kernel.lower(node, graph) for node, kernel in selected]
    buffers = [_tensor_buffer(graph, tensor) for tensor in graph.tensors]
    buffers += [b for node, kernel in selected for b in _workspace(node, kernel, graph)]
    kinds = {buffer.name: buffer.kind for buffer in buffers}
    plan = plan_memory(_problem(graph, buffers, selected))
    steps: list[Step] = []
    trace_sizes: list[int] = []
    for (node, kernel), result in zip(selected, lowered, strict=True):
        trace = -1
        if result.trace_size:
            trace = len(trace_sizes)
            trace_sizes.append(result.trace_size)
        steps.append(_step(node, kernel, graph, result, trace, plan))
    return Program(
        buffers=tuple(_placed(buffer, plan, kinds) for buffer in buffers),
        consts=tuple(const for result in lowered for const in result.consts),
        steps=tuple(steps[index] for index in plan.order),
        inputs=graph.inputs,
        outputs=graph.outputs,
        arena_bytes=plan.size,
        arena_lower_bound=plan.lower_bound,
        trace_sizes=tuple(trace_sizes),
    )


def select_kernel(node: Node, graph: Graph, target: Target | None) -> Kernel:
    """Return the first registered kernel that computes the node on the target."""
    for kernel in KERNELS:
        if kernel.matches(node, graph, target):
            return kernel
    where = f" ({node.source})" if node.source else ""
    chip = target.title if target is not None else "portable C"
    raise UnsupportedOperatorError(
        f"{node.name}{where}: no kernel computes {node.op.kind} in {chip}; those there are take "
        "linear layers, with relu, relu6, hardtanh or clamp right behind them, and softmax; export "
        "a model of these"
    )


def _step(
    node: Node, kernel: Kernel, graph: Graph, lowered: Lowered, trace: int, plan: MemoryPlan
) -> Step:
    views = kernel.reuse(node, graph).views
    held = [view for view in views if view in plan.held]
    return Step(
        kernel=kernel.name,
        template=kernel.template,
        node=node.name,
        trace=trace,
        reads=node.inputs,
        writes=node.outputs,
        consts=tuple(const.name for const in lowered.consts),
        params=lowered.params,
        workspace=next((b.name for b in _workspace(node, kernel, graph)), ""),
        acc_low=lowered.acc_low,
        acc_high=lowered.acc_high,
        placed=tuple(view.inner for view in held),
        is_free=bool(views) and len(held) == len(views),
    )


def _tensor_buffer(graph: Graph, tensor: Tensor) -> Buffer:
    kind = "arena"
    if tensor.name in graph.inputs:
        kind = "input"
    elif tensor.name in graph.outputs:
        kind = "output"
    size = tensor.size
    return Buffer(tensor.name, kind, tensor.dtype, size, size * ITEM_BYTES[tensor.dtype])


def _workspace(node: Node, kernel: Kernel, graph: Graph) -> tuple[Buffer, ...]:
    """Return the buffer that only this node's step uses, if its kernel asks for one."""
    count = kernel.workspace(node, graph)
    if not count:
        return ()
    return (Buffer(f"{node.name}_workspace", "arena", "u8", count, count),)


def _problem(
    graph: Graph, buffers: list[Buffer], selected: list[tuple[Node, Kernel]]
) -> MemoryProblem:
    """Return what the planner is asked: a tensor is as aligned as its elements."""
    items = [Item(b.name, b.bytes, ITEM_BYTES[b.dtype], b.kind) for b in buffers]
    tasks = []
    for node, kernel in selected:
        reuse = kernel.reuse(node, graph)
        workspace = tuple(b.name for b in _workspace(node, kernel, graph))
        tasks.append(
            Task(node.name, node.inputs, node.outputs, workspace, reuse.in_place, reuse.views)
        )
    return MemoryProblem(tuple(items), tuple(tasks))


def _placed(buffer: Buffer, plan: MemoryPlan, kinds: dict[str, str]) -> Buffer:
    """Return a buffer where the plan wants it; a view of an input or output is of its kind."""
    place = plan.places[buffer.name]
    if place.home in (ARENA, buffer.name):
        return replace(buffer, offset=place.offset)
    return replace(buffer, kind=kinds[place.home], offset=place.offset, inside=place.home)
