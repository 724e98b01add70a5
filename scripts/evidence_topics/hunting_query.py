"""An attack by questions alone, against a flashed Uno that answers over its serial line."""

from __future__ import annotations

import json
import os
import pty
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pyexport.pairing import firmware, load_pair
from pyexport.pipeline import Export
from pyexport.project import install
from pyexport.runners import Runner, open_board
from pyexport.verify.goal import Goal
from pyexport.verify.oracle import Oracle
from pyexport.verify.pair import Pair, judge
from pyexport.verify.query import QueryOptions, query_attack
from pyexport.verify.starts import choose_starts
from pyexport.verify.subject import header_interface
from scripts.emulated_boards import copy_project, prepare_core
from scripts.evidence_topics.digits import trained
from scripts.evidence_topics.figures import Context, Figure, markdown_table

UNO = "uno_sim_arduino"
STARTS, QUESTIONS = 20, 500
_SHELL = "`pyexport attack --method query --port` at a pseudo-terminal, an emulated Uno behind it"


def questions(context: Context) -> tuple[Figure, ...]:
    """Attack 20 starts, each with a class to reach, and only with what the board answers."""
    pair, exported = load_pair(trained(context))
    if context.short:  # the same search against the header on this computer: no firmware is built
        with firmware(exported) as runner:
            return (_figure(pair, runner, "the header on the host", 200),)
    context.say(f"building for {UNO}")
    with _flashed(exported) as port:
        interface = header_interface(exported.artifact, exported.program)
        runner = open_board(port, interface, exported.artifact.identity)
        with closing(runner.link):
            asked = _figure(pair, runner, "an emulated Uno over its serial line", QUESTIONS)
        return asked, _from_the_shell(context, trained(context), port)


def _from_the_shell(context: Context, model: Path, port: str) -> Figure:
    """Run `pyexport attack --method query --port` as a user does, at a serial port."""
    starts = 3
    with tempfile.TemporaryDirectory(prefix="pyexport-") as folder, terminal(port) as name:
        command = [sys.executable, "-m", "pyexport", "attack", str(model), "--method", "query"]
        command += ["--port", name, "--starts", str(starts), "--queries", str(QUESTIONS)]
        command += ["--output", folder, "--no-pictures", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=context.root)
    if done.returncode:
        return Figure(_SHELL, f"{starts} of {starts} starts", done.stderr.strip(), False)
    told = json.loads(done.stdout)
    reached = sum(row["firmware"] == row["target"] for row in told["rows"])
    asked = sum(row["queries"] for row in told["rows"])
    return Figure(
        _SHELL,
        f"{starts} of {starts} starts, 0 rows differ",
        f"{reached} of {starts} with {asked:,} questions; {told['differing_rows']} rows differ",
        reached == starts == told["succeeded"] and told["differing_rows"] == 0,
    )


def _figure(pair: Pair, runner: Runner, what: str, most: int) -> Figure:
    samples = pair.artifact.samples
    assert samples is not None  # the training script stores its test images
    starts = choose_starts(pair, samples.inputs, samples.targets, count=STARTS)
    oracle, started = Oracle(runner, STARTS, most), time.perf_counter()
    shape = QueryOptions(most, shape=(8, 8))
    found = query_attack(Goal(pair, starts.targets), oracle, starts.rows, shape)
    seconds = time.perf_counter() - started
    verdicts = judge(pair, found.rows, runner)
    assert verdicts.firmware_classes is not None and found.queries is not None  # a runner judged
    reached = int((verdicts.firmware_classes == starts.targets).sum())
    by_simulator = int((verdicts.integer_classes == starts.targets).sum())
    asked = int(found.queries.sum())
    rows = [
        (f"{a} to {b}", str(n), f"{d:.1f}")
        for a, b, n, d in zip(
            starts.classes, starts.targets, found.queries, found.distance, strict=True
        )
    ]
    return Figure(
        "targeted attack that only asks for outputs",
        f"succeeds on {STARTS} of {STARTS} starts",
        f"{reached} of {STARTS} against {what}, on the simulator {by_simulator}; median L2 "
        f"{np.median(found.distance):.1f}; {asked:,} questions in {seconds:.0f} s",
        reached == by_simulator == STARTS and verdicts.wrong_rows == 0,
        (
            f"Nothing but outputs is used, of at most {most} inferences a start; the class to "
            "reach is another one for each, and no row of it is given.",
            "",
            *markdown_table(("start", "questions", "L2 distance"), rows),
        ),
    )


@contextmanager
def terminal(port: str) -> Iterator[str]:
    """Open a pseudo-terminal whose bytes go to a socket://HOST:PORT and back; yields its name."""
    host, _, number = port.removeprefix("socket://").rpartition(":")
    board, inside = pty.openpty()
    tty.setraw(inside)
    stop, stopped = os.pipe()
    with socket.create_connection((host, int(number)), timeout=10) as line:

        def carry() -> None:
            ends: list[Any] = [board, line, stop]
            while stop not in (ready := select.select(ends, [], [])[0]):
                if board in ready:
                    line.sendall(os.read(board, 4096))
                if line in ready:
                    arrived = line.recv(4096)
                    if not arrived:
                        return  # the board is gone: the line stays silent
                    os.write(board, arrived)

        thread = threading.Thread(target=carry, daemon=True)
        thread.start()
        try:
            yield os.ttyname(inside)
        finally:
            os.close(stopped)
            thread.join()
            for end in (stop, board, inside):
                os.close(end)


@contextmanager
def _flashed(exported: Export) -> Iterator[str]:
    """Build the firmware with a model and flash an emulated board through its bootloader."""
    with tempfile.TemporaryDirectory(prefix="pyexport-") as folder:
        project = copy_project(Path(folder) / "firmware", prepare_core(Path(folder) / "core"))
        install(exported, project.folder)
        with project.uploaded(UNO) as port:
            yield port
