"""The host's link: every question ends, with its answer or with one line that says why."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

import pytest

from pyexport.errors import LinkError, UsageError
from pyexport.runners.frames import FrameReader, crc32c, encode_frame
from pyexport.runners.lines import open_line
from pyexport.runners.link import Link, open_link
from pyexport.runners.messages import PROTOCOL, Ask, Request, Status, read_answer, read_board_info

IDENTITY = bytes(range(32))
INFO = (
    struct.pack("<BBBBIIIIIIIII", 1, 2, 1, 1, 64, 10, 20, 1234, 16_000_000, 55, 7, 2, 1)
    + IDENTITY
    + b"".join(bytes([len(text)]) + text for text in (b"digits", b"PX1-q15x", b"0.1.0", b"uno"))
)
Answers = Callable[[bytes], list[bytes]]  # request payload -> frames, or bytes, that come back


def answer(
    request: bytes, body: bytes, *, status: int = 0, identity: bytes = IDENTITY, version: int = 2
) -> bytes:
    """Return the frame of an answer to a request."""
    said = bytes([version, request[1] | 0x80]) + request[2:4] + bytes([status]) + body
    tag = crc32c(said, crc32c(request, crc32c(identity)))
    return encode_frame(said + struct.pack("<I", tag))


class ScriptedLine:
    """A line whose far end is a function; waiting costs simulated time only."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.now = 0.0
        self.requests: list[bytes] = []
        self.closed = False
        self._inbox: list[bytes] = []

    def clock(self) -> float:
        return self.now

    def write(self, data: bytes) -> None:
        (request,) = FrameReader().feed(data)
        self.requests.append(request)
        self._inbox += self.answers(request)

    def read(self, seconds: float) -> bytes:
        if self._inbox:
            return self._inbox.pop(0)
        self.now += seconds
        return b""

    def close(self) -> None:
        self.closed = True


def honest(request: bytes) -> list[bytes]:
    """Answer as a board does."""
    return [answer(request, INFO if request[1] == Ask.IDENTIFY else b"\1")]


def opened(then: Answers = honest) -> tuple[Link, ScriptedLine]:
    """Return a link that has identified its board; later questions are answered by `then`."""
    line = ScriptedLine(honest)
    link = Link(line, "COM3", clock=line.clock)
    link.identify()
    line.answers = then
    return link, line


def given_up(then: Answers) -> tuple[str, ScriptedLine]:
    """Return the error of a question that gets no answer."""
    link, line = opened(then)
    with pytest.raises(LinkError) as error:
        link.ask(Ask.SELFTEST)
    assert "\n" not in str(error.value)
    assert link.counts.failed == 1
    return str(error.value), line


def test_a_board_tells_what_it_runs() -> None:
    line = ScriptedLine(honest)
    info = Link(line, "COM3", clock=line.clock).identify()
    assert (info.board, info.model, info.profile, info.exporter) == (
        "uno", "digits", "PX1-q15x", "0.1.0"
    )  # fmt: skip
    assert info.identity == IDENTITY.hex()
    assert (info.input_dtype, info.input_size) == ("u8", 64)
    assert (info.output_dtype, info.output_size, info.state_bytes) == ("s8", 10, 20)
    assert (info.free_ram, info.clock_hz, info.last_cycles) == (1234, 16_000_000, 55)
    assert (info.requests, info.dropped, info.repeats) == (7, 2, 1)
    assert info.selftest
    assert info.has_argmax


@pytest.mark.parametrize(
    "damage", [INFO[:40], INFO + b"\0", b"\x09" + INFO[1:], INFO[:-1] + b"\xff"]
)
def test_a_description_that_cannot_be_read_is_told(damage: bytes) -> None:
    with pytest.raises(LinkError, match="cannot be read"):
        read_board_info(damage)


def test_questions_have_their_own_numbers() -> None:
    link, line = opened()
    for _ in range(3):
        assert link.ask(Ask.SELFTEST) == b"\1"
    numbers = [int.from_bytes(request[2:4], "little") for request in line.requests]
    assert [(number - numbers[0]) % 65536 for number in numbers] == [0, 1, 2, 3]


def test_numbers_begin_anew_at_65536(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.randbelow", lambda limit: limit - 2)
    link, line = opened()
    for _ in range(3):
        link.ask(Ask.SELFTEST)
    numbers = [int.from_bytes(request[2:4], "little") for request in line.requests]
    assert numbers == [65535, 0, 1, 2]


@pytest.mark.parametrize("edit", [{"ask": Ask.PREDICT}, {"sequence": 8}])
def test_an_answer_belongs_to_one_type_and_one_number(edit: dict[str, int]) -> None:
    request = Request(Ask.SELFTEST, 7)
    (payload,) = FrameReader().feed(answer(request.payload, b"\1"))
    assert read_answer(payload, request) is not None
    assert read_answer(payload, replace(request, **edit)) is None  # type: ignore[arg-type]
    assert read_answer(payload[:8], request) is None, "too short for status and tag"


def test_a_lost_answer_is_asked_for_again() -> None:
    lost = iter([True, True, False])
    link, line = opened(lambda request: [] if next(lost) else honest(request))
    assert link.ask(Ask.SELFTEST) == b"\1"
    assert len(set(line.requests[1:])) == 1, "the same request, so that the board can know it"
    assert (link.counts.resent, link.counts.answered) == (2, 2)


def test_silence_is_waited_for_ever_longer_and_then_given_up() -> None:
    message, line = given_up(lambda _: [])
    assert 10 <= line.now < 10.5
    assert len(line.requests) == 1 + 5, "after 0.5, 1, 2 and 4 s, and until 10 s are over"
    assert message.startswith("COM3: no answer in 10.0 s (5 attempts): the board stopped answering")


def test_once_a_kind_of_question_was_answered_its_next_is_repeated_soon() -> None:
    link, line = opened()
    link.ask(Ask.SELFTEST)
    line.answers, before = lambda _: [], len(line.requests)
    with pytest.raises(LinkError, match="20 attempts"):
        link.ask(Ask.SELFTEST)
    assert len(line.requests) == before + 20, "every 0.5 s, until 10 s are over"


def test_nothing_heard_at_all_is_told_apart() -> None:
    line = ScriptedLine(lambda _: [])
    with pytest.raises(LinkError, match="nothing was heard; is this the board's port"):
        Link(line, "COM3", clock=line.clock).identify()


def test_noise_alone_is_told_and_does_not_hang() -> None:
    message, line = given_up(lambda _: [b"\3\3\0noise\0"])
    assert "damaged frames came" in message
    assert "115200 baud" in message
    assert line.now < 11


def test_endless_noise_does_not_hang() -> None:
    class Babble(ScriptedLine):
        def read(self, seconds: float) -> bytes:
            self.now += 0.01
            return b"U" * 64

    line = Babble(lambda _: [])
    with pytest.raises(LinkError, match="nothing was heard"):
        Link(line, "COM3", clock=line.clock).identify()


def test_after_a_damaged_frame_the_question_is_repeated_soon() -> None:
    damaged = iter([True, False])
    link, line = opened(lambda request: [b"\7damage\0"] if next(damaged) else honest(request))
    assert link.ask(Ask.SELFTEST) == b"\1"
    assert line.now < 0.1
    assert link.counts.damaged == 1


def test_a_late_answer_to_an_earlier_question_is_not_taken() -> None:
    late: list[bytes] = []

    def slow(request: bytes) -> list[bytes]:
        frames, late[:] = list(late), [answer(request, b"late" + request[2:4])]
        return frames

    link, _ = opened(slow)
    bodies = [link.ask(Ask.SELFTEST) for _ in range(3)]
    assert len(set(bodies)) == 3
    assert link.counts.resent == 3, "each question twice: the first answer comes late"
    assert link.counts.foreign == 0


def test_the_answer_of_another_model_is_not_taken() -> None:
    message, _ = given_up(lambda request: [answer(request, b"\1", identity=bytes(32))])
    assert "the board now runs another model" in message


def test_a_board_that_was_flashed_anew_is_told_when_asked_who_it_is() -> None:
    other = INFO.replace(IDENTITY, bytes(32))
    link, _ = opened(lambda request: [answer(request, other, identity=bytes(32))])
    with pytest.raises(LinkError, match="now runs another model, digits"):
        link.identify()


def test_an_answer_to_another_body_is_not_taken() -> None:
    def confused(request: bytes) -> list[bytes]:
        return [answer(request + b"x", b"\1")]

    message, _ = given_up(confused)
    assert "another model" in message


def test_a_refusal_is_told() -> None:
    message, line = given_up(lambda request: [answer(request, b"", status=Status.WRONG_LENGTH)])
    assert message.startswith("COM3: the board refuses to selftest: wrong length")
    assert len(line.requests) == 2, "asking again would not help"


@pytest.mark.parametrize(
    "told", [{"version": PROTOCOL + 1}, {"version": PROTOCOL + 1, "status": 3}, {"status": 3}]
)
def test_a_board_of_another_version_is_told(told: dict[str, int]) -> None:
    line = ScriptedLine(lambda request: [answer(request, b"", **told)])  # type: ignore[arg-type]
    with pytest.raises(LinkError, match="speaks version"):
        Link(line, "COM3", clock=line.clock).identify()


def test_restarts_are_counted_and_survived() -> None:
    restarts = iter([True, False])
    link, _ = opened(
        lambda request: (
            [b"pyexport: digits, self-test passed\r\n\0"] if next(restarts) else honest(request)
        )
    )
    assert link.ask(Ask.SELFTEST) == b"\1"
    assert (link.counts.restarts, link.counts.damaged) == (1, 0)


def test_a_slow_board_is_waited_for() -> None:
    class Slow(ScriptedLine):
        def read(self, seconds: float) -> bytes:
            if self.now < 3.0:
                self.now += min(seconds, 0.05)
                return b""
            return super().read(seconds)

    line = Slow(honest)
    info = Link(line, "COM3", clock=line.clock).identify()
    assert info.board == "uno"


def test_a_board_known_to_be_slow_is_not_hurried() -> None:
    class Slow(ScriptedLine):
        delay = 0.0

        def write(self, data: bytes) -> None:
            super().write(data)
            self.ready = self.now + self.delay

        def read(self, seconds: float) -> bytes:
            if self.now < self.ready:
                self.now += min(seconds, 0.05)
                return b""
            return super().read(seconds)

    line = Slow(honest)
    link = Link(line, "COM3", clock=line.clock)
    link.identify()
    for line.delay in (0.45, 0.8):
        link.ask(Ask.SELFTEST)
    assert link.counts.resent == 0, "0.8 s is less than twice the slowest before"


def test_a_line_that_is_gone_ends_the_question() -> None:
    class Cut(ScriptedLine):
        def read(self, seconds: float) -> bytes:
            raise LinkError("COM3: the line to the board is gone (unplugged)")

    link = Link(Cut(honest), "COM3")
    with pytest.raises(LinkError, match="gone"):
        link.identify()
    assert replace(link.counts).failed == 1


@pytest.mark.parametrize(
    "port",
    [
        "/dev/no-such-port",
        "nonsense://x",
        "",
        "socket://127.0.0.1:1",
        "socket://127.0.0.1",
        "socket://:7",
        "socket://127.0.0.1:x",
        "socket://127.0.0.1:70000",
        "socket://127.0.0.1:7/x",
        "socket://no such host:7",
    ],
)
def test_a_port_that_cannot_be_opened_is_a_usage_error(port: str) -> None:
    with pytest.raises(UsageError, match="cannot be opened") as error:
        open_line(port)
    assert str(error.value).startswith(f"{port}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("patience", [0, -1, float("nan")])
def test_patience_must_be_some_time(patience: float) -> None:
    with pytest.raises(UsageError, match="patience"):
        open_link("COM3", patience=patience)
