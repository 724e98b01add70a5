"""An emulated board whose reset button is pushed in the middle of a verification."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from pyexport.runners import open_board
from pyexport.simulator.fast import FastSimulator
from scripts.emulated_boards import SIM, PioProject
from tests.firmware.link_device import artifact, interface
from tests.firmware.projects import core, project

__all__ = ["core", "project"]
NEEDED = {"uno_sim": "avr-gcc", "qemu_cortex_m3": "qemu-system-arm"}
BOARDS = {"uno_sim": "uno_sim", "qemu_cortex_m3": "mps2_an385"}  # environment -> board
RESETS = (10, 11, 25)  # rows that are about to be asked for


@pytest.mark.parametrize("environment", BOARDS)
def test_a_reset_loses_no_row(environment: str, project: PioProject) -> None:
    if shutil.which(NEEDED[environment]) is None:
        pytest.skip(f"{NEEDED[environment]} is not installed")
    assert project.pio("run", "-e", environment).returncode == 0
    image = project.folder / ".pio" / "build" / environment / "firmware.elf"
    serve = [sys.executable, str(project.folder / SIM), "serve", "--board", BOARDS[environment]]
    rows = np.random.default_rng(6).integers(0, 17, (40, 64)).astype(np.uint8)
    with subprocess.Popen([*serve, str(image)], stdout=subprocess.PIPE, text=True) as board:
        assert board.stdout is not None
        port = f"socket://127.0.0.1:{board.stdout.readline().split()[1]}"

        def push(done: int, _rows: int) -> None:
            if done in RESETS:
                board.send_signal(signal.SIGUSR1)

        try:
            runner = open_board(port, interface(), artifact().identity, progress=push)
            result = runner.run(rows)
            counts = runner.link.counts
            runner.link.close()
        finally:
            board.kill()
    assert (result.outputs == FastSimulator(artifact().graph).run(rows)).all()
    assert counts.restarts > 0
    assert (counts.answered, counts.failed) == (1 + len(rows), 0)
