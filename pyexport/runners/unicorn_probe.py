"""Proves that the emulator is the core it claims to be: what the core lacks must trap."""

from __future__ import annotations

from unicorn import UC_HOOK_INTR, UC_PROT_ALL
from unicorn.arm_const import UC_ARM_REG_R5

from pyexport.runners.protocol import Finding
from pyexport.runners.unicorn_cores import CORES, Core
from pyexport.runners.unicorn_machine import EmulatorError, new_emulator, reported_model


def probe_core(name: str) -> tuple[Finding, ...]:
    """Return whether the emulator is the core it claims to be.

    Plants instructions that the core lacks and expects a trap, and one that it has and expects
    it to run. The first finding is the model that the emulator reports.
    """
    core = CORES[name]
    emulator, wanted = new_emulator(core)
    model = reported_model(emulator)
    findings = [
        Finding("emulated core", model == wanted, f"unicorn reports model {model} for {core.model}")
    ]
    for lacking in core.lacks:
        trapped = not _runs(core, lacking[1])
        detail = f"{lacking[0]} {'traps' if trapped else 'runs, though the core lacks it'}"
        findings.append(Finding("emulated core", trapped, detail))
    runs = _runs(core, core.has[1])
    detail = f"{core.has[0]} {'runs' if runs else 'traps, though the core has it'}"
    return (*findings, Finding("emulated core", runs, detail))


def _runs(core: Core, code: bytes) -> bool:
    """Tell whether a fresh emulator gets past one instruction."""
    emulator, _ = new_emulator(core)
    emulator.mem_map(0x1000, 0x2000, UC_PROT_ALL)
    emulator.mem_write(0x1000, code + (b"\x00\xbf" if core.arm else b"\x01\x00") * 2)  # nop, nop
    if core.arm:
        emulator.reg_write(UC_ARM_REG_R5, 0x2001)
    stopped: list[int] = []

    def on_interrupt(uc: object, number: int, data: object) -> None:
        stopped.append(number)
        emulator.emu_stop()

    emulator.hook_add(UC_HOOK_INTR, on_interrupt)
    try:
        emulator.emu_start(0x1000 | int(core.arm), 0x1000 + len(code), timeout=1_000_000)
    except EmulatorError:
        return False
    return not stopped
