"""What the steps of a program cost on a target, by its table: a mean and a worst case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels import KERNELS
from pyexport.lower.work import Job, Work, work_of
from pyexport.program import Program, RowLoop, Step
from pyexport.targets.costs import CostTable

# node -> share of the bytes that it reads first that are not 0, each as often as it reads it; 1
# where it lacks
Densities = Mapping[str, float]


@dataclass(frozen=True)
class StepCost:
    """What one step costs; None where nobody measured its kernel."""

    node: str
    kernel: str
    mean: float | None  # for bytes that are 0 as often as was observed
    worst: float | None  # where no byte is 0; not below the mean, whatever errors prices have
    stack: int | None  # most that a measured network took, beside the scratch


def step_costs(
    graph: Graph, program: Program, table: CostTable, densities: Densities
) -> tuple[StepCost, ...]:
    """Return the cost of every step, in order."""
    nodes = {node.name: node for node in graph.nodes}
    found = []
    for step in _steps(program):
        if step.is_free:
            found.append(StepCost(step.node, step.kernel, 0.0, 0.0, 0))
            continue
        mean, worst = (
            table.price(step.kernel, step_work(step, nodes[step.node], graph, shares))
            for shares in (densities, {})
        )
        if mean is not None and worst is not None:
            worst = max(mean, worst)
        stack = table.stack.get(step.kernel)
        found.append(StepCost(step.node, step.kernel, mean, worst, stack))
    return tuple(found)


def step_work(step: Step, node: Node, graph: Graph, densities: Densities) -> Work:
    """Return the counts of a step."""
    params = dict(step.params)
    return work_of(step.kernel, _job(_records()[step.kernel], node, graph, params, densities))


def lowered_cost(
    kernel: Kernel,
    lowered: Lowered,
    node: Node,
    graph: Graph,
    table: CostTable,
    densities: Densities,
) -> float | None:
    """Return what a kernel would cost for a node; None where nobody measured it."""
    params = dict(lowered.params)
    work = work_of(kernel.name, _job(kernel, node, graph, params, densities))
    return table.price(kernel.name, work)


def _job(
    kernel: Kernel, node: Node, graph: Graph, params: dict[str, int | str], densities: Densities
) -> Job:
    return Job(node, graph, params, kernel.cost(node, graph), densities.get(node.name, 1.0))


@cache
def _records() -> dict[str, Kernel]:
    return {kernel.name: kernel for kernel in reversed(KERNELS)}


def _steps(program: Program) -> list[Step]:
    found: list[Step] = []
    for entry in program.steps:
        found += [row.step for row in entry.steps] if isinstance(entry, RowLoop) else [entry]
    return found
