"""Lowering: which kernel computes a node, what it stores, and what a Program counts."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyexport.choices import DEFAULT_GOAL
from pyexport.codegen.context import call_arguments
from pyexport.errors import UnsupportedOperatorError
from pyexport.ir import Clamp
from pyexport.lower import lower, select_kernel
from pyexport.lower.kernels import KERNELS
from pyexport.lower.packing import plain_const
from pyexport.program import Step
from pyexport.resources import resource_dir
from pyexport.simulator.fast import FastSimulator
from tests.codegen.compile_c import CompiledModel
from tests.networks import (
    DOZEN,
    Recipe,
    chain,
    chain_graph,
    export,
    export_recipe,
    image,
    layer,
    uneven,
)


def program_of(**changes: Any) -> Any:
    return export_recipe(Recipe(**{"sizes": (64, 32, 16, 10), **changes})).program


def test_the_digits_network_needs_its_tables_and_48_bytes() -> None:
    program = program_of()
    parameters = 64 * 32 + 32 * 16 + 16 * 10
    assert program.const_bytes == parameters + (4 + 2) * (32 + 16 + 10)
    assert program.arena_bytes == program.arena_lower_bound == 48
    assert program.trace_sizes == (32, 16, 10)
    assert [s.trace for s in program.steps] == [0, 1, 2]


def test_float32_takes_four_times_the_scratch() -> None:
    assert program_of(scheme="float32").arena_bytes == 4 * 48


def test_inputs_and_outputs_are_the_callers() -> None:
    kinds = {b.name: b.kind for b in program_of().buffers}
    assert kinds == {
        "input": "input", "linear0_out": "arena", "linear1_out": "arena", "output": "output"
    }  # fmt: skip


def test_one_shift_is_a_constant_and_several_are_a_table() -> None:
    seen = set()
    affine = [export(image(), scheme=scheme) for scheme in ("int8", "float32")]
    for exported in (*map(export_recipe, DOZEN), export(uneven()), *affine):
        for step in exported.program.steps:
            assert isinstance(step, Step)
            has_table = any(c.endswith("_shift") for c in step.consts)
            assert has_table == step.kernel.endswith("_q15x_shifts")
            assert step.template == f"ops/{step.kernel}.h.j2"
            seen.add(step.kernel)
    flat = {k.name for k in KERNELS if k.name.startswith(("affine", "linear", "softmax"))}
    others = {kernel.name for kernel in KERNELS if DEFAULT_GOAL not in kernel.goals}
    assert seen == flat - others - {"softmax_rows_q15", "linear_q15x_s4"}


def test_an_operator_without_a_kernel_is_refused_with_its_module_path() -> None:
    graph = chain_graph(3, [layer(3, 3), Clamp(0.0, 1.0)], ("net.fc", "net.act"))
    with pytest.raises(
        UnsupportedOperatorError, match=r"n1 \(net\.act\): no kernel .* clamp .*; export a model of"
    ):
        lower(graph)


def test_a_table_refuses_values_that_do_not_fit_it() -> None:
    assert plain_const("t", np.array([1, -2]), "s8", "").data == b"\x01\xfe"
    assert plain_const("t", np.array([1, 258]), "u16", "").data == b"\x01\x00\x02\x01"
    with pytest.raises(ValueError, match="t: a value does not fit s8"):
        plain_const("t", np.array([128]), "s8", "")


def test_a_workspace_lies_beside_what_is_alive_and_reaches_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual = next(kernel for kernel in KERNELS if kernel.name == "linear_q15x")
    hungry = replace(usual, workspace=lambda node, graph: 7 if node.name == "linear1" else 0)
    monkeypatch.setattr("pyexport.lower.selecting.KERNELS", (hungry, *KERNELS))
    program = lower(export_recipe(Recipe(sizes=(64, 32, 16, 10))).artifact.graph)
    space = program.buffer("linear1_workspace")
    others = [program.buffer(name) for name in ("linear0_out", "linear1_out")]
    assert space.bytes == 7
    assert program.arena_bytes == 32 + 16 + 7
    for other in others:
        apart = space.offset + 7 <= other.offset or other.offset + other.bytes <= space.offset
        assert apart, (space, other)
    steps = {step.node: step for step in program.steps if isinstance(step, Step)}
    assert steps["linear1"].workspace == "linear1_workspace"
    assert call_arguments(steps["linear1"], program, "m").endswith("linear1_workspace, linear1_out")
    assert steps["linear0"].workspace == ""


def test_every_kernel_has_its_template_and_what_it_prints() -> None:
    for kernel in KERNELS:
        assert kernel.template == f"ops/{kernel.name}.h.j2"
        assert (resource_dir("templates") / kernel.template).is_file()
        module = importlib.import_module(f"pyexport.codegen.kernels.{kernel.name}")
        assert callable(module.values)


def test_a_linear_layer_costs_its_products() -> None:
    graph = export_recipe(Recipe(sizes=(64, 32, 16, 10))).artifact.graph
    costs = [select_kernel(node, graph, None).cost(node, graph) for node in graph.nodes]
    assert costs == [64 * 32, 32 * 16, 16 * 10]


def test_weights_that_two_nodes_share_are_stored_once(tmp_path: Path) -> None:
    shared, last = layer(8, 8, seed=3), layer(8, 4, seed=4)
    rows = np.random.default_rng(0).integers(0, 17, (40, 8))
    twice = export(chain(8, [shared, replace(shared), last], calibration=rows), "net")
    names = [const.name for const in twice.program.consts]
    assert "linear0_weight" in names
    assert "linear1_weight" not in names
    steps = [step for step in twice.program.steps if isinstance(step, Step)]
    assert steps[1].consts[0] == "linear0_weight"
    assert twice.header.count("linear0_weight[") == 1
    compiled = CompiledModel(twice, tmp_path)
    device = rows.astype(np.uint8)
    graph = twice.artifact.graph
    assert np.array_equal(compiled.run(device), FastSimulator(graph).run(device))
    assert compiled.selftest()
