"""Counts of digits on cores that do not multiply, and what simulated rows say of them."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from pyexport.digits import Digits, digits_of, mean_digits, most_digits
from pyexport.integer.recurrent import Recurrent
from pyexport.ir import Conv2d, Reshape
from pyexport.lower.costs import step_work
from pyexport.lower.work import Work
from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.program import Step
from pyexport.simulator.arrays import EVALUATORS
from pyexport.simulator.fast import FastSimulator
from scripts.cost_cases.draws import recurrent
from tests.networks import Recipe, build, chain


def exported(goal: str) -> Export:
    options = ExportOptions("net", lanes=16, optimize=goal, target="rv32ec")
    return export_model(build(Recipe((16, 12, 4))), options)


def work(made: Export, reads: Digits) -> Work:
    step, node = made.program.steps[0], made.artifact.graph.nodes[0]
    assert isinstance(step, Step)
    return step_work(step, node, made.artifact.graph, {}, {node.name: (reads, reads)})


def test_a_negative_number_has_a_digit_in_each_bit_of_a_word() -> None:
    assert digits_of(7) == Digits(3, 3, 2)  # 8 - 1
    assert digits_of(0) == Digits(1, 0, 0)
    assert digits_of(-1) == Digits(32, 32, 1)
    assert mean_digits([0, 7]) == Digits(2.0, 1.5, 1.0)
    assert most_digits(-1, 6) == Digits(32, 32, 2)


def test_products_of_the_library_cost_the_digits_of_inputs() -> None:
    found = work(exported("size"), Digits(3.0, 2.0, 1.5))
    assert found["digits of products"] == 16 * 12 * 3.0
    assert found["ones of products"] == 16 * 12 * 2.0


def test_products_of_constant_time_cost_the_digits_of_weights() -> None:
    options = ExportOptions("n", optimize="constant-time", target="rv32ec")
    wanted = replace(options, kernels=("linear_q15x_ct",))
    made = export_model(build(Recipe((16, 12, 4))), wanted)
    few, many = work(made, Digits(1, 0, 0)), work(made, Digits(8, 8, 4))
    assert few == many
    assert few["digits of weights"] > 16 * 12


def test_listed_digits_of_inputs_are_entries_of_every_block() -> None:
    found = work(exported("speed"), Digits(3.0, 2.0, 1.5))
    assert found["digits listed"] == 16 * 1.5
    assert found["words"] == 16 * 1.5 * 6  # 12 outputs, two a word
    assert "products" not in found


def test_an_offset_of_the_input_makes_the_weights_the_factor_with_digits() -> None:
    conv = Conv2d(np.full((1, 3, 3, 1), 0.5), np.zeros(1), pad=(1, 1, 1, 1), low=0.0)
    rows = np.random.default_rng(1).integers(-8, 13, (20, 16)).astype(np.float64)
    options = ExportOptions("n", target="rv32ec", input_range=(-8.3, 12.9))
    made = export_model(chain(16, [Reshape((4, 4, 1)), conv], calibration=rows), options)
    nodes = {node.name: node for node in made.artifact.graph.nodes}
    step = next(s for s in made.program.steps if isinstance(s, Step) and s.kernel == "conv2d_q15x")
    node, few = nodes[step.node], Digits(1, 0, 0)
    assert dict(step.params)["in_zero"]
    found = step_work(step, node, made.artifact.graph, {}, {node.name: (few, few)})
    assert found["digits of products"] == 10 * 10 * 7  # all weights are 127


def test_a_core_that_multiplies_counts_no_digits() -> None:
    made = exported("size")
    step, node = made.program.steps[0], made.artifact.graph.nodes[0]
    assert isinstance(step, Step)
    assert "digits of products" not in step_work(step, node, made.artifact.graph, {})


def test_digits_are_seen_in_rows_as_often_as_windows_read_them() -> None:
    conv = Conv2d(np.full((1, 3, 3, 1), 0.5), np.zeros(1), pad=(1, 1, 1, 1), low=0.0)
    rows = np.random.default_rng(1).integers(0, 16, (20, 16)).astype(np.float64)
    made = export_model(chain(16, [Reshape((4, 4, 1)), conv], calibration=rows), ExportOptions("n"))
    node = next(node for node in made.artifact.graph.nodes if node.op.kind == "quantized_conv2d")
    middle, corner = np.zeros((2, 16), dtype=np.uint8)
    middle[5], corner[0] = 7, 7
    simulator = FastSimulator(made.artifact.graph)
    for row, share in ((middle, 9 / 100), (corner, 4 / 100)):  # of 100 taps inside
        reads, _ = simulator.digits(row[None])[node.name]
        assert reads.ones == pytest.approx(3 * share)
        assert reads.length == pytest.approx(1 + 2 * share)


def test_hidden_values_are_seen_as_a_recurrent_layer_reads_them() -> None:
    net = recurrent(Random("recurrent 0"))
    artifact = export_model(net.model(), ExportOptions("n")).artifact
    node = next(n for n in artifact.graph.nodes if isinstance(n.op, Recurrent))
    rows = artifact.vectors.inputs[:4]
    (_, hidden) = FastSimulator(artifact.graph).digits(rows)[node.name]
    op = node.op
    assert isinstance(op, Recurrent)
    ports = [[artifact.graph.tensor(n) for n in names] for names in (node.inputs, node.outputs)]
    values = next(FastSimulator(artifact.graph).tensors(rows))
    _, (every, *_) = EVALUATORS[type(op)](replace(op, sequence=True), *ports)(
        *(values[n] for n in node.inputs)
    )
    read = [0] * (op.size * len(rows)) + [int(h) for h in every[:, : -op.size].ravel()]
    assert hidden == pytest.approx(mean_digits(read))
