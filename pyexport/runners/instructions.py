"""Decodes executed code with capstone: how many instructions, and none outside the core's set."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import capstone

from pyexport.runners.protocol import Finding
from pyexport.runners.unicorn_cores import Core

# 32-bit instructions that a Cortex-M0 has
_M0_WIDE = {"bl", "dmb", "dsb", "isb", "mrs", "msr"}
_FLOAT_GROUPS = {
    capstone.arm.ARM_GRP_VFP2,
    capstone.arm.ARM_GRP_VFP3,
    capstone.arm.ARM_GRP_VFP4,
    capstone.arm.ARM_GRP_FPARMV8,
    capstone.arm.ARM_GRP_NEON,
}
_DSP_GROUPS = {capstone.arm.ARM_GRP_THUMB2DSP, capstone.arm.ARM_GRP_T2EXTRACTPACK}
_RISCV_FOREIGN = {
    capstone.riscv.RISCV_GRP_HASSTDEXTA,
    capstone.riscv.RISCV_GRP_HASSTDEXTD,
    capstone.riscv.RISCV_GRP_HASSTDEXTF,
    capstone.riscv.RISCV_GRP_ISRV64,
}
# RV32E has x0..x15 only
_RISCV_UPPER = range(capstone.riscv.RISCV_REG_X16, capstone.riscv.RISCV_REG_X31 + 1)

_CONDITIONS = {"eq", "ne", "hs", "cs", "lo", "cc", "mi", "pl"}
_CONDITIONS |= {"vs", "vc", "hi", "ls", "ge", "lt", "gt", "le"}


class Decoder:
    """Decodes blocks of one image; every block once."""

    def __init__(self, core: Core, read: Callable[[int, int], bytes]) -> None:
        self._core = core
        self._read = read
        self._blocks: dict[tuple[int, int], list[Any]] = {}
        if core.arm:
            mode = capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS
            if core.target == "cortex-m33":
                mode |= capstone.CS_MODE_V8
            self._capstone = capstone.Cs(capstone.CS_ARCH_ARM, mode)
        else:
            mode = capstone.CS_MODE_RISCV32 | capstone.CS_MODE_RISCVC
            self._capstone = capstone.Cs(capstone.CS_ARCH_RISCV, mode)
        self._capstone.detail = True

    def count(self, address: int, size: int) -> int:
        """Return the number of instructions of a block."""
        return len(self._block(address, size))

    def _block(self, address: int, size: int) -> list[Any]:
        key = (address, size)
        if key not in self._blocks:
            self._blocks[key] = list(self._capstone.disasm(self._read(address, size), address))
        return self._blocks[key]

    def finding(self, blocks: Iterable[tuple[int, int]]) -> Finding:
        """Return whether every instruction of these blocks belongs to the core."""
        foreign: dict[str, None] = {}  # blocks overlap, so one instruction may come twice
        addresses: set[int] = set()
        for address, size in sorted(blocks):
            decoded = self._block(address, size)
            addresses.update(instruction.address for instruction in decoded)
            length = sum(instruction.size for instruction in decoded)
            if length != size:
                foreign[f"undecodable bytes at 0x{address + length:x}"] = None
            for instruction in decoded:
                if not self._belongs(instruction):
                    text = f"{instruction.mnemonic} {instruction.op_str}".strip()
                    foreign[f"{text} at 0x{instruction.address:x}"] = None
        if foreign:
            more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
            shown = "; ".join(list(foreign)[:3])
            return Finding("instructions", False, f"not in the core: {shown}{more}")
        detail = f"{len(addresses)} executed instructions, all in the core's set"
        return Finding("instructions", True, detail)

    def _belongs(self, instruction: Any) -> bool:
        groups = set(instruction.groups)
        if not self._core.arm:
            if groups & _RISCV_FOREIGN:
                return False
            return self._core.target != "rv32ec" or _is_rv32e(instruction)
        if groups & _FLOAT_GROUPS:
            return False
        name = instruction.mnemonic.split(".")[0]
        if self._core.target == "cortex-m0":
            if instruction.size == 4:
                return name in _M0_WIDE
            return name not in ("cbz", "cbnz") and not name.startswith("it")
        if self._core.target == "cortex-m3":
            return not groups & _DSP_GROUPS
        return True


def _is_rv32e(instruction: Any) -> bool:
    """Tell whether a RISC-V instruction needs no multiplier and no register above x15."""
    used = {
        operand.mem.base if operand.type == capstone.riscv.RISCV_OP_MEM else operand.reg
        for operand in instruction.operands
        if operand.type in (capstone.riscv.RISCV_OP_REG, capstone.riscv.RISCV_OP_MEM)
    }
    return capstone.riscv.RISCV_GRP_HASSTDEXTM not in instruction.groups and not any(
        register in _RISCV_UPPER for register in used
    )


def is_single_access(code: bytes) -> bool:
    """Tell whether Thumb code starts with a load or store that v7-M allows at any address.

    LDR, STR, LDRH and STRH are; LDM, LDRD, PUSH and the like fault on a real core.
    """
    decoder = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
    for instruction in decoder.disasm(code, 0, count=1):
        name = instruction.mnemonic.split(".")[0]
        stem = name[:-2] if name[-2:] in _CONDITIONS else name  # inside an IT block: "ldreq"
        return stem in ("ldr", "str", "ldrh", "strh", "ldrsh")
    return False
