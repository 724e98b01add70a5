"""Chooses kernels by what they were measured to cost, where a table knows it.

speed takes the fewest instructions or cycles, balanced the fewest among kernels whose tables
take little more flash than the smallest, or as much as a kernel for this goal states,
constant-time the fewest among those that take as long for every input. size, and whatever nobody
measured, keep the order of registration.
"""

from __future__ import annotations

from pyexport.choices import Choices
from pyexport.ir import Graph, Node
from pyexport.lower.costs import Densities, lowered_cost
from pyexport.lower.kernel import Kernel
from pyexport.lower.selecting import matching_kernels, select_kernel
from pyexport.targets import Target
from pyexport.targets.costs import CostTable, read_costs

BALANCED_FLASH = 1.25  # times the bytes of the smallest tables


def choose_kernels(
    graph: Graph, target: Target | None, choices: Choices, densities: Densities
) -> tuple[tuple[str, str], ...]:
    """Return (node, kernel) for every node that has a better kernel than the first registered."""
    table = read_costs(target.name) if target is not None else None
    if table is None or not table.decides:
        return ()
    found = []
    for node in graph.nodes:
        first = select_kernel(node, graph, target, choices)
        best = _best(node, graph, target, choices, table, densities, first)
        if best != first.name:
            found.append((node.name, best))
    return tuple(found)


def _best(
    node: Node,
    graph: Graph,
    target: Target | None,
    choices: Choices,
    table: CostTable,
    densities: Densities,
    first: Kernel,
) -> str:
    """Return the name of the kernel for a node's goal; that of the first one in doubt."""
    goal = choices.goal_of(node.name)
    offered = _candidates(node, graph, target, goal)
    if goal == "size" or first.name in choices.kernels or len(offered) < 2:
        return first.name
    if not all(table.knows(kernel.name) for kernel in (first, *offered)):
        offered = [kernel for kernel in offered if table.knows(kernel.name)]
        if not table.knows(first.name):
            return first.name
    costs: dict[str, tuple[float, int]] = {}
    for kernel in offered:
        lowered = kernel.lower(node, graph)
        cost = lowered_cost(kernel, lowered, node, graph, table, densities)
        if cost is not None:
            costs[kernel.name] = cost, sum(len(const.data) for const in lowered.consts)
    if first.name not in costs:
        return first.name
    room = min(flash for _, flash in costs.values()) * BALANCED_FLASH
    stated = {kernel.name for kernel in offered if goal in kernel.goals}  # its matches() has limits
    allowed = {
        name: cost
        for name, (cost, flash) in costs.items()
        if goal != "balanced" or flash <= room or name in stated
    }
    return min(allowed, key=lambda name: allowed[name])  # of equal ones the first registered


def _candidates(node: Node, graph: Graph, target: Target | None, goal: str) -> list[Kernel]:
    """Return one record of every kernel that may serve a goal."""
    found: dict[str, Kernel] = {}
    for kernel in matching_kernels(node, graph, target):
        if goal == "constant-time" and not (kernel.constant_time and goal in kernel.goals):
            continue
        if kernel.name not in found or (
            goal in kernel.goals and goal not in found[kernel.name].goals
        ):
            found[kernel.name] = kernel
    return list(found.values())
