"""Layers on their own: each kernel of a header entered directly, with inputs that it must stand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pyexport.codegen.unit import unit_header, unit_name
from pyexport.ir import Array, Graph, Node, QuantizedLinear, Tensor
from pyexport.program import Program, Step
from pyexport.rows import input_tensors, row_dtype, row_limits, row_size
from pyexport.runners import HeaderInterface
from pyexport.verify.extremes import extreme_rows
from pyexport.verify.obligations import (
    OBLIGED,
    Obligation,
    by_places,
    obligations_of,
    windows_of,
)
from pyexport.verify.subject import Subject
from pyexport.verify.sums import decide_sum, solve_sums

PASSED = {"u8", "s8", "f32"}  # types that every harness takes and gives
DRAWN = 32  # random rows of each layer
MAX_ALONE = 256  # inputs that stand alone at their limit


@dataclass(frozen=True, eq=False)
class Unit(Subject):
    """One step of a subject's header, as a header of its own around the whole other one."""

    node: str = ""

    @property
    def interface(self) -> HeaderInterface:
        """What a runner must know of it; a layer alone has no class."""
        whole = super().interface
        outputs = tuple(replace(slot, has_argmax=False) for slot in whole.outputs)
        return replace(whole, has_argmax=False, decides=False, outputs=outputs)


@dataclass(frozen=True, eq=False)
class Entry:
    """The obligations of one layer, and inputs of that layer that meet them."""

    obligations: tuple[Obligation, ...]
    rows: Array  # (n, size of the layer's input)
    hit: Array
    impossible: Array  # proved: no input of the layer has that sum


def make_units(
    subject: Subject, folder: Path, left_out: dict[str, str] | None = None
) -> tuple[Unit, ...]:
    """Return a unit for each layer, their headers written into a folder.

    left_out takes the layers that cannot be entered alone, and why; those that run nothing aside.
    """
    program, artifact = subject.program, subject.artifact
    header = subject.header.read_text(encoding="utf-8")
    nodes = {node.name: node for node in artifact.graph.nodes}
    units = []
    for step in program.steps:
        if not isinstance(step, Step) or step.is_free:
            continue
        problem = _problem(step, program)
        if problem:
            if left_out is not None:
                left_out[f"unit, layer {step.node}"] = problem
            continue
        name = unit_name(artifact.name, step.node)
        path = folder / f"{name}.h"
        path.write_text(unit_header(header, program, step, artifact.name), encoding="utf-8")
        alone = replace(
            artifact,
            name=name,
            graph=_alone(artifact.graph, nodes[step.node]),
            samples=None,
            statements=replace(artifact.statements, output_threshold=None),
        )
        title = f"{subject.shown}, layer {step.node} alone"
        units.append(Unit(alone, _program(program, step), path, title, step.node))
    return tuple(units)


def _problem(step: Step, program: Program) -> str:
    """Return why a step cannot be entered alone, "" if it can."""
    if not step.reads:
        return "it reads nothing"
    if step.placed:
        return "parts of its output are written by other layers"
    if any(program.buffer(name).kind == "state" for name in (*step.reads, *step.writes)):
        return "it has a state"
    if any(program.buffer(name).is_bits for name in (*step.reads, *step.writes)):
        return "its spikes are bits of words"
    dtypes = {program.buffer(name).dtype for name in (*step.reads, *step.writes)}
    if not dtypes <= PASSED:
        return f"the harness passes no {min(dtypes - PASSED)}"
    return ""


def unit_rows(graph: Graph, seed: int = 0) -> Array:
    """Return the rows of a layer's graph: its obligations, each input alone, extremes, random ones.

    Every row is there once; those that say most come first.
    """
    low, high = row_limits(graph)
    parts = [enter(graph, seed).rows] if len(graph.inputs) == 1 else []
    parts.append(_fixed_rows(graph, seed))
    if isinstance(graph.nodes[0].op, QuantizedLinear):
        starts = np.concatenate(parts).astype(np.float64)
        parts.append(extreme_rows(graph, starts, float(low.min()), float(high.max())))
    dtype = row_dtype(input_tensors(graph))
    rows = np.concatenate([part.astype(dtype) for part in parts])
    _, first = np.unique(rows, axis=0, return_index=True)
    return np.ascontiguousarray(rows[np.sort(first)])


def enter(graph: Graph, seed: int = 0) -> Entry:
    """Return inputs that meet the obligations of a layer's graph, solved exactly.

    Each is found, or it is proved that no input of the layer gives that sum.
    """
    owed = obligations_of(graph)
    size = row_size(input_tensors(graph))
    low, high = row_limits(graph)
    down, up = low.astype(np.int64), high.astype(np.int64)
    rows = np.tile(down, (len(owed), 1))
    hit, impossible = (np.zeros(len(owed), dtype=bool) for _ in range(2))
    if not owed:
        return Entry(owed, np.empty((0, size), np.int64), hit, impossible)
    windows = dict(windows_of(graph.nodes[0], graph))
    for number, (places, group) in enumerate(by_places(owed, windows)):
        weight = np.array([windows[owed[i].output].weight for i in group])
        wanted = np.array([owed[i].acc - windows[owed[i].output].offset for i in group])
        found, met = solve_sums(weight, wanted, down[places], up[places], seed + number)
        for at in np.flatnonzero(~met).tolist():
            try:
                exact = decide_sum(weight[at], int(wanted[at]), down[places], up[places])
            except OverflowError:
                continue  # undecided: neither hit nor impossible
            impossible[group[at]] = exact is None
            if exact is not None:
                found[at], met[at] = exact, True
        rows[np.ix_(np.array(group), places)] = found
        hit[group] = met
    return Entry(owed, rows[hit], hit, impossible)


def _fixed_rows(graph: Graph, seed: int) -> Array:
    """Return zeros, limits, each input alone at its upper limit, random rows.

    A layer that adds no products up gets every value of its inputs instead of lone ones.
    """
    tensors = input_tensors(graph)
    low, high = row_limits(graph)
    size = row_size(tensors)
    quiet = np.concatenate([np.full(t.size, _zero(t), dtype=np.float64) for t in tensors])
    quiet = np.clip(quiet, low, high)
    generator = np.random.Generator(np.random.PCG64([size, 13, seed]))
    parts = [quiet[None], low[None], high[None]]
    if isinstance(graph.nodes[0].op, OBLIGED) or tensors[0].quant is None:
        columns = np.arange(size)
        if size > MAX_ALONE:
            columns = np.sort(generator.choice(size, MAX_ALONE, replace=False))
        alone = np.tile(quiet, (len(columns), 1))
        alone[np.arange(len(columns)), columns] = high[columns]
        parts.append(alone)
    else:
        values = np.arange(low.min(), high.max() + 1)[:, None]
        if len(values) <= MAX_ALONE:
            parts.append(np.clip(np.tile(values, (1, size)), low, high))
    drawn = low + generator.random((DRAWN, size)) * (high - low)
    parts.append(drawn if tensors[0].quant is None else np.rint(drawn))
    corners = np.where(generator.random((DRAWN, size)) < 0.5, low, high)
    return np.concatenate([*parts, corners])


def _zero(tensor: Tensor) -> int:
    """Return the integer of the real zero, or the nearest legal one."""
    return 0 if tensor.quant is None else tensor.quant.zero_point


def _alone(graph: Graph, node: Node) -> Graph:
    """Return the graph of one node: what it reads is the input, what it writes the output."""
    inputs = tuple(dict.fromkeys(node.inputs))
    kept = {*inputs, *node.outputs}
    tensors = tuple(
        replace(t, layout="", declared_range=None) for t in graph.tensors if t.name in kept
    )
    return Graph(tensors, (node,), inputs, node.outputs)


def _program(program: Program, step: Step) -> Program:
    """Return what a runner's interface is made of: one step, no table or scratch of its own."""
    sums = (program.trace_sizes[step.trace],) if step.trace >= 0 else ()
    names = {*step.reads, *step.writes}
    return replace(
        program,
        buffers=tuple(b for b in program.buffers if b.name in names),
        consts=(),
        steps=(step,),
        inputs=tuple(dict.fromkeys(step.reads)),
        outputs=step.writes,
        arena_bytes=0,
        trace_sizes=sums,
    )
