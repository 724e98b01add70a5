"""C of spiking networks: no product where leaks are shifts, and every goal gives the same bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pyexport.integer.spiking import QuantizedLif
from pyexport.lower.kernels import lif_bitserial
from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.program import Step
from pyexport.runners import available, open_runner
from pyexport.simulator.fast import FastSimulator
from pyexport.targets import get_target
from pyexport.verify.subject import header_interface
from scripts.spiking_models import random_layers, spiking_graph, spiking_model

ROWS = np.random.default_rng(5).integers(0, 17, (12, 40)).astype(np.uint8)


def exported(target: str, goal: str, stream: bool = False) -> Export:
    """Return 40-34-10 neurons behind a latency encoder: more inputs and neurons than a word has."""
    layers = random_layers((40, 34, 10), gain=2.0)
    graph = spiking_graph(layers, "latency", 6, beta=0.875)
    model = spiking_model(graph, ROWS.astype(np.float64))
    options = ExportOptions("net", target=target, optimize=goal, check_fits=False, stream=stream)
    return export_model(model, options)


@pytest.mark.parametrize("goal", ["size", "speed"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_latency_network_multiplies_nothing(goal: str, stream: bool, tmp_path: Path) -> None:
    """RV32EC has no multiplier: a product would be a call, or an instruction that check() finds."""
    if missing := available("rv32ec"):
        pytest.skip(missing)
    export = exported("rv32ec", goal, stream)
    header, _, _ = export.write(tmp_path)
    interface = header_interface(export.artifact, export.program)
    findings = open_runner("rv32ec", header, interface, roomy=True).check()
    assert all(finding.ok for finding in findings), findings
    assert not any("mul" in finding.detail for finding in findings), findings


@pytest.mark.parametrize(
    ("target", "goal", "kernel"),
    [
        ("cortex-m0", "size", "lif_events"),
        ("cortex-m0", "speed", "lif_swar16"),
        ("rv32ec", "speed", "lif_swar16"),
        ("atmega328p", "size", "lif_avr16"),
    ],
)
def test_a_chip_fires_as_the_simulator(target: str, goal: str, kernel: str, tmp_path: Path) -> None:
    if missing := available(target):
        pytest.skip(missing)
    export = exported(target, goal)
    header, _, _ = export.write(tmp_path)
    steps = [s for s in export.program.steps if isinstance(s, Step)]
    assert [s.kernel for s in steps] == ["encode_latency", kernel, kernel, "readout"]
    assert [b.is_bits for b in export.program.buffers].count(True) == 3  # all spikes
    wanted = FastSimulator(export.artifact.graph).trace(ROWS)
    interface = header_interface(export.artifact, export.program)
    traced = open_runner(target, header, interface, roomy=True).trace(ROWS)
    assert wanted.accumulators is not None and wanted.accumulators.any()
    assert np.array_equal(traced.outputs, wanted.outputs)
    assert np.array_equal(traced.accumulators, wanted.accumulators)  # type: ignore[arg-type]


@pytest.mark.parametrize("goal", ["size", "speed"])
def test_direct_encoding_multiplies_nothing_without_a_multiplier(goal: str, tmp_path: Path) -> None:
    """Its products were calls of a function, one for every weight of the first layer."""
    if missing := available("rv32ec"):
        pytest.skip(missing)
    graph = spiking_graph(random_layers((40, 22, 10), gain=0.2), "direct", 4, beta=0.875)
    model = spiking_model(graph, ROWS.astype(np.float64))
    options = ExportOptions("net", target="rv32ec", optimize=goal, check_fits=False)
    export = export_model(model, options)
    header, _, _ = export.write(tmp_path)
    first = next(s for s in export.program.steps if isinstance(s, Step))
    assert first.kernel == {"size": "lif_bitserial", "speed": "lif_bitlist"}[goal]
    interface = header_interface(export.artifact, export.program)
    runner = open_runner("rv32ec", header, interface, roomy=True)
    assert not any("mul" in finding.detail for finding in runner.check())
    wanted, traced = FastSimulator(export.artifact.graph).trace(ROWS), runner.trace(ROWS)
    assert wanted.accumulators is not None and wanted.accumulators.any()
    assert np.array_equal(traced.outputs, wanted.outputs)
    assert np.array_equal(traced.accumulators, wanted.accumulators)  # type: ignore[arg-type]


def test_digits_are_not_summed_where_the_scaled_sum_leaves_32_bits() -> None:
    """The current itself may fit: its bias takes off what inputs have below their least value."""
    graph = spiking_graph(random_layers((40, 22, 10), gain=0.2), "direct", 4, beta=0.875)
    model = spiking_model(graph, ROWS.astype(np.float64))
    made = export_model(model, ExportOptions("net", target="rv32ec", check_fits=False)).artifact
    (node,) = (n for n in made.graph.nodes if n.name == "lif0")
    assert isinstance(node.op, QuantizedLif)
    span, weights = 16, np.abs(node.op.weight.astype(np.int64)).sum(axis=1).max()
    target = get_target("rv32ec")
    for more, matches in ((0, True), (31 - int(span * weights).bit_length() + 1, False)):
        op = replace(node.op, fraction=node.op.fraction + more)
        op = replace(op, weight=np.abs(op.weight), bias=op.bias * 0)
        changed = replace(node, op=op)
        assert lif_bitserial.KERNEL.matches(changed, made.graph, target) == matches
