"""Two inputs with the same tag, one after the other: each gets its own answer."""

from __future__ import annotations

from pyexport.runners.frames import crc32c
from pyexport.runners.messages import Ask, Request
from scripts.link_simulator import Noise, open_simulated
from tests.firmware.link_device import artifact, device

SIZE = 64  # pixels, 0..15 here: four bits each that can be chosen


def tag(identity: bytes, number: int, pixels: bytes) -> int:
    """Return the tag state that the board keeps of a prediction."""
    return crc32c(Request(Ask.PREDICT, number, pixels).payload, crc32c(identity))


def colliding(identity: bytes, wanted: int, number: int) -> bytes:
    """Return pixels whose request has the wanted tag: CRCs are linear, so bits are solved for."""
    empty = tag(identity, number, bytes(SIZE))
    basis: dict[int, tuple[int, bytes]] = {}  # by highest bit: what pixels change in the tag
    for place in range(4 * SIZE):
        pixels = bytearray(SIZE)
        pixels[place // 4] = 1 << place % 4
        change, made = tag(identity, number, bytes(pixels)) ^ empty, bytes(pixels)
        while change:
            known = basis.get(change.bit_length())
            if known is None:
                basis[change.bit_length()] = change, made
                break
            change ^= known[0]
            made = bytes(a ^ b for a, b in zip(made, known[1], strict=True))
    left, found = wanted ^ empty, bytes(SIZE)
    while left:
        change, made = basis[left.bit_length()]
        left ^= change
        found = bytes(a ^ b for a, b in zip(found, made, strict=True))
    return found


def test_questions_of_equal_tags_are_told_apart() -> None:
    board = device()
    board.reset()
    link, _ = open_simulated(board, Noise(), seed=1)
    identity = bytes.fromhex(artifact().identity)
    link.identify()
    number = link._sequence + 1
    first = bytes(range(16)) * 4
    second = colliding(identity, tag(identity, number & 0xFFFF, first), (number + 1) & 0xFFFF)
    assert first != second
    answers = [link.ask(Ask.PREDICT, pixels) for pixels in (first, second)]
    assert link.identify().repeats == 0
    assert answers[0] != answers[1]
    assert link.ask(Ask.PREDICT, second) == answers[1]
