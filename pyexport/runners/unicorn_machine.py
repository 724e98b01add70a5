"""One emulated chip: its flash and RAM, a window for the host, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import unicorn
from unicorn import (
    UC_ARCH_ARM,
    UC_ARCH_RISCV,
    UC_HOOK_BLOCK,
    UC_HOOK_CODE,
    UC_HOOK_INTR,
    UC_HOOK_MEM_INVALID,
    UC_HOOK_MEM_READ,
    UC_HOOK_MEM_WRITE,
    UC_MODE_RISCV32,
    UC_MODE_THUMB,
    UC_PROT_EXEC,
    UC_PROT_READ,
    UC_PROT_WRITE,
    arm_const,
    riscv_const,
)

from pyexport.errors import CheckFailedError, ToolFailedError
from pyexport.runners.image import Image
from pyexport.runners.instructions import is_single_access
from pyexport.runners.unicorn_cores import Core, get_core
from pyexport.targets import Target

_BINDING: Any = unicorn  # its own types do not cover the constructor
EmulatorError: type[Exception] = _BINDING.UcError
_PAGE = 0x1000
_PAINT = 0xA5
_PAINTED = bytes([_PAINT]) * (1 << 16)  # a part of a stack that nothing wrote to
_IT_STATE = 0x0600_FC00  # of the program status register
_INVALID = {
    unicorn.UC_MEM_READ_UNMAPPED: "read outside flash and RAM",
    unicorn.UC_MEM_WRITE_UNMAPPED: "write outside flash and RAM",
    unicorn.UC_MEM_FETCH_UNMAPPED: "jump outside flash",
    unicorn.UC_MEM_READ_PROT: "read of protected memory",
    unicorn.UC_MEM_WRITE_PROT: "write to flash",
    unicorn.UC_MEM_FETCH_PROT: "code in RAM",
}


def new_emulator(core: Core) -> tuple[Any, int]:
    """Return an emulator of this core (a Uc, which has no types) and the number of its model."""
    if core.arm:
        # never with UC_MODE_MCLASS: unicorn then runs a Cortex-M33 whatever the model
        model = getattr(arm_const, core.model)
        return _BINDING.Uc(UC_ARCH_ARM, UC_MODE_THUMB, model), model
    model = getattr(riscv_const, core.model)
    return _BINDING.Uc(UC_ARCH_RISCV, UC_MODE_RISCV32, model), model


def reported_model(emulator: Any) -> int:
    """Return the number of the model that the emulator really runs."""
    return int(emulator.ctl_get_cpu_model())


class Machine:
    """A chip with an image in its flash, reset and ready to run to the next marker."""

    def __init__(self, target: Target, image: Image, what: str, window: tuple[int, int]) -> None:
        self._target = target
        self._core = get_core(target.name)
        self._image = image
        self._what = what
        self._fault: str | None = None
        self._hooks: list[int] = []
        self.emulator, wanted = new_emulator(self._core)
        if reported_model(self.emulator) != wanted:
            raise ToolFailedError(f"{what}: unicorn does not emulate {self._core.model}")
        self._map(window)
        arm = self._core.arm
        self._sp = arm_const.UC_ARM_REG_SP if arm else riscv_const.UC_RISCV_REG_SP
        self._pc = arm_const.UC_ARM_REG_PC if arm else riscv_const.UC_RISCV_REG_PC
        self._link = arm_const.UC_ARM_REG_LR if arm else riscv_const.UC_RISCV_REG_RA
        self._stop = image.symbol("pyx_stop").address
        self._stack = range(
            image.symbol("pyx_stack_low").address, image.symbol("pyx_stack_high").address
        )

    def _map(self, window: tuple[int, int]) -> None:
        target, emulator = self._target, self.emulator
        emulator.mem_map(target.flash_origin, target.flash_bytes, UC_PROT_READ | UC_PROT_EXEC)
        self._ram_end = target.ram_origin + target.ram_bytes
        # whole pages only; what lies behind the RAM of a small chip is refused by `_on_access`
        self._mapped_end = -(-self._ram_end // _PAGE) * _PAGE
        emulator.mem_map(
            target.ram_origin, self._mapped_end - target.ram_origin, UC_PROT_READ | UC_PROT_WRITE
        )
        if window[1]:
            size = -(-window[1] // _PAGE) * _PAGE
            emulator.mem_map(window[0], size, UC_PROT_READ | UC_PROT_WRITE)
        for address, data in self._image.segments:
            emulator.mem_write(address, data)
        emulator.hook_add(UC_HOOK_MEM_INVALID, self._on_invalid)
        emulator.hook_add(UC_HOOK_INTR, self._on_interrupt)

    def _reset(self) -> int:
        """Return the start address; Arm takes it and the stack pointer from the vector table."""
        if not self._core.arm:
            return self._image.entry
        vectors = self.read(self._target.flash_origin, 8)
        self.emulator.reg_write(self._sp, int.from_bytes(vectors[:4], "little"))
        return int.from_bytes(vectors[4:], "little") & ~1

    def run(self, seconds: float) -> None:
        """Reset the core and run until the firmware enters pyx_stop.

        Raises CheckFailedError for a fault of the firmware, ToolFailedError if it does not get
        there within `seconds`.
        """
        start = self._reset()
        self._fault = None
        try:
            # unicorn misses an `until` that differs from that of an earlier run: it never changes
            self.emulator.emu_start(
                start | int(self._core.arm), self._stop, timeout=int(seconds * 1e6)
            )
        except EmulatorError as error:
            raise CheckFailedError(self._describe(self._fault or str(error))) from None
        if self._fault is not None:
            raise CheckFailedError(self._describe(self._fault))
        if self.program_counter != self._stop:
            raise ToolFailedError(
                f"{self._what}: no result after {seconds:g} s, stopped at "
                f"{self._image.locate(self.program_counter)}"
            )

    def _describe(self, reason: str) -> str:
        where = self._image.locate(self.program_counter)
        return f"{self._what}: {reason}, at {where} (pc 0x{self.program_counter:08x})"

    def _on_invalid(
        self, uc: object, access: int, address: int, size: int, value: int, data: object
    ) -> bool:
        reason = _INVALID.get(access, "invalid access")
        place = self._image.locate(address)
        shown = f" ({place})" if not place.startswith("0x") else ""
        self._fault = f"{reason}: {size} bytes at 0x{address:08x}{shown}"
        return False

    def _on_interrupt(self, uc: object, number: int, data: object) -> None:
        self._fault = f"the core took exception {number}"
        self.emulator.emu_stop()

    def _on_access(
        self, uc: object, access: int, address: int, size: int, value: int, data: object
    ) -> None:
        self._end_it_block()
        if self._ram_end < address + size <= self._mapped_end and self._fault is None:
            verb = "write" if access == unicorn.UC_MEM_WRITE else "read"
            self._fault = f"{verb} outside flash and RAM: {size} bytes at 0x{address:08x}"
            self.emulator.emu_stop()
        # LDRD and LDM need word alignment only; RISC-V has nothing wider than a word
        if address % min(size, 4) == 0 or self._fault is not None:
            return
        code = self.read(self.program_counter, 4)
        if not (self._core.unaligned_words and is_single_access(code)):
            self._fault = f"unaligned access: {size} bytes at 0x{address:08x}"
            self.emulator.emu_stop()

    def _end_it_block(self) -> None:
        """Clear the state of an IT block: after a hook unicorn keeps it, and skips what follows."""
        if self._core.unaligned_words:  # Armv7-M and later
            status = int(self.emulator.reg_read(arm_const.UC_ARM_REG_XPSR))
            if status & _IT_STATE:
                self.emulator.reg_write(arm_const.UC_ARM_REG_XPSR, status & ~_IT_STATE)

    def watch_accesses(self) -> None:
        """Make a fault of every access that is unaligned for the core, or right behind its RAM.

        Until `unhook`; slow.
        """
        kinds = UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE
        self._hooks.append(self.emulator.hook_add(kinds, self._on_access))

    def watch_blocks(self, on_block: Callable[[int, int], None]) -> None:
        """Call `on_block(address, size)` for every executed block until `unhook`; slow."""

        def hook(uc: object, address: int, size: int, data: object) -> None:
            on_block(address, size)

        self._hooks.append(self.emulator.hook_add(UC_HOOK_BLOCK, hook))

    def watch_instructions(self, on_instruction: Callable[[int], None]) -> None:
        """Call `on_instruction(address)` before every instruction until `unhook`; very slow."""

        def hook(uc: object, address: int, size: int, data: object) -> None:
            on_instruction(address)

        self._hooks.append(self.emulator.hook_add(UC_HOOK_CODE, hook))

    def unhook(self) -> None:
        """Remove what the watch functions added."""
        for hook in self._hooks:
            self.emulator.hook_del(hook)
        self._hooks.clear()

    @property
    def program_counter(self) -> int:
        """Address of the next instruction."""
        return int(self.emulator.reg_read(self._pc)) & ~1

    @property
    def stack_pointer(self) -> int:
        """Value of the stack pointer."""
        return int(self.emulator.reg_read(self._sp))

    @property
    def return_address(self) -> int:
        """Value of the link register."""
        return int(self.emulator.reg_read(self._link)) & ~1

    def read(self, address: int, size: int) -> bytes:
        """Return bytes of the chip's memory."""
        return bytes(self.emulator.mem_read(address, size))

    def write(self, address: int, data: bytes) -> None:
        """Write bytes into the chip's memory."""
        self.emulator.mem_write(address, data)

    def paint_stack(self) -> None:
        """Fill the whole stack with a pattern."""
        self.write(self._stack.start, bytes([_PAINT]) * len(self._stack))

    def lowest_painted_over(self) -> int:
        """Return the lowest stack address that no longer holds the pattern."""
        for start in range(self._stack.start, self._stack.stop, len(_PAINTED)):
            part = self.read(start, min(len(_PAINTED), self._stack.stop - start))
            if not _PAINTED.startswith(part):
                return start + len(part) - len(part.lstrip(_PAINTED[:1]))
        return self._stack.stop


def machine_words(values: tuple[int, ...]) -> bytes:
    """Return 32-bit little-endian words."""
    return b"".join(value.to_bytes(4, "little") for value in values)
