"""Every emulated environment builds, is flashed, answers, passes its tests and checks.

No network, no hardware: PlatformIO's core folder is the one that scripts/pio_setup makes.
"""

from __future__ import annotations

import os
import pty
import re
import select
import socket

import numpy as np
import pytest

from pyexport.ir import Array
from pyexport.runners import open_board
from pyexport.simulator.fast import FastSimulator, argmax
from scripts.emulated_boards import ENVIRONMENTS, PioProject
from tests.firmware.link_device import artifact, interface
from tests.firmware.projects import ALL, core, project, require_tools

__all__ = ["core", "project"]
require_tools()


@pytest.fixture(scope="module")
def rows() -> Array:
    """200 digits and 200 random inputs."""
    datasets = pytest.importorskip("sklearn.datasets")
    digits = datasets.load_digits().data[:200].astype(np.uint8)
    random = np.random.default_rng(4).integers(0, 17, (200, 64)).astype(np.uint8)
    return np.concatenate([digits, random])


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_flashed_board_answers_as_the_simulator_does(
    environment: str, project: PioProject, rows: Array
) -> None:
    expected = FastSimulator(artifact().graph).run(rows)
    with project.uploaded(environment) as port:
        runner = open_board(port, interface(), artifact().identity)
        try:
            result = runner.run(rows)
            assert runner.name == environment
            assert runner.selftest() is True
        finally:
            runner.link.close()
    assert result.classes is not None
    assert (result.outputs != expected).sum() == 0
    assert (result.classes != argmax(expected)).sum() == 0


def test_the_tests_of_the_firmware_pass_on_every_board(project: PioProject) -> None:
    done = project.pio("test", *ALL, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    suites = sorted(path.name for path in (project.folder / "test").glob("test_*/"))
    assert suites != []
    passed = re.findall(r"^(\w+) +(test_\w+) +PASSED", done.stdout, re.M)
    assert sorted(passed) == sorted((name, suite) for name in ENVIRONMENTS for suite in suites)


def test_check_passes_on_every_board(project: PioProject) -> None:
    done = project.pio("check", *ALL, "--fail-on-defect=medium", "--fail-on-defect=high")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"^(\w+) +cppcheck +PASSED", done.stdout, re.M)) == len(ENVIRONMENTS)


def test_two_boards_of_one_environment_run_at_once(project: PioProject, rows: Array) -> None:
    expected = FastSimulator(artifact().graph).run(rows[:20])
    with project.uploaded("qemu_cortex_m0") as first, project.uploaded("qemu_cortex_m0") as second:
        runners = [open_board(port, interface(), artifact().identity) for port in (first, second)]
        for runner in runners:
            assert (runner.run(rows[:20]).outputs == expected).all()
        for runner in runners:
            runner.link.close()


def test_a_board_is_flashed_again_unless_its_line_is_in_use(project: PioProject) -> None:
    with project.uploaded("uno_sim_arduino") as port:
        words = ("run", "-e", "uno_sim_arduino", "-t", "upload", "--upload-port", port)
        assert "bytes of flash verified" in project.pio(*words).stdout
        with socket.create_connection(("127.0.0.1", int(port.rpartition(":")[2]))):
            done = project.pio(*words)
        assert done.returncode == 1
        assert "is in use, by a monitor perhaps; close it and upload again" in done.stderr


def test_stop_ends_a_board(project: PioProject) -> None:
    with project.uploaded("native") as port:
        words = ("run", "-e", "native", "-t", "stop", "--upload-port", port)
        assert "native: stopped" in project.pio(*words).stdout
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", int(port.rpartition(":")[2])))
        assert "native: not running" in project.pio(*words).stdout


def test_a_port_that_no_emulated_board_has_is_refused(project: PioProject) -> None:
    done = project.pio("run", "-e", "native", "-t", "upload", "--upload-port", "COM3")
    assert done.returncode == 1
    assert "port is socket://127.0.0.1:NUMBER, not 'COM3'" in done.stderr


def test_monitor_shows_what_the_board_says(project: PioProject) -> None:
    with project.uploaded("uno_sim") as port:
        terminal, inside = pty.openpty()  # the monitor wants a terminal
        monitor = project.start("run", "-e", "uno_sim", "-t", "monitor", "--monitor-port", port,
                                terminal=inside)  # fmt: skip
        os.close(inside)
        shown = b""
        try:
            while b"self-test passed" not in shown:
                assert select.select([terminal], [], [], 30)[0], shown
                shown += os.read(terminal, 4096)
            os.write(terminal, b"\x03")  # Ctrl+C
            assert monitor.wait(timeout=30) == 0
        finally:
            monitor.kill()
            monitor.wait()
            os.close(terminal)
