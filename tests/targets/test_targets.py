"""The table of targets: what it says of each chip, proved with the compilers that are here."""

import subprocess
from pathlib import Path

import pytest

from pyexport.errors import UsageError
from pyexport.runners.compilers import WARNINGS, compiler_problem, find_compiler
from pyexport.targets import TARGETS, Target, get_target
from tests.runners.toolchains import Toolchain, toolchains

CROSS = [chain for chain in toolchains() if chain.target != "host"]


def test_an_unknown_target_is_refused_with_the_known_names() -> None:
    with pytest.raises(UsageError, match=r"unknown target 'z80'; known targets: host, cortex-m0"):
        get_target("z80")


def test_every_target_is_found_by_its_name() -> None:
    assert [get_target(target.name) for target in TARGETS] == list(TARGETS)


def test_a_family_or_level_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="family 'dsp' is none of"):
        Target("x", "X", "dsp", "", 32, 0, 0, "1")
    with pytest.raises(ValueError, match="not -Os or -O2"):
        Target("x", "X", "arm", "", 32, 0, 0, "1", optimize="-O3")


def _shared_guard(one: str, other: str) -> bool:
    return get_target(one).guard == get_target(other).guard


@pytest.mark.parametrize("chain", CROSS, ids=lambda chain: chain.name)
def test_a_guard_holds_on_its_own_target_and_on_no_other(chain: Toolchain, tmp_path: Path) -> None:
    problem = compiler_problem(chain.compiler)
    if problem is not None:
        pytest.skip(problem)
    lines = []
    for target in TARGETS:
        if target.name == "host":
            continue
        expected = _shared_guard(target.name, chain.target)
        lines += [
            f"#if {'!' if expected else ''}({target.guard})",
            f'#error "guard of {target.name}"',
            "#endif",
        ]
    (tmp_path / "guard.c").write_text("\n".join([*lines, "typedef int pyexport_unit;", ""]))
    command = [*find_compiler(chain.compiler).c, *chain.flags, "-Os", "-std=c99", *WARNINGS]
    done = subprocess.run(
        [*command, "-c", "guard.c", "-o", "guard.o"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stderr == ""
    assert done.returncode == 0


def test_only_cortex_m4_and_m7_share_a_guard() -> None:
    pairs = [
        (a.name, b.name) for a in TARGETS for b in TARGETS if a.name < b.name and a.guard == b.guard
    ]
    assert pairs == [("cortex-m4", "cortex-m7")]
