"""The firmware's side of the link, compiled for this computer, against the host's in Python."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyexport.runners.compilers import WARNINGS, compiler_for, compiler_problem, find_compiler
from pyexport.runners.frames import FrameReader, encode_frame
from pyexport.runners.messages import PROTOCOL, Ask, Request, Status, is_tagged, read_answer
from pyexport.targets import get_target
from scripts.link_simulator import FIRMWARE, LIBRARY
from tests.firmware.link_device import artifact, device

IDENTITY = bytes.fromhex(artifact().identity)


def answers(stream: bytes, now: float = 0.0) -> list[bytes]:
    """Return the payloads that the device answers to a stream."""
    reader = FrameReader()
    found = reader.feed(device().run(stream, now))
    assert reader.dropped == 0
    return found


@pytest.fixture(autouse=True)
def fresh() -> None:
    device().reset()


@given(st.binary(min_size=1, max_size=1200))
@example(bytes(300))
@example(b"\1" * 250)
@example(b"\1" * 251)
@example(b"\1" * 504 + b"\0")
def test_frames_are_the_same_bytes_in_c_and_in_python(payload: bytes) -> None:
    frame = device().encode(payload)
    assert frame == encode_frame(payload)
    assert device().decode(frame, len(payload)) == ([payload], 0)


@given(st.lists(st.one_of(st.binary(max_size=40), st.binary(min_size=1).map(encode_frame))))
def test_both_sides_find_the_same_frames_in_any_stream(pieces: list[bytes]) -> None:
    stream = b"".join(pieces) + b"\0"
    reader = FrameReader()
    expected = reader.feed(stream)
    assert device().decode(stream, 4000) == (expected, reader.dropped + reader.greetings)


@given(st.binary(min_size=1, max_size=80), st.data())
def test_no_damaged_bit_goes_unseen(payload: bytes, data: st.DataObject) -> None:
    frame = bytearray(encode_frame(payload))
    bit = data.draw(st.integers(8, 8 * len(frame) - 9))
    frame[bit // 8] ^= 1 << bit % 8
    found, dropped = device().decode(bytes(frame), 100)
    assert (found, dropped >= 1) == ([], True)


@pytest.mark.parametrize("cut", [b"\5abc\0", b"\3ab\0", b"\xff" + b"x" * 253 + b"\0"])
def test_a_block_that_ends_early_is_dropped(cut: bytes) -> None:
    assert device().decode(cut, 600) == ([], 1)


@given(st.binary(min_size=1, max_size=60), st.integers(0, 60))
def test_a_frame_longer_than_the_buffer_is_dropped_whole(payload: bytes, longest: int) -> None:
    frame, after = encode_frame(payload), encode_frame(b"")
    found, dropped = device().decode(frame + after, longest)
    assert found == ([payload] if len(payload) <= longest else [])
    assert dropped == (len(payload) > longest) + 1, "an empty payload is no frame"


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_whatever_came_before_a_request_is_answered(noise: list[bytes]) -> None:
    request = Request(Ask.SELFTEST, 77)
    *_, last = answers(b"\0".join(noise) + encode_frame(request.payload))
    answer = read_answer(last, request)
    assert answer is not None
    assert (answer.status, answer.body) == (Status.OK, b"\1")
    assert is_tagged(last, request, IDENTITY)


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        (bytes([PROTOCOL, 2, 5, 0]) + bytes(63), Status.WRONG_LENGTH),
        (bytes([PROTOCOL, 2, 5, 0]) + bytes(65), Status.WRONG_LENGTH),
        (bytes([PROTOCOL, 3, 5, 0]) + bytes(9), Status.WRONG_LENGTH),
        (bytes([PROTOCOL, 1, 5, 0, 0]), Status.WRONG_LENGTH),
        (bytes([PROTOCOL, 0, 5, 0]), Status.UNKNOWN_TYPE),
        (bytes([PROTOCOL, 5, 5, 0]), Status.UNKNOWN_TYPE),
        (bytes([PROTOCOL, 0x82, 5, 0]), Status.UNKNOWN_TYPE),
        (bytes([PROTOCOL + 1, 1, 5, 0]), Status.WRONG_VERSION),
        (bytes([PROTOCOL + 1, 99, 5, 0, 1, 2, 3]), Status.WRONG_VERSION),
    ],
)
def test_a_whole_frame_that_cannot_be_obeyed_is_answered(payload: bytes, status: Status) -> None:
    (answer,) = answers(encode_frame(payload))
    assert answer[:5] == bytes([PROTOCOL, payload[1] | 0x80, 5, 0, status])
    assert len(answer) == 9, "head, status and tag"


def test_a_frame_too_short_for_a_request_is_dropped() -> None:
    assert answers(encode_frame(b"\2\1\0")) == []
    (facts,) = answers(encode_frame(Request(Ask.IDENTIFY, 0).payload))
    assert facts[33:41] == bytes([1, 0, 0, 0, 1, 0, 0, 0]), "one request, one dropped"


def test_the_same_request_again_is_not_computed_again() -> None:
    first = encode_frame(Request(Ask.PREDICT, 9, bytes(64)).payload)
    other = encode_frame(Request(Ask.PREDICT, 10, bytes(64)).payload)
    (once,), (again,), (later,) = answers(first), answers(first), answers(other)
    assert once == again
    assert later != once
    (facts,) = answers(encode_frame(Request(Ask.IDENTIFY, 0).payload))
    assert facts[41:45] == bytes([1, 0, 0, 0])


def test_outputs_of_an_argmax_do_not_pass_for_those_of_a_prediction() -> None:
    request = encode_frame(Request(Ask.PREDICT, 9, bytes(64)).payload)
    (once,) = answers(request)
    answers(encode_frame(Request(Ask.ARGMAX, 3, bytes(range(10))).payload))
    assert answers(request) == [once]


def test_half_a_frame_is_forgotten_after_a_time() -> None:
    frame = encode_frame(Request(Ask.SELFTEST, 1).payload)
    begin, end = frame[:5], frame[5:]
    assert answers(begin, 1.0) == []
    assert len(answers(end, 1.1)) == 1, "a short pause is no harm"
    assert answers(begin, 2.0) == []
    assert answers(end, 2.5) == []


def test_a_slow_line_is_no_broken_one() -> None:
    frame = encode_frame(Request(Ask.SELFTEST, 1).payload)
    found = [answer for i, byte in enumerate(frame) for answer in answers(bytes([byte]), 0.15 * i)]
    assert len(found) == 1, "only the pause between two bytes counts"


def test_the_clock_may_wrap_within_a_frame() -> None:
    frame = encode_frame(Request(Ask.SELFTEST, 1).payload)
    wrap = 2**32 / 1000
    assert answers(frame[:5], wrap - 0.05) == []
    assert len(answers(frame[5:], wrap + 0.05)) == 1


COMPILERS = {
    "gcc": (),
    "clang": (),
    "zig": (),
    "avr-gcc": ("-mmcu=atmega328p", "-Os"),
    "arm-none-eabi-gcc": ("-mcpu=cortex-m0", "-mthumb", "-Os"),
    "riscv64-unknown-elf-gcc": ("--specs=picolibc.specs", "-march=rv32imac", "-mabi=ilp32", "-Os"),
}


@pytest.mark.parametrize("name", COMPILERS)
def test_the_library_compiles_without_a_warning(name: str, tmp_path: Path) -> None:
    problem = compiler_problem(name)
    if problem is not None:
        pytest.skip(problem)
    for source in sorted(LIBRARY.glob("*.c")):
        flags = ["-std=c99", *WARNINGS, *COMPILERS[name]]
        command = [*find_compiler(name).c, *flags, "-c", str(source), "-o", "out.o"]
        subprocess.run(command, check=True, cwd=tmp_path)


def test_the_library_and_the_application_are_cpp11_too(tmp_path: Path) -> None:
    compiler = compiler_for(get_target("host"), None)
    flags = ["-std=c++11", *WARNINGS, f"-I{LIBRARY}", f"-I{FIRMWARE / 'include'}"]
    for source in (*sorted(LIBRARY.glob("*.c")), FIRMWARE / "src" / "main.cpp"):
        command = [*compiler.cxx, "-x", "c++", *flags, "-c", str(source), "-o", "out.o"]
        subprocess.run(command, check=True, cwd=tmp_path)
