"""A board in memory behind a line as bad as one likes: the real firmware, the real host link.

tests/c/board_memory.cpp replaces the serial line, everything else of the firmware is compiled as it
is flashed. Time is simulated: waiting for an answer that was lost costs none.
"""

from __future__ import annotations

import ctypes
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyexport.runners.compilers import compiler_for
from pyexport.runners.link import Link
from pyexport.targets import get_target

ROOT = Path(__file__).resolve().parent.parent
FIRMWARE = ROOT / "firmware"
LIBRARY = FIRMWARE / "lib" / "pyexport_link" / "src"
_MOST_WRITTEN = 1 << 16
_Bytes = ctypes.c_char * _MOST_WRITTEN


def build_device(folder: Path, include: Path = FIRMWARE / "include") -> Path:
    """Return the firmware as a shared library; `include` is where its model.h lies."""
    compiler = compiler_for(get_target("host"), None)
    includes = [f"-I{path}" for path in (include, LIBRARY, FIRMWARE / "src")]
    flags = ["-O2", "-g", "-fPIC", "-Wall", "-Wextra", "-Werror"]
    objects = []
    sources = [FIRMWARE / "src" / "main.cpp", ROOT / "tests" / "c" / "board_memory.cpp"]
    for source in (*sources, *sorted(LIBRARY.glob("*.c"))):
        cxx = source.suffix == ".cpp"
        tool = compiler.cxx if cxx else compiler.c
        standard = "-std=c++11" if cxx else "-std=c99"
        target = folder / f"{source.stem}.o"
        _run([*tool, standard, *flags, *includes, "-c", str(source), "-o", str(target)])
        objects.append(str(target))
    library = folder / "device.so"
    _run([*compiler.cxx, "-shared", *objects, "-o", str(library)])
    return library


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True)


class Device:
    """The firmware inside this process; a library holds one device."""

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        for name in ("reset", "run", "encode", "decode"):
            getattr(self._library, f"memory_{name}").restype = ctypes.c_size_t
        self._out = _Bytes()
        self.reset()

    def reset(self) -> bytes:
        """Start the firmware anew and return what it writes then."""
        return self._written(self._library.memory_reset(self._out))

    def run(self, data: bytes, now: float = 0.0) -> bytes:
        """Give the firmware bytes that come `now` (seconds) and return what it writes."""
        size = ctypes.c_size_t(len(data))
        milliseconds = ctypes.c_uint32(int(now * 1000) & 0xFFFFFFFF)
        return self._written(self._library.memory_run(data, size, milliseconds, self._out))

    def encode(self, payload: bytes) -> bytes:
        """Return the frame that the firmware's library makes of a payload."""
        size = ctypes.c_size_t(len(payload))
        return self._written(self._library.memory_encode(payload, size, self._out))

    def decode(self, stream: bytes, longest: int) -> tuple[list[bytes], int]:
        """Return the payloads of at most `longest` bytes in a stream, and how much was dropped."""
        dropped = ctypes.c_size_t()
        found = self._written(
            self._library.memory_decode(
                stream,
                ctypes.c_size_t(len(stream)),
                ctypes.c_size_t(longest),
                self._out,
                ctypes.byref(dropped),
            )
        )
        payloads = []
        while found:
            size = int.from_bytes(found[:2], "little")
            payloads.append(found[2 : 2 + size])
            found = found[2 + size :]
        return payloads, dropped.value

    def _written(self, size: int) -> bytes:
        return self._out.raw[:size]


@dataclass(frozen=True)
class Noise:
    """How bad a line is, in both directions unless only answers suffer."""

    bit_errors: float = 0.0  # share of bits that are inverted
    losses: float = 0.0  # share of bytes that vanish
    insertions: float = 0.0  # for each byte, the chance that a random one comes before it
    resets: float = 0.0  # for each request, the chance that the board restarts in the middle of it
    delays: float = 0.0  # for each answer, the chance that it comes only after the next request
    only_answers: bool = False


class NoisyLine:
    """A line to a device in memory, with a clock of its own."""

    def __init__(self, device: Device, noise: Noise, seed: int) -> None:
        self.noise = noise
        self.now = 0.0
        self.sent = 0  # frames that either side put on the line
        self.forged = 0  # requests that the board took for whole although they were damaged
        self.unheard = 0  # requests that arrived whole and were not answered
        self._device = device
        self._random = np.random.Generator(np.random.PCG64([seed, 4]))
        self._inbox = b""
        self._late = b""

    def clock(self) -> float:
        """Return the time in seconds."""
        return self.now

    def write(self, data: bytes) -> None:
        """Send a request through the noise; the answer comes back through it too."""
        self.sent += 1
        arriving = data if self.noise.only_answers else self._through(data)
        whole = int(arriving == data)
        if self._happens(self.noise.resets):
            cut = int(self._random.integers(len(arriving) + 1))
            answer = self._device.run(arriving[:cut], self.now) + self._device.reset()
            arriving = arriving[cut:]
            answer += self._device.run(arriving, self.now)
        else:
            answer = self._device.run(arriving, self.now)
            answered = answer.count(b"\0") // 2  # the board answers each request that it takes
            self.forged += max(0, answered - whole)
            self.unheard += max(0, whole - answered)
        self.sent += answer.count(b"\0") // 2
        answer = self._through(answer)
        late, self._late = self._late, b""
        if self._happens(self.noise.delays):
            self._late, answer = answer, b""
        self._inbox += late + answer

    def read(self, seconds: float) -> bytes:
        """Return what came; where there is nothing, time passes."""
        if not self._inbox:
            self.now += seconds
        data, self._inbox = self._inbox, b""
        return data

    def close(self) -> None:
        """Nothing is open."""

    def _happens(self, chance: float) -> bool:
        return chance > 0 and bool(self._random.random() < chance)

    def _through(self, data: bytes) -> bytes:
        """Return what the noise leaves of bytes on their way."""
        noise, random = self.noise, self._random
        count = random.binomial(8 * len(data), noise.bit_errors) if noise.bit_errors else 0
        if count:
            changed = bytearray(data)
            for bit in random.choice(8 * len(data), size=count, replace=False).tolist():
                changed[bit >> 3] ^= 1 << (bit & 7)
            data = bytes(changed)
        if noise.losses:
            kept = random.random(len(data)) >= noise.losses
            if not kept.all():
                data = bytes(byte for byte, keep in zip(data, kept, strict=True) if keep)
        if noise.insertions:
            places = np.flatnonzero(random.random(len(data)) < noise.insertions)
            for place in reversed(places.tolist()):
                data = data[:place] + random.bytes(1) + data[place:]
        return data


def open_simulated(device: Device, noise: Noise, seed: int) -> tuple[Link, NoisyLine]:
    """Return a link to a device whose line becomes noisy after the board said what it is."""
    line = NoisyLine(device, Noise(), seed)
    link = Link(line, "simulated", clock=line.clock)
    link.identify()
    line.noise = noise
    return link, line
