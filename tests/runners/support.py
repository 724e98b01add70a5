"""Opens runners on the toy header; a test whose tool is missing is skipped with the reason."""

from pathlib import Path

import pytest

from pyexport.runners import Runner, available, open_runner
from tests.runners.toy import HEADER, INTERFACE

CHIPS = (
    "cortex-m0",
    "cortex-m3",
    "cortex-m4",
    "cortex-m7",
    "cortex-m33",
    "rv32imc",
    "rv32ec",
    "atmega328p",
)
UNICORN = CHIPS[:-1]


def open_toy(
    name: str,
    header: Path = HEADER,
    *,
    compiler: str | None = None,
    optimize: str | None = None,
) -> Runner:
    """Return a runner on the toy header, or on a header derived from it."""
    problem = available(name)
    if problem is not None:
        pytest.skip(problem)
    return open_runner(name, header, INTERFACE, compiler=compiler, optimize=optimize)
