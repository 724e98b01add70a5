"""Steps over the link: a GRU and a spiking network, whatever happens to line and board between."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import pyexport
from pyexport.errors import LinkError
from pyexport.ir import Array
from pyexport.passes import run_passes
from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.project import install
from pyexport.runners import CutOffError, open_board
from pyexport.runners.board import BoardRunner
from pyexport.runners.link import Link
from pyexport.runners.messages import Ask
from pyexport.simulator.fast import FastSimulator, argmax
from pyexport.verify.subject import header_interface
from scripts.emulated_boards import SIM, copy_project
from scripts.link_simulator import Device, Noise, NoisyLine, build_device
from scripts.spiking_models import random_layers, spiking_graph, spiking_model
from tests.cli.command import pyexport as command
from tests.firmware.link_device import device
from tests.firmware.projects import core
from tests.firmware.tcp_board import build_program, running
from tests.firmware.test_link_models import include_folder
from tests.stream.models import exported

__all__ = ["core"]
KINDS = ("gru", "spiking")
WORST = Noise(bit_errors=1e-4, losses=1e-4, insertions=1e-4, resets=0.02, delays=0.02)


@cache
def stream(kind: str) -> Export:
    """Return one step of a GRU, or of a spiking network that fires where its input changes."""
    if kind == "gru":
        return exported("gru")
    layers = random_layers((6, 9, 3), gain=1.5)
    graph = run_passes(spiking_graph(layers, "delta", 7, beta=0.875, events=2.0))
    rows = np.random.default_rng(1).integers(0, 17, (30, 7, 3)).astype(float)
    return export_model(spiking_model(graph, rows), ExportOptions("net", stream=True))


def steps_of(kind: str, sequences: int) -> Array:
    """Return rows of random steps."""
    graph = stream(kind).artifact.graph
    steps = header_interface(stream(kind).artifact, stream(kind).program).steps
    low, high = (-128, 128) if graph.input.dtype == "s8" else (0, 17)
    rows = np.random.default_rng(2).integers(low, high, (sequences * steps, graph.input.size))
    return rows.astype(np.int8 if graph.input.dtype == "s8" else np.uint8)


def expected(kind: str, rows: Array, steps: int) -> Array:
    """Return what the simulator says, each sequence from a reset."""
    return FastSimulator(stream(kind).artifact.graph, steps).run(rows)


@pytest.fixture(scope="module")
def devices(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Device]:
    """The firmware in memory with each model."""
    folders = {kind: tmp_path_factory.mktemp(kind) for kind in KINDS}
    return {
        kind: Device(build_device(folder, include_folder(stream(kind), folder / "include")))
        for kind, folder in folders.items()
    }


def board(device: Device, kind: str, steps: int | None = None) -> tuple[BoardRunner, NoisyLine]:
    """Return a runner for a device that has just been started; steps: not those of the model."""
    device.reset()
    interface = header_interface(stream(kind).artifact, stream(kind).program)
    if steps is not None:
        interface = replace(interface, steps=steps)
    line = NoisyLine(device, Noise(), 7)
    link = Link(line, "memory", clock=line.clock)
    return BoardRunner(link, interface, stream(kind).artifact.identity), line


@pytest.mark.parametrize("kind", KINDS)
def test_a_board_says_that_it_keeps_a_state(kind: str, devices: dict[str, Device]) -> None:
    runner, _ = board(devices[kind], kind)
    assert runner.info.state_bytes == stream(kind).program.state_bytes > 0


@pytest.mark.parametrize("kind", KINDS)
def test_no_noise_and_no_restart_changes_a_step(kind: str, devices: dict[str, Device]) -> None:
    runner, line = board(devices[kind], kind)
    rows = steps_of(kind, 60)
    line.noise = WORST
    result = runner.run(rows)
    steps = header_interface(stream(kind).artifact, stream(kind).program).steps
    wanted = expected(kind, rows, steps)
    assert np.array_equal(result.outputs, wanted)
    assert result.classes is not None
    assert np.array_equal(result.classes, argmax(wanted))
    counts = runner.link.counts
    assert min(counts.restarts, counts.resent, counts.damaged) > 0
    assert counts.asked > len(rows) + 60, "resets, and steps that were made again"


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_without_an_end_is_played_again_from_its_reset(
    kind: str, devices: dict[str, Device]
) -> None:
    runner, _ = board(devices[kind], kind, 0)
    rows = steps_of(kind, 5)
    pushed = [3, 20]

    def push(done: int, _rows: int) -> None:
        if done in pushed:
            devices[kind].reset()

    runner._progress = push
    assert np.array_equal(runner.run(rows).outputs, expected(kind, rows, len(rows)))
    assert runner.link.counts.asked == 1 + 1 + len(rows) + sum(1 + 1 + at for at in pushed)


def test_a_step_that_another_made_between_is_noticed(devices: dict[str, Device]) -> None:
    """As a damaged request would that passes for whole: the state is not the host's any more."""
    runner, _ = board(devices["gru"], "gru")
    rows = steps_of("gru", 1)

    def interfere(done: int, _rows: int) -> None:
        if done == 2:
            runner.link.ask(Ask.PREDICT, bytes(3))

    runner._progress = interfere
    assert np.array_equal(runner.run(rows).outputs, expected("gru", rows, len(rows)))


def test_a_board_that_restarts_ever_again_is_given_up(devices: dict[str, Device]) -> None:
    runner, _ = board(devices["gru"], "gru")

    class Weak(NoisyLine):
        written = 0

        def write(self, data: bytes) -> None:
            self.written += 1
            if self.written % 3 == 0:
                devices["gru"].reset()
            super().write(data)

    line = Weak(devices["gru"], Noise(), 0)
    runner.link = Link(line, "memory", clock=line.clock)
    runner.link.identify()
    with pytest.raises(
        CutOffError, match=r"lost its state 6 times before step 4 of a seq"
    ) as error:
        runner.run(steps_of("gru", 2))
    assert len(error.value.partial.outputs) == 3


def test_a_model_without_a_state_is_not_reset() -> None:
    device().reset()
    line = NoisyLine(device(), Noise(), 0)
    link = Link(line, "memory", clock=line.clock)
    assert link.identify().state_bytes == 0
    with pytest.raises(LinkError, match="refuses to reset: unknown type"):
        link.ask(Ask.RESET)


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_is_verified_at_a_port(kind: str, tmp_path: Path) -> None:
    program = build_program(tmp_path, include_folder(stream(kind), tmp_path / "include"))
    with running(program) as started:
        report = pyexport.verify(stream(kind), port=started.port, random_rows=100)
        said = command("board", "--port", started.port).out
    (target,) = report.targets
    assert report.problems == ()
    assert (target.rows >= 100, target.classes) == (True, target.rows)
    size = stream(kind).program.state_bytes
    assert f"state      {size} bytes, kept from step to step\n" in said


BOARDS = {
    "gru": ("uno_sim", "uno_sim", "avr-gcc"),
    "spiking": ("qemu_cortex_m3", "mps2_an385", "qemu-system-arm"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_emulated_board_streams_through_its_resets(
    kind: str, core: Path, tmp_path: Path
) -> None:
    environment, emulated, needed = BOARDS[kind]
    if shutil.which(needed) is None:
        pytest.skip(f"{needed} is not installed")
    project = copy_project(tmp_path / "firmware", core)
    install(stream(kind), project.folder)
    built = project.pio("run", "-e", environment)
    assert built.returncode == 0, built.stdout + built.stderr
    image = project.folder / ".pio" / "build" / environment / "firmware.elf"
    serve = [sys.executable, str(project.folder / SIM), "serve", "--board", emulated, str(image)]
    rows = steps_of(kind, 6)
    interface = header_interface(stream(kind).artifact, stream(kind).program)
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = f"socket://127.0.0.1:{process.stdout.readline().split()[1]}"

        def push(done: int, _rows: int) -> None:
            if done in (9, 10, 16):
                process.send_signal(signal.SIGUSR1)

        try:
            runner = open_board(port, interface, stream(kind).artifact.identity, progress=push)
            result = runner.run(rows)
            assert runner.selftest() is True
            counts = runner.link.counts
            runner.link.close()
        finally:
            process.kill()
    assert np.array_equal(result.outputs, expected(kind, rows, interface.steps))
    assert (counts.restarts > 0, counts.failed) == (True, 0)
    assert counts.asked > 1 + 6 + len(rows) + 1, "steps were made again"
