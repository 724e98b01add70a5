"""A serial port of the system, here a pseudo-terminal, with the firmware in memory behind it."""

from __future__ import annotations

import os
import pty
import select
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import pyexport
from pyexport.errors import LinkError
from pyexport.runners.link import open_link
from pyexport.runners.messages import Ask
from tests.firmware.link_device import PX, device


@contextmanager
def serial_port(answers: int) -> Iterator[str]:
    """A port whose board answers so many times; at the next question its cable is pulled."""
    board, port = pty.openpty()
    tty.setraw(port)
    name = os.ttyname(port)
    stop, stopped = os.pipe()
    device().reset()

    def serve() -> None:
        left = answers
        while stop not in select.select([board, stop], [], [])[0]:
            written = device().run(os.read(board, 4096))
            if written and left == 0:
                break
            left -= bool(written)
            os.write(board, written)
        os.close(port)
        os.close(board)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield name
    finally:
        os.close(stopped)
        thread.join()
        os.close(stop)


def test_a_board_at_a_serial_port_is_verified() -> None:
    with serial_port(10_000) as port:
        report = pyexport.verify(PX, port=port, random_rows=100)
    assert report.problems == ()
    assert report.targets[0].rows > 100


def test_a_serial_cable_that_is_pulled_ends_the_question() -> None:
    with serial_port(2) as port:
        link = open_link(port, patience=5)
        link.identify()
        link.ask(Ask.SELFTEST)
        with pytest.raises(LinkError, match="the line to the board is gone"):
            link.ask(Ask.SELFTEST)
        link.close()
