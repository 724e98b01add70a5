"""What an artifact costs on a target, layer by layer: estimated by its table, bytes exact."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pyexport.artifact import Artifact
from pyexport.kernel_choice import Observed
from pyexport.lower import lower
from pyexport.lower.costs import step_costs
from pyexport.memory_picture import memory_picture
from pyexport.program import Step
from pyexport.targets import get_target
from pyexport.targets.costs import read_costs


@dataclass(frozen=True)
class LayerCost:
    """What one layer costs; None where nobody measured its kernel."""

    node: str
    module: str
    kernel: str
    mean: float | None
    worst: float | None
    flash: int  # bytes of its tables, without code
    stack: int | None  # most that a measured network with the kernel took, beside the scratch
    ram: int  # bytes of scratch alive while it runs
    fires: tuple[float, ...] | None = None  # share of its neurons with a spike, step by step


@dataclass(frozen=True)
class Costing:
    """What an artifact costs on one target."""

    target: str
    compiler: str
    unit: str
    rows: str  # of which inputs zeros were counted
    layers: tuple[LayerCost, ...]
    mean: float | None
    worst: float | None
    flash: int
    stack: int | None
    ram: int

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def costing(artifact: Artifact, target: str, observed: Observed) -> Costing:
    """Return the costs on a target that has a table; raises KeyError for another one."""
    record, table = get_target(target), read_costs(target)
    if table is None:
        raise KeyError(target)
    graph = artifact.graph
    program = lower(graph, record, artifact.choices)
    picture = memory_picture(program)
    alive = dict(zip(picture.steps, picture.alive, strict=True))
    modules = {node.name: node.source for node in graph.nodes}
    makes = {node.name: node.outputs for node in graph.nodes}
    steps = {step.node: step for step in program.steps if isinstance(step, Step)}
    layers = []
    for cost in step_costs(
        graph, program, table, observed.shares, observed.digits, observed.firing
    ):
        consts = [program.const(name) for name in steps[cost.node].consts]
        layers.append(
            LayerCost(
                node=cost.node,
                module=modules[cost.node],
                kernel="none" if steps[cost.node].is_free else cost.kernel,
                mean=cost.mean,
                worst=cost.worst,
                flash=sum(len(const.data) for const in consts),
                stack=cost.stack,
                ram=alive[cost.node],
                fires=_fires(makes[cost.node], observed),
            )
        )
    return Costing(
        target=target,
        compiler=table.compiler,
        unit=table.unit,
        rows=observed.rows,
        layers=tuple(layers),
        mean=_total([one.mean for one in layers], table.call),
        worst=_total([one.worst for one in layers], table.call),
        flash=program.const_bytes,
        stack=max((one.stack for one in layers if one.stack is not None), default=None),
        ram=program.arena_bytes,
    )


def _fires(tensors: tuple[str, ...], observed: Observed) -> tuple[float, ...] | None:
    found = observed.firing.get(tensors[0]) if tensors else None
    return None if found is None else tuple(found.mean(axis=1).tolist())


def _total(parts: list[float | None], call: float) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) + call if len(known) == len(parts) else None
