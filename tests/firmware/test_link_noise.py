"""Noise on the line: every question ends with the right answer or a reported error, and then the
link works again.
"""

from __future__ import annotations

import pytest
from cobs import cobs

from pyexport.runners import frames, link
from pyexport.runners.frames import encode_frame
from pyexport.runners.messages import Ask
from scripts.evidence_topics.firmware_noise import Tally, ask_through
from scripts.link_simulator import Device, Noise, NoisyLine, open_simulated
from tests.firmware.link_device import device

FRAMES = 3000
NOISES = {
    "bit errors 1e-4": Noise(bit_errors=1e-4),
    "bit errors 1e-3": Noise(bit_errors=1e-3),
    "bit errors 1e-2": Noise(bit_errors=1e-2),
    "bit errors 1e-2 in answers": Noise(bit_errors=1e-2, only_answers=True),
    "losses": Noise(losses=2e-3),
    "insertions": Noise(insertions=2e-3),
    "resets in the middle of a request": Noise(resets=0.1),
    "late answers": Noise(delays=0.3),
    "all at once": Noise(5e-4, 5e-4, 5e-4, 0.02, 0.05),
}


@pytest.fixture(params=NOISES.items(), ids=NOISES, scope="module")
def tally(request: pytest.FixtureRequest) -> tuple[str, Tally]:
    name, noise = request.param
    return name, ask_through(device(), noise, FRAMES, seed=2)


def test_nothing_is_lost_or_corrupted(tally: tuple[str, Tally]) -> None:
    _, t = tally
    assert t.frames >= FRAMES
    assert t.asked == t.right + t.errors > 0
    assert (t.wrong, t.lost) == (0, 0)


def test_most_questions_are_answered_on_a_bad_line(tally: tuple[str, Tally]) -> None:
    name, t = tally
    if name == "bit errors 1e-2":  # hardly any frame of this length gets through
        assert t.errors > t.right
    else:
        assert t.right > 0.9 * t.asked


@pytest.mark.parametrize("rate", [1e-3, 1e-2])
def test_the_board_takes_no_damaged_request_for_whole(rate: float) -> None:
    t = ask_through(device(), Noise(bit_errors=rate), FRAMES, seed=3)
    assert (t.forged, t.unheard) == (0, 0)
    assert t.dropped > 0


def test_a_question_without_an_end_would_be_seen_here(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = link.Link.ask
    number = 0

    def broken(self: link.Link, ask: Ask, body: bytes = b"") -> bytes:
        nonlocal number
        number += 1
        if number % 10 == 2:
            self.counts.asked += 1
            raise ValueError("a bug that is no LinkError")
        return honest(self, ask, body)

    monkeypatch.setattr(link.Link, "ask", broken)
    t = ask_through(device(), Noise(), 100, seed=4)
    assert t.lost == t.asked - t.right > 0


def test_a_question_that_takes_too_long_would_be_seen_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = {**(link.Link.__init__.__kwdefaults__ or {}), "patience": 60.0}
    monkeypatch.setattr(link.Link.__init__, "__kwdefaults__", slow)
    t = ask_through(device(), NOISES["bit errors 1e-2"], FRAMES, seed=4)
    assert t.lost == t.overdue > 0


def test_a_lost_request_does_not_hide_a_forged_one() -> None:
    request = encode_frame(bytes(70))

    class Liar(Device):
        def __init__(self) -> None:
            """Build nothing."""

        def run(self, data: bytes, now: float = 0.0) -> bytes:
            return b"" if data == request else b"\0answer\0"

    line = NoisyLine(Liar(), Noise(bit_errors=1e-3), seed=1)
    for _ in range(100):
        line.write(request)
    assert line.forged > 20
    assert line.unheard > 20
    assert line.forged + line.unheard == 100


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
def test_when_the_noise_ends_the_next_question_is_answered_at_once(noise: Noise) -> None:
    device().reset()
    host, line = open_simulated(device(), noise, seed=5)
    for number in range(50):
        try:
            host.ask(Ask.PREDICT, bytes([number] * 64))
        except Exception as error:
            assert type(error).__name__ == "LinkError"
    line.noise = Noise()
    resent = host.counts.resent
    assert host.ask(Ask.SELFTEST) == b"\1"
    assert host.counts.resent == resent


def test_a_late_answer_is_not_computed_twice() -> None:
    device().reset()
    host, line = open_simulated(device(), Noise(delays=1.0), seed=6)
    host.ask(Ask.PREDICT, bytes(64))
    line.noise = Noise()
    assert host.identify().repeats == 1


def test_without_checksums_corruption_would_be_seen_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def unchecked(frame: bytes) -> bytes | None:
        try:
            return bytes(cobs.decode(frame))[: -frames.CRC_BYTES]
        except cobs.DecodeError:
            return None

    noise = Noise(bit_errors=1e-3, only_answers=True)
    monkeypatch.setattr(frames, "decode_frame", unchecked)
    assert ask_through(device(), noise, FRAMES, seed=7).wrong == 0, "the tag alone is enough"
    monkeypatch.setattr(link, "is_tagged", lambda *_: True)
    assert ask_through(device(), noise, FRAMES, seed=7).wrong > 50
