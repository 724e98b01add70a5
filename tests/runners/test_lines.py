"""Ports that somebody else has, and what `pyexport board` says of a board that is broken."""

from __future__ import annotations

import json
import os
import pty
from contextlib import closing

import pytest
import serial

from pyexport.errors import UsageError
from pyexport.runners.lines import open_line
from pyexport.runners.link import Link
from tests.cli.command import pyexport
from tests.runners.test_link import INFO, ScriptedLine, answer


def test_a_port_is_had_by_one_program_at_a_time() -> None:
    board, port = pty.openpty()
    name = os.ttyname(port)
    try:
        with (
            closing(serial.serial_for_url(name, exclusive=True)),
            pytest.raises(UsageError, match="cannot be opened, it is in use by another program"),
        ):
            open_line(name)
        with closing(open_line(name)), pytest.raises(UsageError, match="in use by another"):
            open_line(name)
        open_line(name).close()
    finally:
        os.close(port)
        os.close(board)


@pytest.mark.parametrize("passes", [True, False])
def test_a_board_whose_self_test_fails_ends_with_1(
    passes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = INFO[:2] + bytes([passes]) + INFO[3:]

    def opened(port: str, *, patience: float) -> Link:
        line = ScriptedLine(lambda request: [answer(request, info)])
        return Link(line, port, clock=line.clock)

    monkeypatch.setattr("pyexport.runners.link.open_link", opened)
    status = 0 if passes else 1
    done = pyexport("board", "--port", "COM3")
    assert done.status == status
    assert ("self-test  FAILED" in done.out) is not passes
    assert done.err.count("\n") == status
    assert passes or done.err.startswith("error: COM3: the board's self-test fails")
    told = pyexport("board", "--port", "COM3", "--json")
    assert (told.status, json.loads(told.out)["selftest"]) == (status, passes)
