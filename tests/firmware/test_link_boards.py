"""Boards at serial ports: the commands against firmware that runs as a program of its own."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import pyexport as api
from pyexport.errors import LinkError
from pyexport.runners import open_board
from pyexport.runners.link import open_link
from pyexport.runners.messages import Ask
from tests.cli.command import pyexport, refused
from tests.firmware.link_device import PX, artifact, interface
from tests.firmware.tcp_board import TcpBoard, build_program, cable, running

QUICK = ("--suite", "random", "--random", "30")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_program(tmp_path_factory.mktemp("board"))


@pytest.fixture
def board(program: Path) -> Iterator[TcpBoard]:
    with running(program) as started:
        yield started


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """The artifact of the model that the board runs, alone in a folder."""
    return Path(shutil.copy(PX, tmp_path))


def test_a_board_is_identified(board: TcpBoard) -> None:
    done = pyexport("board", "--port", board.port)
    assert (done.status, done.err) == (0, "")
    lines = dict(line.split(None, 1) for line in done.out.splitlines())
    assert lines["board"] == f"tcp at {board.port}"
    assert lines["model"].startswith("digits, PX1-q15x, exported by pyexport ")
    assert lines["identity"] == artifact().identity
    assert (lines["input"], lines["output"]) == ("64 x u8", "10 x s8")
    assert lines["self-test"] == "passed"
    told = json.loads(pyexport("board", "--port", board.port, "--json").out)
    assert (told["identity"], told["free_ram"]) == (artifact().identity, None)


def test_without_a_port_the_ports_are_listed() -> None:
    done = pyexport("board")
    assert (done.status, done.err) == (0, "")
    assert "port" in done.out
    assert isinstance(json.loads(pyexport("board", "--json").out), list)


def test_a_board_is_verified(board: TcpBoard, digits: Path) -> None:
    done = pyexport("verify", digits, "--port", board.port, *QUICK)
    assert (done.status, done.err) == (0, "")
    row = next(line for line in done.out.splitlines() if line.startswith("tcp "))
    assert row.split() == ["tcp", "30", "300", "0", "0"]
    assert "accumulators, flash and stack: a board cannot tell them" in done.out
    last = done.out.splitlines()[-1]
    assert last == "every output and class agrees on tcp only; self-tests pass"


def test_a_board_is_verified_beside_a_target(board: TcpBoard, digits: Path) -> None:
    done = pyexport("verify", digits, "--port", board.port, "--target", "host", *QUICK, "--json")
    assert done.status == 0
    host, told = json.loads(done.out)["targets"]
    assert (host["target"], host["board"], host["accumulators"]) == ("host", None, 30 * 58)
    assert (told["target"], told["accumulators"], told["argmax_wrong"]) == ("tcp", 0, 0)
    assert told["argmax_vectors"] > 200
    assert told["board"]["link"]["answered"] == told["board"]["link"]["asked"]


def test_the_default_suites_agree_on_a_board(board: TcpBoard) -> None:
    report = api.verify(PX, port=board.port)
    assert report.problems == ()
    assert [c.suite for c in report.targets[0].comparisons][-3:] == [
        "random", "corners", "extremes"
    ]  # fmt: skip


def test_a_board_with_another_model_is_refused(
    board: TcpBoard, model: Path, tmp_path: Path
) -> None:
    api.export(model, tmp_path, "digits")
    line = refused(tmp_path, "verify", tmp_path / "digits.px", "--port", board.port)
    assert line.startswith(f"{board.port}: the board runs another model: digits, identity ")
    assert artifact().identity[:16] in line


def test_two_boards_at_once(program: Path, digits: Path, tmp_path: Path) -> None:
    reports = {}

    def verify(name: str, port: str) -> None:
        reports[name] = api.verify(digits, port=port, random_rows=300)

    with running(program) as first, running(program) as second:
        threads = [
            threading.Thread(target=verify, args=(name, board.port))
            for name, board in (("first", first), ("second", second))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for report in reports.values():
        assert report.problems == ()
        assert report.targets[0].rows > 300
    assert len(reports) == 2


def test_a_pulled_cable_ends_with_1_and_what_was_compared(board: TcpBoard, digits: Path) -> None:
    with cable(board, 3000) as port:
        done = pyexport("verify", digits, "--port", port)
    assert done.status == 1
    assert done.err.count("\n") == 1
    assert f"error: {digits}: tcp: {port}: the line to the board is gone (" in done.err
    row = next(line for line in done.out.splitlines() if line.startswith("tcp "))
    assert 50 < int(row.split()[1]) < 150, "an answer has some 28 bytes"
    assert row.split()[-1] == "0"
    assert f"{row.split()[1]} rows were compared before" in done.out
    assert "agrees" not in done.out


def test_a_bad_cable_costs_time_and_nothing_else(board: TcpBoard) -> None:
    with cable(board, bit_errors=5e-5) as port:
        report = api.verify(PX, suites=("random",), port=port, random_rows=60)
    assert report.problems == ()
    told = report.targets[0].board
    assert told is not None
    assert told.counts.resent > 0
    assert told.counts.answered == told.counts.asked


def test_a_board_that_hangs_is_given_up(board: TcpBoard, digits: Path) -> None:
    runner = open_board(board.port, interface(), artifact().identity, patience=0.6)
    board.process.send_signal(19)  # SIGSTOP
    with pytest.raises(LinkError, match=r"no answer in 0\.\d s .* the board stopped answering"):
        runner.selftest()
    board.process.send_signal(18)  # SIGCONT: late answers to those questions are no harm
    assert runner.selftest() is True
    runner.link.close()


def test_a_board_that_restarts_is_asked_again(program: Path) -> None:
    with running(program) as board:
        link = open_link(board.port)
        link.identify()
        board.power_off()
        with pytest.raises(LinkError, match="the line to the board is gone"):
            link.ask(Ask.SELFTEST)
        link.close()
        with running(program, board.number):
            again = open_link(board.port)
            again.identify()
            assert again.ask(Ask.SELFTEST) == b"\1"
            again.close()


@pytest.fixture
def silent() -> Iterator[str]:
    """A port that takes what comes and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"socket://127.0.0.1:{server.getsockname()[1]}"


def test_a_port_where_nothing_answers_ends_with_1(silent: str, digits: Path) -> None:
    for command in (("board",), ("verify", digits)):
        done = pyexport(*command, "--port", silent, "--patience", "0.3")
        assert (done.status, done.out) == (1, "")
        assert "nothing was heard; is this the board's port" in done.err
        assert done.err.count("\n") == 1


def test_a_port_that_is_none_is_refused(tmp_path: Path) -> None:
    line = refused(tmp_path, "board", "--port", "socket://127.0.0.1:1")
    assert "the port cannot be opened" in line
    assert "cannot be opened" in refused(tmp_path, "board", "--port", tmp_path / "ttyUSB9")


def test_patience_without_a_board_is_refused(digits: Path) -> None:
    assert "--port" in refused(digits.parent, "verify", digits, "--patience", "3")


@pytest.mark.parametrize("missing", ["serial", "cobs"])
def test_a_missing_package_is_named(
    missing: str, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    find: Callable[..., object] = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *more: None if name == missing else find(name, *more),
    )
    for command in (("board",), ("verify", digits, "--port", "COM3")):
        line = refused(digits.parent, *command)
        assert "pip install 'pyexport[board]'" in line


def test_the_program_speaks_to_one_host_at_a_time(board: TcpBoard) -> None:
    first = open_link(board.port)
    first.identify()
    second = open_link(board.port, patience=0.3)
    with pytest.raises(LinkError, match="nothing was heard"):
        second.identify()
    first.close()
    assert subprocess.Popen.poll(board.process) is None
    second.close()
