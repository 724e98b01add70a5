"""Kernels of every family: C on this computer and on chips gives the simulator's bytes and sums."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest

from pyexport.pipeline import render_artifact
from pyexport.runners import available, open_runner
from pyexport.simulator.fast import FastSimulator
from pyexport.verify.subject import header_interface
from scripts.kernel_cases.branches import FAMILIES, draw, mixed
from scripts.kernel_cases.zoo import artifact_of, rows_of
from tests.codegen.compile_c import CompiledModel

ROWS = 60


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("family", FAMILIES)
def test_host_compilers(family: str, compiler: str, tmp_path: Path) -> None:
    graph = draw(Random(f"{family} {compiler}"), family, 24).graph()
    compiled = CompiledModel(render_artifact(artifact_of(graph)), tmp_path, compiler=compiler)
    rows = rows_of(ROWS)
    wanted = FastSimulator(graph).trace(rows)
    outputs, sums = compiled.trace(rows)
    assert wanted.accumulators is not None
    assert np.array_equal(sums, wanted.accumulators)
    assert np.array_equal(outputs, wanted.outputs)
    assert np.array_equal(compiled.run(rows), wanted.outputs)
    assert compiled.selftest()


@pytest.mark.parametrize(
    "target", ["cortex-m0", "cortex-m4", "rv32imc", "rv32ec", "wasm32", "atmega328p"]
)
@pytest.mark.parametrize("seed", [0, 1])
def test_chips(target: str, seed: int, tmp_path: Path) -> None:
    missing = available(target)
    if missing is not None:
        pytest.skip(missing)
    exported = render_artifact(artifact_of(mixed(Random(f"chips {seed}"), 500).graph()))
    (tmp_path / "zoo.h").write_text(exported.header)
    interface = header_interface(exported.artifact, exported.program)
    runner = open_runner(target, tmp_path / "zoo.h", interface)
    rows = rows_of(8, seed)
    wanted = FastSimulator(exported.artifact.graph).trace(rows)
    traced = runner.trace(rows)
    assert wanted.accumulators is not None
    assert traced.accumulators is not None
    assert np.array_equal(traced.accumulators, wanted.accumulators)
    assert np.array_equal(traced.outputs, wanted.outputs)
    assert np.array_equal(runner.run(rows).outputs, wanted.outputs)
    assert [finding for finding in runner.check() if not finding.ok] == []
