"""Builds, uploads, questions and tests the firmware on emulated boards, without a network.

Run as a process of its own: python -m scripts.evidence_topics.firmware_worker RESULT ENVIRONMENT...
The parent starts it in a network namespace that has nothing but this computer's own loopback.
"""

from __future__ import annotations

import fcntl
import json
import re
import socket
import struct
import sys
import tempfile
import time
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pyexport.ir import Array
from pyexport.runners import open_board
from pyexport.simulator.fast import FastSimulator, argmax
from pyexport.verify import subject_from_header
from scripts.emulated_boards import ROOT, PioProject, copy_project, prepare_core

EXAMPLE = ROOT / "firmware" / "include" / "example" / "digits.h"
DIGITS, RANDOM = 200, 200  # rows asked of each board
_SET_FLAGS, _UP = 0x8914, 1  # SIOCSIFFLAGS, IFF_UP


@dataclass(frozen=True)
class BoardResult:
    """What one environment did."""

    environment: str
    built: bool
    answered: bool  # flashed, and every row was answered
    tested: bool  # `pio test` passed
    rows: int
    differing_bytes: int  # of outputs and classes, against the simulator
    flash: int | None  # bytes, as PlatformIO counts them
    static_ram: int | None
    unused_ram: int | None  # never touched since the board started, after all rows
    cycles: float | None  # mean of an inference
    seconds: float  # build, upload, questions and tests
    problem: str = ""


def questions() -> Array:
    """Return rows of bytes: digits first, then random ones."""
    from sklearn.datasets import load_digits

    random = np.random.default_rng(4).integers(0, 17, (RANDOM, 64)).astype(np.uint8)
    return np.concatenate([load_digits().data[:DIGITS].astype(np.uint8), random])


def run_board(project: PioProject, environment: str) -> BoardResult:
    """Do everything that a user does with one environment; the first failure ends it."""
    started = time.perf_counter()
    made = project.pio("run", "-e", environment)
    result = {
        "environment": environment, "built": made.returncode == 0, "answered": False,
        "tested": False, "rows": 0, "differing_bytes": 0, "unused_ram": None, "cycles": None,
        "flash": used(made.stdout, "Flash"), "static_ram": used(made.stdout, "RAM"),
    }  # fmt: skip
    try:
        if made.returncode != 0:
            raise RuntimeError(made.stdout[-500:] + made.stderr[-500:])
        with project.uploaded(environment) as port:
            result |= ask(port)
        tests = project.pio("test", "-e", environment)
        result["tested"] = tests.returncode == 0
        if tests.returncode != 0:
            raise RuntimeError(tests.stdout[-500:] + tests.stderr[-500:])
    except Exception as error:  # whatever it was, it belongs into the table
        result["problem"] = " ".join(str(error).split())
    return BoardResult(**result, seconds=time.perf_counter() - started)  # type: ignore[arg-type]


def ask(port: str) -> dict[str, object]:
    """Return what a board answered to all questions."""
    subject = subject_from_header(EXAMPLE)
    rows = questions()
    expected = FastSimulator(subject.artifact.graph).run(rows)
    runner = open_board(port, subject.interface, subject.artifact.identity)
    with closing(runner.link):
        answers = runner.run(rows)
        timing, info = runner.timing(), runner.link.identify()
    assert answers.classes is not None
    differing = (answers.outputs.view(np.uint8) != expected.view(np.uint8)).sum()
    differing += (answers.classes != argmax(expected)).sum()
    return {
        "answered": len(answers.outputs) == len(rows),
        "rows": len(rows),
        "differing_bytes": int(differing),
        "unused_ram": info.free_ram,
        "cycles": None if timing is None else timing.count_mean,
    }


def used(printed: str, memory: str) -> int | None:
    """Return the bytes of flash or RAM that PlatformIO says are used; None if it does not."""
    found = re.search(rf"^{memory}: .*\(used (\d+) bytes", printed, re.M)
    return int(found[1]) if found else None


def bring_loopback_up() -> bool:
    """Switch the loopback of this network namespace on; return whether nothing else is there."""
    with socket.socket() as any_socket, suppress(OSError):
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh", b"lo", _UP))
    return [name for _, name in socket.if_nameindex()] == ["lo"]


def main() -> None:
    result, environments = Path(sys.argv[1]), sys.argv[2:]
    cut_off = bring_loopback_up()
    with tempfile.TemporaryDirectory(prefix="pyexport-") as folder:
        core = prepare_core(Path(folder) / "core")
        project = copy_project(Path(folder) / "firmware", core)
        boards = [run_board(project, environment) for environment in environments]
    document = {"cut_off": cut_off, "boards": [asdict(board) for board in boards]}
    result.write_text(json.dumps(document), encoding="utf-8")


if __name__ == "__main__":
    main()
