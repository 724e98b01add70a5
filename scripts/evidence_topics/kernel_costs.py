"""Holds `inspect --cost` against the emulators: the example models and the frozen networks."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import pyexport
from pyexport.artifact import Artifact
from pyexport.costing import Costing, costing
from pyexport.errors import DoesNotFitError
from pyexport.fitting import check_fits
from pyexport.ir import Array, Metadata, Model
from pyexport.kernel_choice import observed_in, with_kernels
from pyexport.lower.kernels import KERNELS
from pyexport.pipeline import Export, ExportOptions, export_model, render_artifact
from pyexport.targets import get_target
from pyexport.targets.costs import read_costs
from pyexport.verify.subject import header_interface
from scripts.benchmark_counts import TARGETS, sameness
from scripts.benchmark_models import NETWORKS, load_network
from scripts.cost_cases.batch import LEVEL, Case, count_cases, object_sizes
from scripts.evidence_topics.example_files import trained_example
from scripts.evidence_topics.figures import Context, Figure, Task, markdown_table
from scripts.example_models.catalog import EXAMPLES

MEAN_LIMIT, WORST_LIMIT = 5.0, 15.0  # percent
ROWS = 3  # that are counted
GOALS = (("size", 32), ("speed", 16))
SHORT = ("cortex-m4", "cortex-m0")


SOURCES = (
    "pyexport/artifact.py", "pyexport/choices.py", "pyexport/codegen", "pyexport/costing.py",
    "pyexport/integer", "pyexport/lower", "pyexport/kernel_choice.py", "pyexport/quantize",
    "pyexport/targets", "templates", "firmware/harness", "scripts/cost_cases",
    "scripts/evidence_topics/kernel_costs.py",
)  # fmt: skip
COMMITTED = ("gru_gestures", "series_gestures")  # in examples/models, which CI has


def tasks() -> tuple[Task, ...]:
    """Return a task a model, so that an interrupted run goes on with the next one."""
    names = [*NETWORKS, *(example.name for example in EXAMPLES)]
    return (
        *(Task(f"estimates of {name}", partial(_compare, name=name), SOURCES) for name in names),
        Task("estimates", _estimates, sums_up=True),
    )


def _compare(context: Context, name: str) -> tuple[Figure, ...]:
    """Compare a model's estimates with counts, and keep them for the summary."""
    if context.short and name not in ("a", *COMMITTED):
        return ()
    found = []
    model, bits = _model(context, name)
    path = context.folder / "costs-counted.json"
    counted = {} if context.short or not path.exists() else json.loads(path.read_text("utf-8"))
    for goal, lanes in GOALS:
        artifact = quantized(model, goal, lanes, bits)
        for target in SHORT if context.short else TARGETS:
            if read_costs(target) is None:
                continue
            found.append(asdict(compared(artifact, model.metadata, target, counted)))
            if not context.short:
                path.write_text(json.dumps(counted), encoding="utf-8")
    _path(context, name).write_text(json.dumps(found), encoding="utf-8")
    return ()


def _model(context: Context, name: str) -> tuple[Model, int]:
    if name in NETWORKS:
        network = load_network(name)
        return network.model, network.weights
    committed = context.root / "examples" / "models" / f"{name}.pt2"
    if context.short:
        return pyexport.load(committed), 8
    example = next(example for example in EXAMPLES if example.name == name)
    return pyexport.load(trained_example(context, example).path), 8


def _path(context: Context, name: str) -> Path:
    return context.folder / f"costs-{name}{'-short' if context.short else ''}.json"


def _estimates(context: Context) -> tuple[Figure, ...]:
    """Return how far the estimates of whole models are from what the emulators count."""
    found: list[tuple[str, Comparison]] = []
    unknown = []
    for name in (*NETWORKS, *(example.name for example in EXAMPLES)):
        path = _path(context, name)
        if not path.exists():
            unknown += [name]
            continue
        stored = json.loads(path.read_text(encoding="utf-8"))
        found += [(name, Comparison.from_json(one)) for one in stored]
    return estimates(found, () if context.short else unknown), memory([one for _, one in found])


def estimates(found: list[tuple[str, Comparison]], unknown: Sequence[str]) -> Figure:
    """Return the figure of the comparisons of named models; unknown: those not measured."""
    known = [(name, one) for name, one in found if one.error is not None]
    lines = [
        (f"{name}, {one.goal}", one.target, f"{one.counted:,.0f}", f"{one.estimated:,.0f}",
         f"{one.error:+.1f} %")
        for name, one in known
    ]  # fmt: skip
    sizes = np.abs([one.error for _, one in known if one.error is not None])
    mean, worst = (sizes.mean(), sizes.max()) if len(sizes) else (100.0, 100.0)
    large = sum(not one.fits for _, one in found)
    priceless = [
        f"{name}, {one.target}, {one.goal}"
        for name, one in found
        if one.fits and one.estimated is None
    ]
    missing = [target for target in TARGETS if read_costs(target) is None]
    text = f"mean {mean:.1f} %, worst {worst:.1f} %, {len(known)} exports"
    text += f"; {len(priceless)} without a price; {large} too large for the chip"
    text += f"; no table for {', '.join(missing)}" if missing else ""
    text += f"; not measured: {', '.join(unknown)}" if unknown else ""
    is_whole = not missing and not unknown and not priceless
    reached = bool(mean <= MEAN_LIMIT and worst <= WORST_LIMIT and is_whole)
    return Figure(
        "cost table against emulator, every example model on every target that it fits",
        f"mean within {MEAN_LIMIT:.0f} %, worst within {WORST_LIMIT:.0f} %",
        text if reached else f"missed: {text}",
        reached,
        (
            *markdown_table(("model, goal", "target", "counted", "estimated", "error"), lines),
            "",
            *(f"Without a price: {one}." for one in priceless),
            f"Kernels without a price on any target: {', '.join(_priceless()) or 'none'}.",
        ),
    )


def memory(found: list[Comparison]) -> Figure:
    """Return whether tables and buffers of the exports take just the bytes that are estimated."""
    exports = [one for one in found if one.fits]
    unseen = sum(one.memory is None for one in exports)
    seen = [one.memory for one in exports if one.memory is not None]
    wrong = [line for one in seen for line in one.wrong]
    tables = sum(one.tables for one in seen)
    text = f"{tables:,} tables and {len(seen)} buffers are"
    text += f"; {sum(one.folded for one in seen)} small tables became code"
    text += f"; {len(wrong)} are not" * bool(wrong) + f"; {unseen} not measured" * bool(unseen)
    reached = bool(tables and not wrong and not unseen)
    return Figure(
        "tables in the images of these exports, and buffers, of the bytes that are estimated",
        "all",
        text if reached else f"missed: {text}",
        reached,
        (
            *(f"- {line}" for line in wrong),
            "A table is the object of its name in the linked image, built by the GNU compiler with "
            f"`{LEVEL}`. The header itself has the compiler compare the size of the buffer.",
        ),
    )


def _priceless() -> list[str]:
    tables = [table for target in TARGETS if (table := read_costs(target)) is not None]
    names = dict.fromkeys(kernel.name for kernel in KERNELS)
    return [name for name in names if not any(table.knows(name) for table in tables)]


@dataclass(frozen=True)
class Memory:
    """Tables of an export that its image holds, and what differs from the estimate."""

    tables: int
    folded: int  # tables of which the compiler made code
    wrong: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """The estimate and the count of an export, means over the same rows."""

    target: str
    goal: str
    fits: bool
    estimated: float | None  # None where a layer has no price
    counted: float | None  # None where nothing was counted
    memory: Memory | None = None  # None where nothing was built

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Comparison:
        """Return what was written as JSON."""
        memory = stored.get("memory")
        return cls(**{**stored, "memory": Memory(**memory) if memory else None})

    @property
    def error(self) -> float | None:
        """That of the estimate, in percent of the count."""
        if self.estimated is None or self.counted is None:
            return None
        return 100 * (self.estimated / self.counted - 1)


def quantized(model: Model, goal: str, lanes: int, bits: int = 8) -> Artifact:
    """Return an export of a model for no target yet: its bytes are the same on all of them."""
    single = len(model.graph.inputs) == len(model.graph.outputs) == 1
    lanes = lanes if single and not model.graph.states else 32
    options = ExportOptions("model", optimize=goal, lanes=lanes, weights=bits, check_fits=False)
    return replace(export_model(model, options).artifact, name="model")


def compared(
    exported: Artifact, metadata: Metadata, target: str, counted: dict[str, float] | None = None
) -> Comparison:
    """Return the estimate and the count of an export on a target, means over some rows.

    counted: known counts by what makes them the same; a new one is added.
    """
    artifact = with_kernels(replace(exported, target=target), metadata, get_target(target))
    export = render_artifact(artifact, check=False)
    nothing = Comparison(target, artifact.choices.goal, True, None, None)
    try:
        check_fits("model", export.program, get_target(target))
    except DoesNotFitError:
        return replace(nothing, fits=False)
    rows = _rows(artifact)
    estimate = costing(artifact, target, observed_in(artifact.graph, rows, "counted rows"))
    if estimate.mean is None:
        return nothing
    known = {} if counted is None else counted
    same = sameness(export.header, target, (LEVEL, str(ROWS)))
    case = Case(export.header, header_interface(artifact, export.program), rows)
    if same not in known:
        known[same] = float(np.mean(count_cases(target, [case])[0].counts))
    placed = memory_of(export, estimate, object_sizes(target, case))
    return replace(nothing, estimated=estimate.mean, counted=known[same], memory=placed)


def memory_of(export: Export, estimate: Costing, sizes: dict[str, int]) -> Memory:
    """Compare estimated bytes with the objects of an image, and with the header's buffer."""
    tables = {f"model_{const.name}": len(const.data) for const in export.program.consts}
    placed = {name: sizes[name] for name in tables if name in sizes}
    where = f"{estimate.target}: "
    wrong = [
        f"{where}{name} has {size} bytes, not {tables[name]}"
        for name, size in placed.items()
        if size != tables[name]
    ]
    if sum(tables.values()) != estimate.flash:
        wrong += [f"{where}tables of {sum(tables.values())} bytes, not {estimate.flash}"]
    compared = re.search(r"MODEL_SCRATCH_SIZE == (\d+) \? 1 : -1\]", export.header)
    if (buffer := int(compared[1]) if compared else 0) != estimate.ram:
        wrong += [f"{where}a buffer of {buffer} bytes, not {estimate.ram}"]
    return Memory(len(placed), len(tables) - len(placed), tuple(wrong))


def _rows(artifact: Artifact) -> Array:
    stored = artifact.samples.inputs if artifact.samples is not None else artifact.vectors.inputs
    return stored[:: max(len(stored) // ROWS, 1)][:ROWS]
