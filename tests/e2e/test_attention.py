"""A self-attention block gives the simulator's bytes on this computer, a Cortex-M4 and an AVR."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pyexport.frontends import load_model
from pyexport.ir import Dataset
from pyexport.pipeline import ExportOptions, export_model
from pyexport.runners import available
from pyexport.verify import DEFAULT_SUITES, Subject, SuiteOptions, build_suites, verify_subject
from tests.frontends.models import seeded, write_export
from tests.frontends.operator_nets import NETS


@pytest.fixture(scope="module", params=["attention", "encoder"])
def subject(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """Attention written by hand, and PyTorch's TransformerEncoderLayer."""
    build, shape = NETS[request.param]
    folder = tmp_path_factory.mktemp("attention")
    path = write_export(folder / "m.pt", seeded(build), torch.zeros(1, *shape))
    rows = torch.randn(50, *shape, generator=torch.Generator().manual_seed(1)).numpy()
    exported = export_model(
        load_model(path),
        ExportOptions("net", input_range=(-4.0, 4.0), calibration=Dataset(rows.clip(-4.0, 4.0))),
    )
    exported.write(folder)
    return Subject(exported.artifact, exported.program, folder / "net.h")


@pytest.mark.parametrize("target", ["host", "cortex-m4", "atmega328p"])
def test_an_attention_block_agrees_in_every_byte(subject: Subject, target: str) -> None:
    missing = available(target)
    if missing is not None:
        pytest.skip(missing)
    suites = build_suites(subject.artifact, DEFAULT_SUITES, SuiteOptions(random=20, corners=20))
    report = verify_subject(subject, (target,), lambda _: suites)
    assert report.problems == ()
    (result,) = report.targets
    assert result.differing_rows == 0
    assert result.rows == sum(len(suite.rows) for suite in suites)


def test_both_products_are_kernels(subject: Subject) -> None:
    kinds = [step.kernel for step in subject.program.steps]
    assert kinds.count("matmul_q15x") == 2
    assert Path(subject.header).read_text().count("_TRACE(node, at, acc)") >= 2
