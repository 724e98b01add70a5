"""What the topic of kernels demands, and when it fails; the search for inputs that cost most."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from pyexport.costing import costing
from pyexport.kernel_choice import observed_in
from pyexport.pipeline import ExportOptions, export_model, render_artifact
from pyexport.simulator.fast import FastSimulator
from scripts.benchmark_counts import TARGETS, Count
from scripts.benchmark_models import LEVELS, NETWORKS, load_network
from scripts.benchmark_peers import DEMANDS, PEERS, Demand
from scripts.benchmark_search import costliest, without_zeros
from scripts.evidence import measure
from scripts.evidence_topics import kernel_costs
from scripts.evidence_topics.figures import Context, Figure, Task, Topic
from scripts.evidence_topics.kernel_costs import Comparison, Memory
from scripts.evidence_topics.kernel_figures import (
    accuracy,
    constant_time,
    demanded,
    dense,
    worst_cases,
)

ONE = Count(
    network="a", target="cortex-m4", goal="speed", lanes=16, kernels="linear_swar16",
    compiler="cc", unit="instructions", mean=3000.0, worst=4000, least=2000, per_mac=1.1,
    flash=1, stack=1, accuracy=0.95, float_accuracy=0.952, dense=3500.0,
)  # fmt: skip


def test_a_demand_is_missed_by_one_instruction() -> None:
    demand = Demand("a", "cortex-m4", 3000, None, "portable")
    assert demanded(demand, [ONE]).ok
    assert not demanded(demand, [replace(ONE, mean=3001.0)]).ok
    assert not demanded(demand, []).ok
    assert not demanded(demand, [replace(ONE, kernels="linear_swar16, linear_asm")]).ok
    over = demanded(demand, [replace(ONE, worst=8142)])  # of the peer
    assert not over.ok
    assert over.measured.startswith("missed: 3,000; worst 8,142; ")
    packed = replace(demand, flash=1000)
    assert demanded(packed, [replace(ONE, flash=1000)]).ok
    assert not demanded(packed, [replace(ONE, flash=1001)]).ok


def test_constant_time_needs_one_count() -> None:
    demand = Demand("a", "cortex-m4", 3000, None, "constant")
    same = replace(ONE, goal="constant-time", least=3000, worst=3000)
    assert demanded(demand, [same]).ok
    assert not demanded(demand, [replace(same, least=2999)]).ok
    every = [replace(same, network=n, target=t) for n in NETWORKS for t in TARGETS]
    assert constant_time(every).ok
    assert not constant_time([*every, replace(same, least=2999)]).ok
    assert not constant_time(every[1:]).ok


def test_the_other_figures_fail_too() -> None:
    assert worst_cases([ONE]).ok
    assert not worst_cases([replace(ONE, worst=8142)]).ok
    assert accuracy([ONE]).ok
    assert not accuracy([replace(ONE, accuracy=0.94)]).ok
    every = [
        replace(ONE, network=n, target=t)
        for n in ("a", "b")
        for t in ("cortex-m4", "cortex-m0", "rv32imc")
    ]
    assert dense(every).ok
    assert not dense(every[1:]).ok
    assert not dense([*every[1:], replace(ONE, dense=5000.0)]).ok


def test_every_demand_is_below_its_peer() -> None:
    for demand in DEMANDS:
        assert demand.must < PEERS[demand.network, demand.target][1]
        assert demand.stretch is None or demand.stretch < demand.must


def test_the_search_finds_more_products_than_the_samples_have() -> None:
    network = load_network("a")
    graph = export_model(network.model, ExportOptions("a", lanes=16)).artifact.graph
    found = costliest(graph, network.samples, LEVELS)
    assert found.dtype == network.samples.dtype
    assert found.max() <= LEVELS
    assert np.count_nonzero(without_zeros(network.samples)) == network.samples.size
    counts = FastSimulator(graph).counts
    hidden = [node.inputs[0] for node in graph.nodes[1:]]
    before = max(sum(counts(network.samples)[name] for name in hidden))
    assert max(sum(counts(found)[name] for name in hidden)) > before


def test_what_was_stored_is_summed_up_without_measuring(tmp_path: Path) -> None:
    ran: list[str] = []

    def task(name: str, *, sums_up: bool) -> Task:
        def run(context: Context) -> tuple[Figure, ...]:
            ran.append(name)
            return (Figure(name, "", "", True),)

        return Task(name, run, ("LICENSE",), sums_up)

    topic = Topic("t", "T", "", (task("counts", sums_up=False), task("summary", sums_up=True)))
    context = Context(tmp_path, tmp_path, False, print)
    assert [f.what for f in measure(topic, context, fresh=False, stored=True)] == ["summary"]
    assert [f.what for f in measure(topic, context, fresh=False)] == ["counts", "summary"]
    assert ran == ["summary", "counts"]


def stored(folder: Path, *found: Comparison) -> Context:
    (folder / "costs-a.json").write_text(json.dumps([asdict(one) for one in found]))
    return Context(folder, folder, False, print)


def test_estimates_that_were_not_measured_are_named(tmp_path: Path) -> None:
    context = stored(tmp_path, Comparison("cortex-m4", "size", True, 104.0, 100.0))
    figure, memory = kernel_costs.tasks()[-1].run(context)
    assert not memory.ok and memory.measured.endswith("1 not measured")
    assert not figure.ok
    assert "mean 4.0 %, worst 4.0 %, 1 exports" in figure.measured
    assert "not measured: b, " in figure.measured


def test_an_export_that_is_too_large_is_no_miss_and_one_without_a_price_is() -> None:
    near = Comparison("cortex-m4", "size", True, 104.0, 100.0)
    large = Comparison("rv32ec", "size", False, None, None)
    figure = kernel_costs.estimates([("a", near), ("a", large)], ())
    assert figure.ok and "0 without a price; 1 too large" in figure.measured
    bare = Comparison("rv32ec", "speed", True, None, None)
    figure = kernel_costs.estimates([("a", near), ("a", bare)], ())
    assert not figure.ok and "1 without a price; 0 too large" in figure.measured
    assert "Without a price: a, rv32ec, speed." in figure.details
    far = Comparison("cortex-m4", "speed", True, 116.0, 100.0)
    assert not kernel_costs.estimates([("a", far), *[("a", near)] * 30], ()).ok


def test_a_table_or_buffer_of_other_bytes_than_estimated_is_named() -> None:
    artifact = kernel_costs.quantized(load_network("a").model, "size", 32)
    export = render_artifact(replace(artifact, target="cortex-m4"))
    rows = artifact.vectors.inputs[:2]
    estimate = costing(export.artifact, "cortex-m4", observed_in(artifact.graph, rows, "rows"))
    sizes = {f"model_{const.name}": len(const.data) for const in export.program.consts}
    kept = dict(list(sizes.items())[1:])  # a compiler may make code of a table
    found = kernel_costs.memory_of(export, estimate, kept)
    assert found == Memory(len(kept), 1, ())
    name, size = next(iter(sizes.items()))
    found = kernel_costs.memory_of(export, replace(estimate, ram=7), {**sizes, name: size + 1})
    assert found.wrong == (
        f"cortex-m4: {name} has {size + 1} bytes, not {size}",
        f"cortex-m4: a buffer of {export.program.arena_bytes} bytes, not 7",
    )
    one = Comparison("cortex-m4", "size", True, 104.0, 100.0, found)
    assert not kernel_costs.memory([one]).ok
    assert kernel_costs.memory([replace(one, memory=replace(found, wrong=()))]).ok
