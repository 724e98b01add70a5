"""What a kernel is: a record of which nodes it computes, what it stores and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyexport.choices import GOALS
from pyexport.ir import Graph, Node
from pyexport.lower.reuse import Reuse, no_reuse
from pyexport.program import Const
from pyexport.targets import Target


@dataclass(frozen=True)
class Lowered:
    """What a kernel makes of one node: its tables and the numbers its body is specialized for."""

    consts: tuple[Const, ...]
    params: tuple[tuple[str, int | str], ...]
    acc_low: int = 0  # proved bounds over all accumulators
    acc_high: int = 0
    trace_size: int = 0  # accumulators it records, 0 for none


def absorbs_nothing(node: Node, graph: Graph) -> Node | None:
    """Return None: the kernel computes one node."""
    return None


def sole_reader(tensor: str, graph: Graph) -> Node | None:
    """Return the node that alone reads a tensor, once, if nothing outside the graph sees it."""
    seen = {*graph.outputs, *(name for state in graph.states for name in (state.read, state.write))}
    readers = [node for node in graph.nodes for name in node.inputs if name == tensor]
    return readers[0] if len(readers) == 1 and tensor not in seen else None


@dataclass(frozen=True)
class Kernel:
    """One way to compute one kind of operator. A new kernel is new files; no operator changes.

    Three files are called after it: lower/kernels/NAME.py holds its record, codegen/kernels/NAME.py
    what its template prints, templates/ops/NAME.h.j2 its body. KERNELS, the registry, lists it.
    """

    name: str
    matches: Callable[[Node, Graph, Target | None], bool]
    lower: Callable[[Node, Graph], Lowered]
    workspace: Callable[[Node, Graph], int]  # elements of arena that it needs beside its tensors
    cost: Callable[
        [Node, Graph], int
    ]  # multiply-accumulates of one inference, or what takes as long
    template: str  # file under templates/
    reuse: Callable[[Node, Graph], Reuse] = no_reuse  # what its tensors may share
    absorbs: Callable[[Node, Graph], Node | None] = absorbs_nothing  # the node behind it that it
    # computes too: the tensor between them is never stored
    goals: tuple[str, ...] = GOALS  # those of choices.py that it is chosen for
    workspace_dtype: str = "u8"  # of those elements
    constant_time: bool = False  # for that goal: the same steps in C whatever the values are
