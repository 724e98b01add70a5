"""Counts instructions and stack of single predictions on an emulated core, exactly."""

from __future__ import annotations

from dataclasses import dataclass

from pyexport.runners.image import Image
from pyexport.runners.instructions import Decoder
from pyexport.runners.protocol import Array, Finding, HeaderInterface
from pyexport.runners.unicorn_cores import Core
from pyexport.runners.unicorn_machine import Machine

_SECONDS = 600.0  # block hooks slow the emulator down about thirty times


@dataclass(frozen=True)
class Profile:
    """What a set of single predictions cost."""

    counts: tuple[int, ...]  # instructions of each call, from entry to return
    stack_bytes: int  # most bytes below the caller's stack pointer
    instructions: Finding  # whether every executed instruction belongs to the core


def profile(
    core: Core, machine: Machine, image: Image, inputs: Array, interface: HeaderInterface
) -> Profile:
    """Predict each row alone in the image that only predicts, and count."""
    decoder = Decoder(core, machine.read)
    meter = Meter(machine, decoder, image.symbol("pyx_predict").address)
    place = image.symbol("pyx_ram").address + interface.guard_bytes
    counts: list[int] = []
    machine.write(place, inputs[0].tobytes())
    stack = _reserved(machine, image.symbol("pyx_predict").address)
    machine.watch_blocks(meter.on_block)
    try:
        for row in inputs:
            machine.write(place, row.tobytes())
            machine.paint_stack()
            meter.start()
            machine.run(_SECONDS)
            counts.append(meter.count)
            stack = max(stack, meter.caller - machine.lowest_painted_over())
    finally:
        machine.unhook()
    return Profile(tuple(counts), stack, decoder.finding(meter.blocks))


def _reserved(machine: Machine, entry: int) -> int:
    """Return how far one prediction moves the stack pointer.

    A frame that is reserved but not written leaves the paint untouched and shows only here.
    """
    pointers: list[int] = []

    def on_instruction(address: int) -> None:
        if pointers or address == entry:
            pointers.append(machine.stack_pointer)

    machine.watch_instructions(on_instruction)
    try:
        machine.run(_SECONDS)
    finally:
        machine.unhook()
    return pointers[0] - min(pointers)


class Meter:
    """Counts the instructions between the entry of predict and its return."""

    def __init__(self, machine: Machine, decoder: Decoder, entry: int) -> None:
        self._machine = machine
        self._decoder = decoder
        self._entry = entry
        self._back = -1  # address behind the call, -1 outside of predict
        self.count = 0
        self.caller = 0  # stack pointer at the entry of predict
        self.blocks: set[tuple[int, int]] = set()

    def start(self) -> None:
        """Forget the last prediction."""
        self.count = 0
        self._back = -1

    def on_block(self, address: int, size: int) -> None:
        if self._back == -1:
            if address != self._entry:
                return
            self._back = self._machine.return_address
            self.caller = self._machine.stack_pointer
        elif address == self._back:
            self._back = -1
            return
        self.count += self._decoder.count(address, size)
        self.blocks.add((address, size))
