"""Measured costs: what is counted of a layer, what it costs, and which kernel that chooses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyexport.artifact import parse_artifact, read_artifact, write_artifact
from pyexport.ir import Conv2d, Dataset, Graph, Metadata, Model, Node, Reshape, Tensor
from pyexport.lower.costs import step_costs, step_work
from pyexport.lower.work import Job, work_of
from pyexport.pipeline import Export, ExportOptions, export_model, render_artifact
from pyexport.program import Step
from pyexport.simulator.fast import FastSimulator
from pyexport.statements import Statements
from pyexport.targets.costs import CostTable, read_costs
from scripts.cost_cases.fit import CALL, equation, fit, predicted
from tests.cli.command import pyexport
from tests.networks import Recipe, build, chain

LINEAR = Recipe((16, 12, 8, 4))
SWAR16 = ("calls", "outputs", "blocks", "words of blocks", "inputs", "inputs other than 0", "words")
LIST16 = (*SWAR16, "entries of blocks")
DECIDED = ("speed", "balanced")


def exported(optimize: str = "size", target: str | None = "rv32imc") -> Export:
    return export_model(
        build(LINEAR), ExportOptions("net", lanes=16, optimize=optimize, target=target)
    )


def table(prices: Mapping[str, Mapping[str, float]]) -> CostTable:
    stack, code = dict.fromkeys(prices, 40), dict.fromkeys(prices, 0)
    return CostTable(
        "rv32imc", "test cc -Os", "instructions", 10.0, prices, stack, code, decides=DECIDED
    )


def priced(swar16: float, list16: float) -> CostTable:
    """Return a table in which a word of a kernel costs so much, and nothing else anything."""
    return table(
        {
            "linear_swar16": dict.fromkeys(SWAR16, 0.0) | {"words": swar16},
            "linear_list16": dict.fromkeys(LIST16, 0.0) | {"words": list16},
        }
    )


def use(monkeypatch: pytest.MonkeyPatch, costs: CostTable | None) -> None:
    monkeypatch.setattr("pyexport.lower.choosing.read_costs", lambda target: costs)


def names(export: Export) -> list[str]:
    return [step.kernel for step in export.program.steps if isinstance(step, Step)]


def cheapest(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let a kernel cost less than all others."""
    monkeypatch.setattr(
        "pyexport.lower.choosing.lowered_cost",
        lambda kernel, *_: 1.0 if kernel.name == name else 2.0,
    )


def test_speed_takes_the_cheapest_kernel_and_records_it(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, priced(swar16=5.0, list16=1.0))
    made = exported("speed")
    assert names(made) == ["linear_list16"] * 3
    assert made.artifact.choices.chosen == tuple((f"linear{i}", "linear_list16") for i in range(3))
    back = parse_artifact(write_artifact(made.artifact), "net.px")
    use(monkeypatch, None)  # another version's tables may say something else
    assert render_artifact(back).header == made.header


def test_of_equal_kernels_the_first_registered_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, table({}))
    cheapest(monkeypatch, "none of them")
    assert names(exported("speed")) == ["linear_swar16"] * 3


def test_balanced_takes_no_kernel_of_much_more_flash(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, table({}))
    cheapest(monkeypatch, "linear_block32")
    assert names(exported("balanced")) == ["linear_block32"] * 3
    monkeypatch.setattr("pyexport.lower.choosing.BALANCED_FLASH", 1.0)
    assert names(exported("balanced")) == ["linear_swar8"] * 3
    assert names(exported("speed")) == ["linear_block32"] * 3


def test_a_table_chooses_for_its_goals_and_linear_layers_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use(monkeypatch, replace(table({}), decides=("balanced",)))
    cheapest(monkeypatch, "linear_block32")
    assert names(exported("speed")) == ["linear_swar16"] * 3
    use(monkeypatch, table({}))
    cheapest(monkeypatch, "conv2d_q15x")
    conv = Conv2d(np.full((8, 3, 3, 2), 0.5), np.zeros(8), low=0.0)
    model = chain(32, [Reshape((4, 4, 2)), conv], calibration=np.eye(32))
    options = ExportOptions("net", lanes=16, optimize="speed", target="rv32imc")
    assert "conv2d_swar16" in names(export_model(model, options))


def test_without_a_known_cost_the_first_registered_kernel_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use(monkeypatch, table({"linear_list16": dict.fromkeys(LIST16, 0.0)}))
    assert names(exported("speed")) == ["linear_swar16"] * 3
    use(monkeypatch, None)
    assert names(exported("speed")) == ["linear_swar16"] * 3
    use(monkeypatch, priced(swar16=5.0, list16=1.0))
    assert names(exported("speed", target=None)) == ["linear_swar16"] * 3
    assert names(exported("size")) == ["linear_q15x"] * 3
    asked = ExportOptions(
        "net", lanes=16, optimize="speed", target="rv32imc", kernels=("linear_swar16",)
    )
    assert names(export_model(build(LINEAR), asked)) == ["linear_swar16"] * 3


def test_words_are_counted_for_inputs_that_are_not_zero() -> None:
    made = exported("speed", target=None)
    step, node = made.program.steps[0], made.artifact.graph.nodes[0]
    assert isinstance(step, Step)
    half = step_work(step, node, made.artifact.graph, {node.name: 0.5})
    whole = step_work(step, node, made.artifact.graph, {})
    assert whole["words"] == 16 * 6  # one block of 12 outputs is 6 words an input
    assert half["words"] == 0.5 * whole["words"]
    assert half["inputs"] == whole["inputs"] == 16


def test_taps_in_the_padding_are_not_counted() -> None:
    conv = Conv2d(np.ones((2, 3, 3, 1)), np.zeros(2), pad=(1, 1, 1, 1))
    graph = Graph(
        (Tensor("x", (4, 4, 1)), Tensor("y", (4, 4, 2))),
        (Node("c", conv, ("x",), ("y",), "conv"),),
        ("x",),
        ("y",),
    )
    data = Dataset(np.random.default_rng(0).integers(0, 16, (20, 4, 4, 1)).astype(np.float64))
    stated = Statements(input_range=(0.0, 15.0))
    model = Model(graph, Metadata("c.pt", "ab" * 32, "test", stated, calibration=data))
    made = export_model(model, ExportOptions("net"))
    step, node = made.program.steps[0], made.artifact.graph.nodes[0]
    assert isinstance(step, Step)
    work = work_of("conv2d_q15x", Job(node, made.artifact.graph, dict(step.params), 0))
    assert (
        work["products of some taps"] == (3 * 4 - 2) ** 2 * 2
    )  # a row and a column fewer at each end


def test_the_worst_case_has_no_zero() -> None:
    made = exported("speed", target=None)
    costs = priced(swar16=1.0, list16=1.0)
    shares = FastSimulator(made.artifact.graph).densities(made.artifact.vectors.inputs)
    for cost in step_costs(made.artifact.graph, made.program, costs, shares):
        assert cost.mean is not None and cost.worst is not None
        assert cost.mean <= cost.worst


def test_the_worst_case_is_not_below_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    made = exported("speed", target=None)
    prices = iter([5.0, 3.0] * 10)  # of a table with errors: the mean first
    monkeypatch.setattr(CostTable, "price", lambda *_: next(prices))
    for cost in step_costs(made.artifact.graph, made.program, priced(1.0, 1.0), {}):
        assert (cost.mean, cost.worst) == (5.0, 5.0)


def test_prices_of_exact_counts_are_found() -> None:
    works: list[Any] = [[("k", {"calls": 1.0, "outputs": float(n)})] for n in (3, 5, 40, 100)]
    equations = [equation(work, 7.0 + 2.5 * work[0][1]["outputs"]) for work in works]
    prices = fit(equations)
    assert prices["k", "outputs"] == pytest.approx(2.5)
    assert prices["k", "calls"] + prices[CALL] == pytest.approx(7.0)
    assert predicted(equations[2], prices) == pytest.approx(107.0)


def test_counts_of_a_shape_that_was_not_measured_have_no_price() -> None:
    known = table({"linear_swar16": {"calls": 3.0}})
    assert known.price("linear_swar16", {"calls": 2.0}) == 6.0
    assert known.price("linear_swar16", {"calls": 1.0, "words": 1.0}) is None
    assert known.price("other", {}) is None


def works_of(path: Path) -> list[dict[str, float]]:
    """Return the counts of every step of a stored export."""
    made = render_artifact(read_artifact(path))
    return [
        step_work(step, node, made.artifact.graph, {})
        for step, node in zip(made.program.steps, made.artifact.graph.nodes, strict=True)
        if isinstance(step, Step)
    ]


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make a table of one kernel the only one, and return the .px of an export."""
    made = exported("size", target=None)
    made.write(tmp_path)
    counts = {name: 2.0 for work in works_of(tmp_path / "net.px") for name in work}
    kernels = {"linear_q15x": {"prices": counts, "stack": 24, "code": 80}}
    document = {
        "target": "cortex-m0",
        "compiler": "arm-none-eabi-gcc 1 -Os",
        "unit": "instructions",
        "call": 8.0,
        "kernels": kernels,
    }
    (tmp_path / "cortex-m0.json").write_text(json.dumps(document), encoding="utf-8")
    monkeypatch.setattr("pyexport.targets.costs.FOLDER", tmp_path)
    read_costs.cache_clear()
    yield tmp_path / "net.px"
    read_costs.cache_clear()


def test_inspect_prints_the_costs_of_layers(stored: Path) -> None:
    path = stored
    done = pyexport("inspect", path, "--cost", "--target", "cortex-m0")
    assert done.status == 0, done.err
    assert "instructions of one inference on cortex-m0, built by arm-none-eabi-gcc" in done.out
    wanted = 8.0 + 2.0 * sum(sum(work.values()) for work in works_of(path))
    total = [line for line in done.out.splitlines() if line.startswith("total")][-1]
    assert total.split()[1:3] == [f"{wanted:,.0f}"] * 2  # mean and worst: nothing is skipped
    assert "for shapes like" not in done.out
    everywhere = pyexport("inspect", path, "--cost")
    assert "cortex-m0" in everywhere.out
    done = pyexport("inspect", path, "--target", "cortex-m0")
    assert (done.status, done.err) == (2, "error: --target belongs to --cost\n")
    done = pyexport("inspect", path, "--cost", "--target", "wasm32")
    assert done.status == 2
    assert "--cost: nobody measured kernels on wasm32; targets with a table: " in done.err
