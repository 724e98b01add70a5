"""What each layer of an export is and holds: operator, sizes, tables, scratch, kernel, sums."""

from __future__ import annotations

from typing import Any

from pyexport.artifact import Artifact
from pyexport.describe import operator_name, parameter_count
from pyexport.ir import Node
from pyexport.lower import select_kernel
from pyexport.memory_picture import memory_picture
from pyexport.program import Program, Step
from pyexport.quantize.bounds import bits_needed


def layer_rows(artifact: Artifact, program: Program) -> list[dict[str, Any]]:
    """Return one row of plain values a layer, in order: bytes exact, of tables without code."""
    picture = memory_picture(program)
    alive = dict(zip(picture.steps, picture.alive, strict=True))
    return [_row(node, artifact, program, alive) for node in artifact.graph.nodes]


def _row(node: Node, artifact: Artifact, program: Program, alive: dict[str, int]) -> dict[str, Any]:
    graph = artifact.graph
    steps = [s for s in program.steps if isinstance(s, Step)]
    step = next(s for s in steps if node.name in (s.node, s.absorbed))
    kernel = select_kernel(node, graph, None)
    is_own = step.node == node.name  # and not absorbed by the step of the node before
    consts = [program.const(name) for name in step.consts if is_own]
    has_sums = is_own and step.acc_high > step.acc_low
    bits = bits_needed(step.acc_low, step.acc_high) if has_sums else None
    return {
        "node": node.name,
        "module": node.source,
        "operator": operator_name(node, graph),
        "inputs": sum(graph.tensor(t).size for t in node.inputs),
        "outputs": sum(graph.tensor(t).size for t in node.outputs),
        "parameters": parameter_count(node.op),
        "macs": kernel.cost(node, graph),
        "flash_bytes": sum(len(c.data) for c in consts),
        "ram_bytes": alive[step.node],
        "kernel": "none" if step.is_free else step.kernel,
        "accumulator_bits": bits,
        "weight_bits": artifact.choices.weight_bits.get(node.name, 8)
        if hasattr(node.op, "weight_scale")
        else None,
    }
