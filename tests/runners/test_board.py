"""A board as a runner: the real firmware in memory answers as the simulator does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from pyexport.errors import LinkError, UsageError
from pyexport.ir import Array
from pyexport.runners import CutOffError, Runner
from pyexport.runners.board import BoardRunner
from pyexport.runners.link import Link
from pyexport.simulator.fast import FastSimulator, argmax
from pyexport.verify import Subject, Suite, SuiteOptions, build_suites, verify_subject
from pyexport.verify.compare import tie_outputs
from pyexport.verify.subject import lower_artifact
from scripts.link_simulator import FIRMWARE, Noise, NoisyLine
from tests.cli.command import pyexport
from tests.firmware.link_device import PX, artifact, device, interface


class Unplugged(NoisyLine):
    """A line whose cable is pulled after some requests."""

    def __init__(self, requests: int) -> None:
        super().__init__(device(), Noise(), 0)
        self.left = requests

    def write(self, data: bytes) -> None:
        self.left -= 1
        if self.left < 0:
            raise LinkError("memory: the line to the board is gone")
        super().write(data)


class Interrupted(NoisyLine):
    """A line at which Ctrl-C is pressed after some requests."""

    def __init__(self, requests: int) -> None:
        super().__init__(device(), Noise(), 0)
        self.left = requests

    def read(self, seconds: float) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().read(seconds)


def board(line: NoisyLine) -> BoardRunner:
    """Return a runner for the device at the end of a line."""
    device().reset()
    link = Link(line, "memory", clock=line.clock)
    return BoardRunner(link, interface(), artifact().identity)


@pytest.fixture
def runner() -> BoardRunner:
    return board(NoisyLine(device(), Noise(), 0))


@pytest.fixture
def rows() -> Array:
    return np.random.default_rng(3).integers(0, 17, (25, 64)).astype(np.uint8)


def test_outputs_and_classes_are_the_simulators(runner: BoardRunner, rows: Array) -> None:
    plain: Runner = runner  # it keeps the protocol
    result = plain.run(rows)
    expected = FastSimulator(artifact().graph).run(rows)
    assert result.outputs.dtype == np.int8
    assert (result.outputs == expected).all()
    assert result.classes is not None
    assert (result.classes == argmax(expected)).all()
    assert result.accumulators is None


def test_argmax_and_selftest_run_on_the_board(runner: BoardRunner) -> None:
    ties = tie_outputs(artifact())
    assert (runner.argmax(ties) == argmax(ties)).all()
    assert runner.selftest() is True
    assert runner.check() == ()
    assert (runner.name, runner.compiler) == ("memory", "as flashed, at memory")


def test_cycles_of_every_inference_are_kept(runner: BoardRunner, rows: Array) -> None:
    assert runner.timing() is None
    runner.run(rows)
    timing = runner.timing()
    assert timing is not None
    assert (timing.count_min, timing.count_mean, timing.count_max) == (1000, 1000.0, 1000)
    assert timing.clock_hz == 1_000_000


def test_a_board_without_a_cycle_counter_has_no_timing(runner: BoardRunner, rows: Array) -> None:
    runner.info = replace(runner.info, clock_hz=0)
    runner.run(rows)
    assert runner.timing() is None


def test_what_cannot_be_asked_is_refused(runner: BoardRunner, rows: Array) -> None:
    assert not runner.traces
    with pytest.raises(UsageError, match="accumulators cannot be asked for"):
        runner.trace(rows)
    with pytest.raises(UsageError, match="flash and stack cannot be measured"):
        runner.measure(rows)
    with pytest.raises(UsageError, match="inputs must be"):
        runner.run(rows.astype(np.int8))
    with pytest.raises(UsageError, match="outputs must be"):
        runner.argmax(rows)


def test_an_answer_of_another_size_is_told(
    runner: BoardRunner, rows: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner.link, "ask", lambda *_: b"\1\2\3")
    with pytest.raises(CutOffError, match="answered 3 bytes to predict, not 16; flash it"):
        runner.run(rows)
    with pytest.raises(LinkError, match="answered 3 bytes to selftest, not 1"):
        runner.selftest()


def test_another_model_is_refused_by_identity() -> None:
    line = NoisyLine(device(), Noise(), 0)
    other = "ab" * 32
    with pytest.raises(UsageError) as error:
        BoardRunner(Link(line, "memory", clock=line.clock), interface(), other)
    assert str(error.value) == (
        f"memory: the board runs another model: digits, identity {artifact().identity[:16]}, not "
        "digits, abababababababab; flash digits or verify the export that is flashed"
    )


def test_a_pulled_cable_keeps_the_rows_before(rows: Array) -> None:
    runner = board(Unplugged(1 + 10))
    with pytest.raises(CutOffError, match="the line to the board is gone") as error:
        runner.run(rows)
    partial = error.value.partial
    assert len(partial.outputs) == 10
    assert (partial.outputs == FastSimulator(artifact().graph).run(rows[:10])).all()
    assert partial.classes is not None
    assert len(partial.classes) == 10
    with pytest.raises(LinkError):
        runner.selftest()


def test_progress_is_told_row_by_row(rows: Array) -> None:
    told: list[tuple[int, int]] = []
    line = NoisyLine(device(), Noise(), 0)
    link = Link(line, "memory", clock=line.clock)
    BoardRunner(link, interface(), artifact().identity, lambda *at: told.append(at)).run(rows[:3])
    assert told == [(0, 3), (1, 3), (2, 3)]


def verified(runner: BoardRunner, *suites: Suite) -> Iterator[str]:
    """Verify on a board alone and return what was found wrong."""
    subject = Subject(artifact(), lower_artifact(artifact()), FIRMWARE / "none.h")
    report = verify_subject(subject, (), lambda _: suites, board=runner)
    (target,) = report.targets
    assert target.board is not None
    assert (report.selftest, target.measurement, target.accumulators) == (None, None, 0)
    yield f"{target.rows} rows, self-test {target.selftest}"
    yield from report.problems


def suites() -> tuple[Suite, ...]:
    return build_suites(artifact(), ("random", "corners"), SuiteOptions(random=20, corners=30))


def test_verification_treats_a_board_as_any_runner(runner: BoardRunner) -> None:
    rows = sum(len(suite.rows) for suite in suites())
    assert list(verified(runner, *suites())) == [f"{rows} rows, self-test True"]


def test_verification_of_a_board_that_is_lost_tells_what_was_compared() -> None:
    first, *problems = verified(board(Unplugged(1 + 12)), *suites())
    assert first == "12 rows, self-test None"
    assert problems == [
        "memory: memory: the line to the board is gone; 12 rows were compared before"
    ]


def test_a_cable_pulled_after_the_last_row_is_told_too() -> None:
    rows = len(suites()[0].rows)
    first, *problems = verified(board(Unplugged(1 + rows + 5)), suites()[0])
    assert first == f"{rows} rows, self-test None"
    assert len(problems) == 1


def test_ctrl_c_keeps_the_rows_before(rows: Array) -> None:
    runner = board(Interrupted(1 + 10))
    with pytest.raises(CutOffError, match="interrupted by Ctrl-C") as error:
        runner.run(rows)
    assert runner.interrupted
    partial = error.value.partial
    assert (partial.outputs == FastSimulator(artifact().graph).run(rows[:10])).all()


@pytest.mark.parametrize("rows", [0, 12, 20])
def test_verification_that_ctrl_c_ends_tells_what_was_compared(rows: int) -> None:
    first, *problems = verified(board(Interrupted(1 + rows)), *suites())
    assert first == f"{rows} rows, self-test None"
    assert problems == [f"memory: interrupted by Ctrl-C; {rows} rows were compared before"]


def test_ctrl_c_after_the_last_row_is_told_too() -> None:
    rows = len(suites()[0].rows)
    first, *problems = verified(board(Interrupted(1 + rows + 5)), suites()[0])
    assert first == f"{rows} rows, self-test None"
    assert problems == [f"memory: interrupted by Ctrl-C; {rows} rows were compared before"]


@pytest.mark.parametrize("json_option", [(), ("--json",)])
def test_the_command_that_ctrl_c_ends_prints_what_was_compared(
    json_option: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = board(Interrupted(1 + 12))
    monkeypatch.setattr("pyexport.verifying.open_board", lambda *_, **__: runner)
    done = pyexport("verify", PX, "--port", "COM3", "--suite", "random", *json_option)
    assert done.status == 130
    assert done.err.split() == ["error:", "interrupted"]
    if json_option:
        (target,) = json.loads(done.out)["targets"]
        assert (target["rows"], target["cut_off"]) == (12, "interrupted by Ctrl-C")
    else:
        assert "CUT OFF memory: interrupted by Ctrl-C; 12 rows were compared before" in done.out
        assert "agrees" not in done.out


def test_verification_finds_a_board_that_computes_otherwise(
    runner: BoardRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = BoardRunner.run

    def wrong(self: BoardRunner, inputs: Array):  # type: ignore[no-untyped-def]
        result = honest(self, inputs)
        result.outputs[7, 2] += 1
        return result

    monkeypatch.setattr(BoardRunner, "run", wrong)
    _, problem = verified(runner, suites()[0])
    assert "output 2: simulator" in problem
    assert problem.endswith("(suite random, row 7); 1 of 20 rows differ")
