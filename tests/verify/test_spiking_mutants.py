"""Bugs planted in spiking kernels: verification sees them, and the self-test sees stale states.

All of them are planted in `scripts/evidence.py spiking`; these are one of each kind.
"""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from pyexport.errors import CheckFailedError
from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.runners import open_runner
from pyexport.verify.killing import kill_all
from pyexport.verify.mutants import Mutant
from pyexport.verify.spiking_mutants import SPIKING_MUTANTS
from pyexport.verify.subject import subject_from_header
from pyexport.verify.suites import SuiteOptions, build_suites
from scripts.spiking_models import bench_model
from tests.codegen.compile_c import C99, compile_c

STREAMED = ("rate", "delta")
ALL = [(network, mutant) for network, found in SPIKING_MUTANTS.items() for mutant in found]
STALE = [(network, mutant) for network, mutant in ALL if re.search("stale|kept from", mutant.name)]


@cache
def exported(network: str) -> Export:
    return export_model(bench_model(network), ExportOptions("net", stream=network in STREAMED))


@pytest.mark.parametrize(
    ("network", "mutant"), ALL, ids=lambda value: getattr(value, "name", value)
)
def test_every_bug_has_a_place(network: str, mutant: Mutant) -> None:
    assert mutant.plant(exported(network).header) != exported(network).header


def test_bugs_of_a_direct_current_are_noticed(tmp_path: Path) -> None:
    exported("direct").write(tmp_path)
    subject = subject_from_header(tmp_path / "net.h")
    suites = build_suites(subject.artifact, ("random", "extremes"), SuiteOptions(random=100))
    chosen = [m for m in SPIKING_MUTANTS["direct"] if "16 bits" in m.name or "black" in m.name]
    for killing in kill_all(subject, chosen, suites):
        assert killing.by, killing.name


@pytest.mark.parametrize(("network", "mutant"), STALE[::3], ids=lambda v: getattr(v, "name", v))
def test_the_self_test_fails_where_a_state_is_stale(
    network: str, mutant: Mutant, tmp_path: Path
) -> None:
    exported(network).write(tmp_path)
    subject = subject_from_header(tmp_path / "net.h")
    subject.header.write_text(mutant.plant(exported(network).header))
    try:
        passed = open_runner("host", subject.header, subject.interface).selftest()
    except CheckFailedError:
        passed = False
    assert not passed


def test_scores_of_16_bits_are_real_numbers_up_to_the_last(tmp_path: Path) -> None:
    """A cast to int16_t would make those above 32767 negative."""
    export = exported("direct")
    export.write(tmp_path)
    quant = export.artifact.graph.output.quant
    assert quant is not None
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "net.h"\nint main(void)\n{\n'
        "    const uint16_t q[] = {0, 32767, 32768, 65535};\n"
        "    for (int i = 0; i < 4; i++) {\n"
        '        printf("%.9g ", (double)net_dequantize_output(q[i]));\n    }\n    return 0;\n}\n'
    )
    compile_c([tmp_path / "main.c"], tmp_path / "main", ("gcc", *C99, "-O1"))
    told = subprocess.run([tmp_path / "main"], capture_output=True, text=True).stdout.split()
    assert [float(word) for word in told] == pytest.approx(
        quant.dequantize([0, 32767, 32768, 65535]).tolist(), rel=1e-6
    )
