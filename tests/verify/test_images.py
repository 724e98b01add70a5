"""Verification of networks on images: suites reach their sums and find bugs in their kernels."""

from __future__ import annotations

import importlib
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyexport.artifact import Samples
from pyexport.ir import (
    Add,
    Conv2d,
    Dataset,
    Graph,
    Linear,
    MaxPool2d,
    Metadata,
    Model,
    Node,
    Op,
    QuantizedSums,
    Reduce,
    Tensor,
    output_shapes,
)
from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.simulator.fast import FastSimulator, trace_sizes
from pyexport.statements import Statements
from pyexport.verify import DEFAULT_SUITES, Subject, SuiteOptions, build_suites, verify_subject
from tests.codegen.compile_c import CompiledModel

SUITES = importlib.import_module("pyexport.verify.suites")  # not the function of that name
RANDOM = np.random.default_rng(3)


def conv(n_out: int, kernel: int, channels: int, **options: Any) -> Conv2d:
    shape = (n_out, kernel, kernel, channels)
    weight = RANDOM.normal(size=shape) / math.sqrt(kernel * kernel * channels)
    return Conv2d(weight.astype(np.float32), 0.1 * RANDOM.normal(size=n_out), **options)


OPERATORS: tuple[tuple[str, Op, tuple[str, ...]], ...] = (
    ("a", conv(6, 3, 1, pad=(1, 1, 1, 1), stride=(1, 1), low=0.0), ("x",)),
    ("b", MaxPool2d((2, 2), (2, 2)), ("a",)),
    ("c", conv(6, 3, 1, pad=(1, 1, 1, 1), groups=6, low=0.0, high=6.0), ("b",)),
    ("d", conv(6, 1, 6), ("c",)),
    ("e", Add(0.0), ("d", "b")),
    ("f", Reduce("mean", (0, 1)), ("e",)),
    ("y", Linear(RANDOM.normal(size=(5, 6)).astype(np.float32), np.zeros(5)), ("f",)),
)


@pytest.fixture(scope="module")
def exported() -> Export:
    """A residual network on 8 x 8 images of -1..2, whose zero point is not 0."""
    tensors = {"x": Tensor("x", (8, 8, 1))}
    nodes = []
    for name, op, inputs in OPERATORS:
        (shape,) = output_shapes(op, *(tensors[i].shape for i in inputs))
        tensors[name] = Tensor(name, shape)
        nodes.append(Node(f"n_{name}", op, inputs, (name,), f"net.{name}"))
    graph = Graph(tuple(tensors.values()), tuple(nodes), ("x",), ("y",))
    rows = 3.0 * RANDOM.random((60, 8, 8, 1)) - 1.0
    said = Statements(input_range=(-1.0, 2.0))
    metadata = Metadata(
        "net.pt", "ab" * 32, "torch 2.13.0", said,
        calibration=Dataset(rows), evaluation=Dataset(rows, np.arange(60) % 5),
    )  # fmt: skip
    return export_model(Model(graph, metadata), ExportOptions("net"))


def suites(exported: Export) -> Any:
    return build_suites(exported.artifact, DEFAULT_SUITES, SuiteOptions(random=200, corners=140))


def test_every_suite_agrees_with_the_c(exported: Export, tmp_path: Path) -> None:
    exported.write(tmp_path)
    subject = Subject(exported.artifact, exported.program, tmp_path / "net.h")
    report = verify_subject(subject, ("host-gcc",), lambda _: suites(exported))
    assert report.problems == ()
    assert [c.suite for c in report.targets[0].comparisons] == list(DEFAULT_SUITES)


def test_extremes_reach_the_proved_bounds_of_the_first_convolution(exported: Export) -> None:
    graph = exported.artifact.graph
    (extremes,) = build_suites(exported.artifact, ("extremes",))
    sums = FastSimulator(graph).trace(extremes.rows).accumulators
    assert sums is not None
    first = graph.nodes[0].op
    reached = sums[:, : trace_sizes(graph)[0]].reshape(len(sums), -1, 6)
    assert np.array_equal(reached.min(axis=(0, 1)), first.acc_low)  # type: ignore[attr-defined]
    assert np.array_equal(reached.max(axis=(0, 1)), first.acc_high)  # type: ignore[attr-defined]


def test_extremes_go_further_than_random_images_in_every_layer(exported: Export) -> None:
    graph = exported.artifact.graph
    made = {suite.name: suite.rows for suite in suites(exported)}
    simulator, start = FastSimulator(graph), 0
    found, random = (simulator.trace(made[n]).accumulators for n in ("extremes", "random"))
    assert found is not None
    assert random is not None
    for node, size in zip(graph.nodes, trace_sizes(graph), strict=True):
        part = slice(start, start + size)
        start += size
        if size and not isinstance(node.op, QuantizedSums):
            assert np.ptp(found[:, part]) > np.ptp(random[:, part]), node.name


BUGS = {
    "padding reads the row above": (r"first_row < end_row && y \+ first_row < 1", "false"),
    "the last column is left out": (r"(i = 0; i) < columns", r"\1 + 1 < columns"),
    "rows of a kernel overlap": (r"&weight\[row \* \d+\]", "&weight[row]"),
    "the window moves by half": (r"x \+ first_column - 1", "(x + first_column - 1) / 2"),
    "zero point off by one": (r"\(int16_t\)from\[i\] \+ \d+", "(int16_t)from[i] + 2"),
    "pooling takes the smallest": (r"value > largest", "value < largest"),
    "the sum adds one operand twice": (r"\(int32_t\)b\[i\]", "(int32_t)a[i]"),
    "the mean misses a value": (r"j < 16", "j < 15"),
}  # fmt: skip


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_changes_outputs_or_sums(exported: Export, bug: str, tmp_path: Path) -> None:
    pattern, replacement = BUGS[bug]
    header, count = re.subn(pattern, replacement, exported.header, count=1)
    if count == 0:
        pytest.fail(f"the header has no place for the bug: {pattern}")
    compiled = CompiledModel(exported, tmp_path, header=header, flags=("-O1", "-w"))
    rows = np.concatenate([suite.rows[:40] for suite in suites(exported)])
    wanted = FastSimulator(exported.artifact.graph).trace(rows)
    outputs, sums = compiled.trace(rows)
    assert wanted.accumulators is not None
    same = np.array_equal(sums, wanted.accumulators) and np.array_equal(outputs, wanted.outputs)
    assert not same


def test_a_network_without_tables_is_verified(tmp_path: Path) -> None:
    tensors = (Tensor("x", (3, 4)), Tensor("y", (3,)))
    nodes = (Node("n", Reduce("sum", (1,)), ("x",), ("y",), "net"),)
    said = Statements(input_range=(0.0, 16.0))
    model = Model(
        Graph(tensors, nodes, ("x",), ("y",)),
        Metadata("net.pt", "ab" * 32, "torch 2.13.0", said),
    )
    exported = export_model(model, ExportOptions("net"))
    assert exported.program.consts == ()
    exported.write(tmp_path)
    subject = Subject(exported.artifact, exported.program, tmp_path / "net.h")
    report = verify_subject(subject, ("host-gcc",), lambda _: suites(exported))
    assert report.problems == ()


def test_a_suite_of_a_large_network_ends_where_memory_does(
    exported: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = sum(trace_sizes(exported.artifact.graph))
    monkeypatch.setattr(SUITES, "MAX_COMPARED", 7 * total + 1)
    assert {len(suite.rows) for suite in suites(exported)} == {7}


def test_many_inputs_are_not_all_put_alone_at_a_limit(
    exported: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SUITES, "MAX_ALONE", 10)
    (corners,) = build_suites(exported.artifact, ("corners",), SuiteOptions(corners=30))
    assert len(corners.rows) == 30


def test_stored_samples_are_the_images_as_the_device_takes_them(exported: Export) -> None:
    assert isinstance(exported.artifact.samples, Samples)
    assert exported.artifact.samples.inputs.shape == (60, 64)
