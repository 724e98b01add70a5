"""The cores that unicorn emulates: models, build attributes, what each one lacks."""

from __future__ import annotations

from dataclasses import dataclass

from pyexport.errors import ToolFailedError
from pyexport.runners.image import Image
from pyexport.runners.protocol import Finding

# Thumb instructions, two bytes a halfword, little endian
_SDIV = ("sdiv r0, r1, r2", bytes.fromhex("91fbf2f0"))
_UDIV = ("udiv r0, r1, r2", bytes.fromhex("b1fbf2f0"))
_MLA = ("mla r0, r1, r2, r3", bytes.fromhex("01fb0230"))
_SMULL = ("smull r0, r1, r2, r3", bytes.fromhex("82fb0301"))
_UNALIGNED = ("ldr r0, [r5] with an odd r5", bytes.fromhex("2868"))
_SXTB16 = ("sxtb16 r0, r1", bytes.fromhex("2ffa81f0"))
_SMLABB = ("smlabb r0, r1, r2, r3", bytes.fromhex("11fb0230"))
_VADD = ("vadd.f32 s0, s1, s2", bytes.fromhex("30ee810a"))
_VADD64 = ("vadd.f64 d0, d1, d2", bytes.fromhex("31ee020b"))
_TT = ("tt r0, r1", bytes.fromhex("41e800f0"))
_FADD = ("fadd.s fa0, fa1, fa2", bytes.fromhex("53f5c500"))
_SH1ADD = ("sh1add a0, a1, a2", bytes.fromhex("33a5c520"))
_EBREAK = ("ebreak", bytes.fromhex("73001000"))


@dataclass(frozen=True)
class Core:
    """One emulated core."""

    target: str
    arm: bool
    model: str  # name of unicorn's constant
    attributes: tuple[tuple[str, object], ...]  # what the image's build attributes must say
    lacks: tuple[tuple[str, bytes], ...]  # instructions that must trap
    has: tuple[str, bytes]  # one that must run, so that a trap means something
    unaligned_words: bool = False  # LDR and STR work at any address


CORES: dict[str, Core] = {
    core.target: core
    for core in (
        Core(
            "cortex-m0",
            True,
            "UC_CPU_ARM_CORTEX_M0",
            (("TAG_CPU_ARCH", 12),),  # v6S-M
            (_SDIV, _UDIV, _MLA, _SMULL, _UNALIGNED, _SXTB16, _SMLABB, _VADD, _TT),
            ("muls r0, r1", bytes.fromhex("4843")),
        ),
        Core(
            "cortex-m3",
            True,
            "UC_CPU_ARM_CORTEX_M3",
            (("TAG_CPU_ARCH", 10), ("TAG_CPU_ARCH_PROFILE", ord("M"))),  # v7
            (_SXTB16, _SMLABB, _VADD, _TT),
            _UDIV,
            unaligned_words=True,
        ),
        Core(
            "cortex-m4",
            True,
            "UC_CPU_ARM_CORTEX_M4",
            (("TAG_CPU_ARCH", 13),),  # v7E-M
            (_VADD64, _TT),
            _SXTB16,
            unaligned_words=True,
        ),
        Core(
            "cortex-m7",
            True,
            "UC_CPU_ARM_CORTEX_M7",
            (("TAG_CPU_ARCH", 13),),
            (_TT,),
            _SXTB16,
            unaligned_words=True,
        ),
        Core(
            "cortex-m33",
            True,
            "UC_CPU_ARM_CORTEX_M33",
            (("TAG_CPU_ARCH", 17),),  # v8-M.mainline
            (_VADD64,),
            _TT,
            unaligned_words=True,
        ),
        Core(
            "rv32imc",
            False,
            "UC_CPU_RISCV32_BASE32",
            (("TAG_ARCH", "rv32i"),),
            (_FADD, _SH1ADD, _EBREAK),
            ("mul a0, a1, a2", bytes.fromhex("3385c502")),
        ),
    )
}


def probe_core(name: str) -> tuple[Finding, ...]:
    """Return whether the emulator is the core it claims to be.

    Plants instructions that the core lacks and expects a trap, and one that it has and expects
    it to run. The first finding is the model that the emulator reports.
    """
    from pyexport.runners.unicorn_machine import new_emulator, reported_model

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
    from unicorn import UC_HOOK_INTR, UC_PROT_ALL
    from unicorn.arm_const import UC_ARM_REG_R5

    from pyexport.runners.unicorn_machine import EmulatorError, new_emulator

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


def architecture_finding(core: Core, image: Image) -> Finding:
    """Return whether the image's build attributes are those of the core."""
    found = dict(image.attributes)
    for tag, wanted in core.attributes:
        value = found.get(tag)
        if isinstance(wanted, str):
            text = str(value)
            extensions = {part.rstrip("0123456789p") for part in text.split("_")}
            if extensions - {"rv32i", "m", "c", "zmmul", "zca"} or wanted not in extensions:
                return Finding("architecture", False, f"{tag} is {value!r}, not RV32IMC")
        elif value != wanted:
            return Finding("architecture", False, f"{tag} is {value!r}, not {wanted!r}")
    shown = ", ".join(f"{tag} {found[tag]}" for tag, _ in core.attributes)
    return Finding("architecture", True, f"build attributes say {shown}")


def get_core(name: str) -> Core:
    """Return the core of a target; raises ToolFailedError if unicorn has no such core."""
    if name not in CORES:
        raise ToolFailedError(f"{name}: unicorn emulates no such core")
    return CORES[name]
