"""Chooses the kernel of a node: among those that match, by the goal and by the user's wishes."""

from __future__ import annotations

from pyexport.choices import DEFAULT_CHOICES, Choices
from pyexport.errors import UnsupportedOperatorError, UsageError
from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Kernel
from pyexport.lower.kernels import KERNELS
from pyexport.targets import Target


def select_kernel(
    node: Node, graph: Graph, target: Target | None, choices: Choices = DEFAULT_CHOICES
) -> Kernel:
    """Return the wanted kernel if it computes the node, else the first one for the node's goal."""
    goal = choices.goal_of(node.name)
    offered = matching_kernels(node, graph, target)
    chosen = dict(choices.chosen).get(node.name)
    for name in (*choices.kernels, *([chosen] if chosen else ())):
        named = [kernel for kernel in offered if kernel.name == name]
        if named:  # of the records that share a name, the one for the goal
            return next((kernel for kernel in named if goal in kernel.goals), named[0])
    for kernel in offered:
        if goal in kernel.goals:
            return kernel
    where = f" ({node.source})" if node.source else ""
    raise UnsupportedOperatorError(
        f"{node.name}{where}: no kernel computes {node.op.kind} in {_chip(target)}; in float32 "
        "there are linear layers, with relu, relu6, hardtanh or clamp right behind them, and "
        "softmax; export a model of these, or in int8"
    )


def matching_kernels(node: Node, graph: Graph, target: Target | None) -> list[Kernel]:
    """Return the records that compute a node on a target, in the order of registration."""
    return [kernel for kernel in KERNELS if kernel.matches(node, graph, target)]


def check_kernels(graph: Graph, target: Target | None, choices: Choices) -> None:
    """Raise UsageError for a wanted kernel that does not exist, or that computes no node."""
    for name in choices.kernels:
        check_kernel(name)
        records = [kernel for kernel in KERNELS if kernel.name == name]
        if not any(kernel.matches(n, graph, target) for kernel in records for n in graph.nodes):
            raise UsageError(f"kernel {name} computes no layer of this model in {_chip(target)}")


def check_kernel(name: str) -> None:
    """Raise UsageError, which lists the known names, unless a kernel is called so."""
    known = dict.fromkeys(kernel.name for kernel in KERNELS)
    if name not in known:
        raise UsageError(f"kernel {name!r} is unknown; use one of {', '.join(known)}")


def _chip(target: Target | None) -> str:
    return target.title if target is not None else "portable C"
