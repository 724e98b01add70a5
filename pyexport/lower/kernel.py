"""What a kernel is: a record of which nodes it computes, what it stores and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyexport.ir import Graph, Node
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


@dataclass(frozen=True)
class Kernel:
    """One way to compute one kind of operator. A new kernel is a new file; no operator changes."""

    name: str
    matches: Callable[[Node, Graph, Target | None], bool]
    lower: Callable[[Node, Graph], Lowered]
    workspace: Callable[[Node, Graph], int]  # bytes of arena that it needs beside its tensors
    multiply_accumulates: Callable[[Node, Graph], int]
    template: str  # file under templates/
