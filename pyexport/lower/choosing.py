"""Chooses kernels of linear layers by what they were measured to cost, where a table decides.

speed takes the fewest instructions or cycles among the kernels for this goal, balanced the fewest
among those whose tables take little more flash than the first registered one's. Where the first
registered one has no price it stays, and it does on other layers: a convolution may take the
pooling behind it along, so that kernels for it do not do the same.
"""

from __future__ import annotations

from pyexport.choices import Choices
from pyexport.ir import Graph, Node, QuantizedLinear
from pyexport.lower.costs import Densities, Readings, lowered_cost
from pyexport.lower.kernel import Kernel
from pyexport.lower.selecting import matching_kernels, select_kernel
from pyexport.targets import Target
from pyexport.targets.costs import CostTable, read_costs

BALANCED_FLASH = 1.25  # times the bytes of tables of the first registered kernel


def choose_kernels(
    graph: Graph,
    target: Target | None,
    choices: Choices,
    densities: Densities,
    digits: Readings | None = None,
) -> tuple[tuple[str, str], ...]:
    """Return (node, kernel) for every node that has a better kernel than the first registered."""
    table = read_costs(target.name) if target is not None else None
    if table is None:
        return ()
    found = []
    for node in graph.nodes:
        goal = choices.goal_of(node.name)
        if goal not in table.decides or not isinstance(node.op, QuantizedLinear):
            continue
        first = select_kernel(node, graph, target, choices)
        if first.name in choices.kernels:
            continue
        offered = _candidates(node, graph, target, goal)
        best = _best(node, graph, table, (densities, digits or {}), (first, *offered), goal)
        if best != first.name:
            found.append((node.name, best))
    return tuple(found)


def _best(
    node: Node,
    graph: Graph,
    table: CostTable,
    seen: tuple[Densities, Readings],
    offered: tuple[Kernel, ...],
    goal: str,
) -> str:
    """Return the name of the cheapest kernel; of the first one in doubt, and of equal ones."""
    first = offered[0].name
    costs: dict[str, tuple[float, int]] = {}
    for kernel in offered:
        lowered = kernel.lower(node, graph)
        cost = lowered_cost(kernel, lowered, node, graph, table, *seen)
        if cost is not None and kernel.name not in costs:
            costs[kernel.name] = cost, sum(len(const.data) for const in lowered.consts)
    if first not in costs:
        return first
    room = costs[first][1] * BALANCED_FLASH
    allowed = [name for name, (_, flash) in costs.items() if goal != "balanced" or flash <= room]
    return min(allowed, key=lambda name: costs[name][0])


def _candidates(node: Node, graph: Graph, target: Target | None, goal: str) -> list[Kernel]:
    """Return one record of every kernel that serves a goal, in the order of registration."""
    found: dict[str, Kernel] = {}
    for kernel in matching_kernels(node, graph, target):
        if goal in kernel.goals:
            found.setdefault(kernel.name, kernel)
    return list(found.values())
