"""Lowers an exported Graph to a Program: selects kernels, packs constants, plans memory."""

from pyexport.errors import UnsupportedOperatorError
from pyexport.fixedpoint import ITEM_BYTES
from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels import KERNELS
from pyexport.lower.memory import Lifetime, Plan, plan_arena
from pyexport.program import Buffer, Program, Step
from pyexport.targets import Target

__all__ = ["lower", "select_kernel"]


def lower(graph: Graph, target: Target | None = None) -> Program:
    """Return the Program of an integer or float32 graph; target None means portable C.

    Raises UnsupportedOperatorError for a node that no registered kernel computes.
    """
    selected = [(node, select_kernel(node, graph, target)) for node in graph.nodes]
    lowered = [kernel.lower(node, graph) for node, kernel in selected]
    plan = _plan(graph, selected)
    steps: list[Step] = []
    trace_sizes: list[int] = []
    for (node, kernel), result in zip(selected, lowered, strict=True):
        trace = -1
        if result.trace_size:
            trace = len(trace_sizes)
            trace_sizes.append(result.trace_size)
        steps.append(_step(node, kernel, result, trace))
    return Program(
        buffers=_buffers(graph, plan),
        consts=tuple(const for result in lowered for const in result.consts),
        steps=tuple(steps),
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
        f"{node.name}{where}: no kernel computes {node.op.kind} in {chip}"
    )


def _step(node: Node, kernel: Kernel, lowered: Lowered, trace: int) -> Step:
    return Step(
        kernel=kernel.name,
        template=kernel.template,
        node=node.name,
        trace=trace,
        reads=node.inputs,
        writes=node.outputs,
        consts=tuple(const.name for const in lowered.consts),
        params=lowered.params,
        acc_low=lowered.acc_low,
        acc_high=lowered.acc_high,
    )


def _plan(graph: Graph, selected: list[tuple[Node, Kernel]]) -> Plan:
    outside = set(graph.inputs) | set(graph.outputs)
    lifetimes = []
    for step, (node, kernel) in enumerate(selected):
        for name in node.outputs:
            if name not in outside:
                last = max(i for i, n in enumerate(graph.nodes) if name in n.inputs or n is node)
                lifetimes.append(Lifetime(name, _bytes(graph, name), step, last))
        workspace = kernel.workspace(node, graph)
        if workspace:
            lifetimes.append(Lifetime(f"{node.name}_workspace", workspace, step, step))
    alignment = max((ITEM_BYTES[graph.tensor(t.name).dtype] for t in lifetimes), default=1)
    return plan_arena(lifetimes, alignment)


def _buffers(graph: Graph, plan: Plan) -> tuple[Buffer, ...]:
    buffers = []
    for tensor in graph.tensors:
        kind = "arena"
        if tensor.name in graph.inputs:
            kind = "input"
        elif tensor.name in graph.outputs:
            kind = "output"
        offset = plan.offsets.get(tensor.name, 0)
        size = _bytes(graph, tensor.name)
        buffers.append(Buffer(tensor.name, kind, tensor.dtype, tensor.size, size, offset))
    return tuple(buffers)


def _bytes(graph: Graph, name: str) -> int:
    tensor = graph.tensor(name)
    return tensor.size * ITEM_BYTES[tensor.dtype]
