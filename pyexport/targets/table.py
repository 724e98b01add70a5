"""The table of known targets, in the order in which they are printed."""

from pyexport.errors import UsageError
from pyexport.targets.target import Target

_KIB = 1024


def _cortex_m(
    core: str,
    chip: str,
    guard: str,
    *,
    flash_kib: int,
    ram_kib: int,
    flash_origin: int,
    optimize: str = "-O2",
) -> Target:
    """Return the record of an Arm Cortex-M core; `core` is "m4", say.

    The level is the one that is worth its flash: -O2 saves many instructions on the larger cores,
    few on a Cortex-M0. `pyexport verify --optimize` measures both on a header of yours.
    """
    dsp = "+dsp" if core == "m33" else ""  # optional there, and zig leaves it out
    return Target(
        name=f"cortex-{core}",
        title=f"Arm Cortex-{core.upper()}",
        family="arm",
        chip=chip,
        word_bits=32,
        flash_bytes=flash_kib * _KIB,
        ram_bytes=ram_kib * _KIB,
        guard=guard,
        flash_origin=flash_origin,
        ram_origin=0x2000_0000,
        zig_flags=("-target", "thumb-freestanding-eabi", f"-mcpu=cortex_{core}{dsp}"),
        gcc="arm-none-eabi-gcc",
        # soft float: an M33 may lack the unit. It may lack DSP too, for which kernels have C.
        gcc_flags=(f"-mcpu=cortex-{core}", "-mthumb", "-mfloat-abi=soft"),
        optimize=optimize,
    )


TARGETS: tuple[Target, ...] = (
    Target(
        name="host",
        title="this computer",
        family="host",
        chip="",
        word_bits=64,
        flash_bytes=0,
        ram_bytes=0,
        guard="defined(__unix__) || defined(__APPLE__) || defined(_WIN32)",
        compiler="",
        optimize="-O2",
    ),
    _cortex_m(
        "m0",
        "nRF51822",
        "defined(__ARM_ARCH_6M__)",
        flash_kib=256,
        ram_kib=16,
        flash_origin=0,
        optimize="-Os",
    ),
    _cortex_m(
        "m3",
        "STM32F103CB",
        "defined(__ARM_ARCH_7M__)",
        flash_kib=128,
        ram_kib=20,
        flash_origin=0x0800_0000,
    ),
    _cortex_m(
        "m4",
        "STM32F446RE",
        "defined(__ARM_ARCH_7EM__)",
        flash_kib=512,
        ram_kib=128,
        flash_origin=0x0800_0000,
    ),
    _cortex_m(
        "m7",
        "STM32F746ZG",
        "defined(__ARM_ARCH_7EM__)",
        flash_kib=1024,
        ram_kib=320,
        flash_origin=0x0800_0000,
    ),
    _cortex_m(
        "m33",
        "STM32L552ZE",
        "defined(__ARM_ARCH_8M_MAIN__)",
        flash_kib=512,
        ram_kib=192,
        flash_origin=0x0800_0000,
    ),
    Target(
        name="rv32imc",
        title="RISC-V RV32IMC",
        family="riscv",
        chip="ESP32-C3",
        word_bits=32,
        flash_bytes=4096 * _KIB,
        ram_bytes=384 * _KIB,
        guard="defined(__riscv) && (__riscv_xlen == 32) && defined(__riscv_mul)"
        " && defined(__riscv_compressed)",
        flash_origin=0x4200_0000,
        ram_origin=0x3FC8_0000,
        zig_flags=("-target", "riscv32-freestanding-none", "-mcpu=generic_rv32+m+c"),
        gcc="riscv64-unknown-elf-gcc",
        gcc_flags=("-march=rv32imc", "-mabi=ilp32"),
    ),
    Target(
        name="rv32ec",  # 15 registers, and no instruction that multiplies
        title="RISC-V RV32EC",
        family="riscv",
        chip="CH32V003F4",
        word_bits=32,
        flash_bytes=16 * _KIB,
        ram_bytes=2 * _KIB,
        guard="defined(__riscv) && (__riscv_xlen == 32) && defined(__riscv_32e)"
        " && defined(__riscv_compressed)",
        flash_origin=0x0800_0000,
        ram_origin=0x2000_0000,
        zig_flags=(
            *("-target", "riscv32-freestanding-none", "-mcpu=generic_rv32+e+c"),
            "-mabi=ilp32e",
        ),
        gcc="riscv64-unknown-elf-gcc",
        gcc_flags=("-march=rv32ec", "-mabi=ilp32e"),
        multiplies=False,
    ),
    Target(
        name="wasm32",
        title="WebAssembly",
        family="wasm",
        chip="",
        word_bits=32,
        flash_bytes=0,
        ram_bytes=0,
        guard="defined(__wasm32__)",
        zig_flags=("-target", "wasm32-freestanding"),
        optimize="-O2",
    ),
    Target(
        name="atmega328p",
        title="AVR ATmega328P",
        family="avr",
        chip="ATmega328P",
        word_bits=8,
        flash_bytes=32 * _KIB,
        ram_bytes=2 * _KIB,
        guard="defined(__AVR_ATmega328P__)",
        ram_origin=0x100,
        gcc="avr-gcc",
        gcc_flags=("-mmcu=atmega328p",),
        compiler="gcc",
        optimize="-O2",
        unit="cycles",
    ),
)


def get_target(name: str) -> Target:
    """Return the target called `name`; raises UsageError, which lists the known names."""
    for target in TARGETS:
        if target.name == name:
            return target
    known = ", ".join(target.name for target in TARGETS)
    raise UsageError(f"unknown target {name!r}; known targets: {known}")
