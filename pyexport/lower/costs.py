"""What the steps of a program cost on a target, by its table: a mean and a worst case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from pyexport.digits import Digits
from pyexport.ir import Graph, Node
from pyexport.lower.call_work import most_read
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels import KERNELS
from pyexport.lower.spike_work import Firing, most_firing, spikes_of
from pyexport.lower.work import Job, Work, work_of
from pyexport.program import Program, RowLoop, Step
from pyexport.targets import get_target
from pyexport.targets.costs import CostTable

# node -> share of the bytes that it reads first that are not 0, each as often as it reads it; 1
# where it lacks
Densities = Mapping[str, float]
# node -> digits of what it multiplies and of its hidden values; the most there are where it lacks
Readings = Mapping[str, tuple[Digits, Digits]]
NOTHING_FIRED: Firing = {}


@dataclass(frozen=True)
class StepCost:
    """What one step costs; None where nobody measured its kernel."""

    node: str
    kernel: str
    mean: float | None  # for bytes that are 0 as often as was observed
    worst: float | None  # where no byte is 0; not below the mean, whatever errors prices have
    stack: int | None  # most that a measured network took, beside the scratch


def step_costs(
    graph: Graph,
    program: Program,
    table: CostTable,
    densities: Densities,
    digits: Readings | None = None,
    firing: Firing = NOTHING_FIRED,
) -> tuple[StepCost, ...]:
    """Return the cost of every step, in order."""
    multiplies = get_target(table.target).multiplies
    nodes = {node.name: node for node in graph.nodes}
    most = most_firing(graph)
    found = []
    for step in _steps(program):
        if step.is_free:
            found.append(StepCost(step.node, step.kernel, 0.0, 0.0, 0))
            continue
        node = nodes[step.node]
        read: Readings | None = None if multiplies else digits or {}
        unread: Readings | None = None if multiplies else {}
        usual = step_work(step, node, graph, densities, read, {**most, **firing})
        hardest = step_work(step, node, graph, {}, unread, most)
        mean, worst = (table.price(step.kernel, work) for work in (usual, hardest))
        if mean is not None and worst is not None:
            worst = max(mean, worst)
        stack = table.stack.get(step.kernel)
        found.append(StepCost(step.node, step.kernel, mean, worst, stack))
    return tuple(found)


def step_work(
    step: Step,
    node: Node,
    graph: Graph,
    densities: Densities,
    digits: Readings | None = None,
    firing: Firing = NOTHING_FIRED,
) -> Work:
    """Return the counts of a step; with digits on a core whose products are calls."""
    record = _records()[step.kernel]
    job = _job(record, node, graph, dict(step.params), densities, digits)
    job = replace(job, spikes=spikes_of(node.inputs, node.outputs, firing))
    return work_of(step.kernel, job)


def lowered_cost(
    kernel: Kernel,
    lowered: Lowered,
    node: Node,
    graph: Graph,
    table: CostTable,
    densities: Densities,
    digits: Readings,
) -> float | None:
    """Return what a kernel would cost for a node; None where nobody measured it."""
    read = None if get_target(table.target).multiplies else digits
    job = _job(kernel, node, graph, dict(lowered.params), densities, read)
    return table.price(kernel.name, work_of(kernel.name, job))


def _job(
    kernel: Kernel,
    node: Node,
    graph: Graph,
    params: dict[str, int | str],
    densities: Densities,
    digits: Readings | None,
) -> Job:
    density = densities.get(node.name, 1.0)
    job = Job(node, graph, params, kernel.cost(node, graph), density)
    if digits is None:
        return job
    reads, hidden = digits.get(node.name) or most_read(node, graph)
    return replace(job, reads=reads, hidden=hidden)


@cache
def _records() -> dict[str, Kernel]:
    return {kernel.name: kernel for kernel in reversed(KERNELS)}


def _steps(program: Program) -> list[Step]:
    found: list[Step] = []
    for entry in program.steps:
        found += [row.step for row in entry.steps] if isinstance(entry, RowLoop) else [entry]
    return found
