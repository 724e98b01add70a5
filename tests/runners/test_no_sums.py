"""A model without a single sum compiles in every kind of build, and has an empty trace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pyexport.ir import Clamp
from pyexport.pipeline import Export
from pyexport.runners import available, open_runner
from pyexport.simulator.fast import FastSimulator
from pyexport.verify import Subject
from tests import networks


@pytest.fixture(scope="module")
def exported() -> Export:
    """A clamp alone: a table, which adds nothing up."""
    return networks.export(networks.chain(4, [Clamp(1.0, 6.0)], input_range=(0.0, 16.0)))


@pytest.mark.parametrize("name", ["host", "cortex-m0", "atmega328p", "wasm32"])
def test_a_model_without_sums_has_an_empty_trace(
    exported: Export, tmp_path: Path, name: str
) -> None:
    missing = available(name)
    if missing is not None:
        pytest.skip(missing)
    header = tmp_path / "net.h"
    header.write_text(exported.header)
    subject = Subject(exported.artifact, exported.program, header)
    assert subject.interface.trace_sizes == ()
    runner = open_runner(name, header, subject.interface)
    rows = networks.device_rows(exported, 20)
    expected = FastSimulator(exported.artifact.graph).run(rows)
    traced = runner.trace(rows)
    assert np.array_equal(traced.outputs, expected)
    assert np.array_equal(runner.run(rows).outputs, expected)
    assert traced.accumulators is None or traced.accumulators.size == 0
