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
    extensions: frozenset[str] = frozenset()  # of RISC-V, that an image's TAG_ARCH may name


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
            extensions=frozenset({"rv32i", "m", "c", "zmmul", "zca"}),
        ),
        Core(  # unicorn also runs products and registers above x15: instructions.py refuses them
            "rv32ec",
            False,
            "UC_CPU_RISCV32_BASE32",
            (("TAG_ARCH", "rv32e"), ("e_flags", 0x9)),  # RVE and RVC
            (_FADD, _SH1ADD, _EBREAK),
            ("sub a0, a1, a2", bytes.fromhex("3385c540")),
            extensions=frozenset({"rv32e", "c", "zca"}),
        ),
    )
}


def architecture_finding(core: Core, image: Image) -> Finding:
    """Return whether the image's build attributes are those of the core."""
    found = dict(image.attributes)
    for tag, wanted in core.attributes:
        value = found.get(tag)
        if isinstance(wanted, str):
            text = str(value)
            extensions = {part.rstrip("0123456789p") for part in text.split("_")}
            if extensions - core.extensions or wanted not in extensions:
                title = core.target.upper()
                return Finding("architecture", False, f"{tag} is {value!r}, not {title}")
        elif value != wanted:
            return Finding("architecture", False, f"{tag} is {value!r}, not {wanted!r}")
    shown = ", ".join(f"{tag} {found[tag]}" for tag, _ in core.attributes)
    return Finding("architecture", True, f"build attributes say {shown}")


def get_core(name: str) -> Core:
    """Return the core of a target; raises ToolFailedError if unicorn has no such core."""
    if name not in CORES:
        raise ToolFailedError(f"{name}: unicorn emulates no such core")
    return CORES[name]
