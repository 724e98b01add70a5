"""Headers are clean C99 and C++11 on every compiler, alone, together, and in two files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pyexport.errors import UsageError
from pyexport.pipeline import Export
from pyexport.targets import TARGETS, get_target
from tests.codegen.compile_c import C99, CXX11, FLOAT_FLAGS, compile_c, compile_problems
from tests.networks import Recipe, build, export, export_recipe

MODELS = {
    "digits": Recipe((64, 32, 16, 10)),
    "shifts": Recipe((7, 40, 3), "relu6", True, (-100.0, 100.0), gain=3.0, seed=1),
    "binary": Recipe((33, 1, 17), "hardtanh", False, (0.0, 1.0), seed=3),
    "single": Recipe((7, 9, 3), "relu6", True, (-1.0, 1.0), False, "float32", seed=8),
}
ARM = ("-mcpu=cortex-m0", "-mthumb")
RISCV = ("-march=rv32imc", "-mabi=ilp32", "-ffreestanding")
ZIG = (sys.executable, "-m", "ziglang")
COMPILERS = {
    "gcc": ("gcc", *C99, "-O2"),
    "g++": ("g++", *CXX11, "-O2"),
    "clang": ("clang", *C99, "-O2"),
    "clang++": ("clang++", *CXX11, "-O2"),
    "arm-none-eabi-gcc": ("arm-none-eabi-gcc", *ARM, *C99, "-Os"),
    "arm-none-eabi-g++": ("arm-none-eabi-g++", *ARM, *CXX11, "-Os"),
    "avr-gcc": ("avr-gcc", "-mmcu=atmega328p", *C99, "-Os"),
    "avr-g++": ("avr-g++", "-mmcu=atmega328p", *CXX11, "-Os"),
    "riscv64-unknown-elf-gcc": ("riscv64-unknown-elf-gcc", *RISCV, *C99, "-Os"),
    "riscv64-unknown-elf-g++": ("riscv64-unknown-elf-g++", *RISCV, *CXX11, "-Os"),
    "zig cc": (*ZIG, "cc", *C99, "-O2"),
    "zig c++": (*ZIG, "c++", *CXX11, "-O2"),
    "zig cc riscv32e": (*ZIG, "cc", *get_target("rv32ec").zig_flags, *C99, "-Os"),
    "zig cc thumb": (*ZIG, "cc", "-target", "thumb-freestanding-eabi", "-mcpu=cortex_m4", *C99),
}


@pytest.fixture(scope="module")
def exports() -> dict[str, Export]:
    return {name: export_recipe(recipe, name) for name, recipe in MODELS.items()}


def write_headers(exports: dict[str, Export], folder: Path) -> None:
    for name, exported in exports.items():
        (folder / f"{name}.h").write_text(exported.header)


def user_source(names: list[str], prefix: str = "use") -> str:
    """Return a file that includes models and calls all that they offer."""
    lines = []
    for name in names:
        lines += [f"#define {name.upper()}_SELFTEST", f'#include "{name}.h"']
    for name in names:
        upper = name.upper()
        number = "float" if MODELS[name].scheme == "float32" else None
        in_type = number or ("int8_t" if MODELS[name].input_range[0] < 0 else "uint8_t")
        out_type = number or ("uint8_t" if MODELS[name].softmax else "int8_t")
        lines += [
            f"int {prefix}_{name}(const {in_type} *in);",
            f"int {prefix}_{name}(const {in_type} *in)",
            "{",
            f"    {out_type} out[{upper}_OUTPUT_SIZE];",
            f"    static {name}_scratch_t scratch[{upper}_SCRATCH_SIZE];",
            f"    {name}_predict(in, out);",
            f"    {name}_predict_scratch(in, out, scratch);",
            f"    return {name}_argmax(out) + ({name}_selftest() ? 1 : 0);",
            "}",
        ]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("compiler", COMPILERS)
def test_all_models_in_one_file_compile_without_a_warning(
    compiler: str, exports: dict[str, Export], tmp_path: Path
) -> None:
    write_headers(exports, tmp_path)
    (tmp_path / "use.c").write_text(user_source(list(exports)))
    command = (*COMPILERS[compiler], *FLOAT_FLAGS, "-c")
    compile_c([tmp_path / "use.c"], tmp_path / "use.o", command)


@pytest.mark.parametrize("language", [("gcc", *C99), ("g++", *CXX11)], ids=["c99", "c++11"])
def test_models_in_two_files_of_one_program_run(
    language: tuple[str, ...], exports: dict[str, Export], tmp_path: Path
) -> None:
    write_headers(exports, tmp_path)
    (tmp_path / "a.c").write_text(user_source(["digits", "binary"], "a"))
    (tmp_path / "b.c").write_text(user_source(["shifts", "single"], "b"))
    (tmp_path / "main.c").write_text(
        '#define DIGITS_SELFTEST\n#define SINGLE_SELFTEST\n#include "digits.h"\n'
        '#include "single.h"\nint a_binary(const uint8_t *in);\nint b_shifts(const int8_t *in);\n'
        "int main(void)\n{\n    static const uint8_t ones[33] = {1};\n"
        "    static const int8_t values[7] = {-100, 3, 100};\n"
        "    if (!digits_selftest() || !single_selftest()) {\n        return 1;\n    }\n"
        "    return a_binary(ones) >= 1 && b_shifts(values) >= 1 ? 0 : 2;\n}\n"
    )
    sources = [tmp_path / f for f in ("main.c", "a.c", "b.c")]
    compile_c(sources, tmp_path / "program", (*language, *FLOAT_FLAGS))
    assert subprocess.run([tmp_path / "program"]).returncode == 0


@pytest.mark.parametrize("target", [t for t in TARGETS if t.name != "host"], ids=lambda t: t.name)
def test_a_specialized_header_stops_another_compiler(target: object, tmp_path: Path) -> None:
    name, title = target.name, target.title  # type: ignore[attr-defined]
    header = export(build(MODELS["digits"]), "digits", target=name).header
    assert f"target      {title}" in header
    (tmp_path / "digits.h").write_text(header)
    (tmp_path / "use.c").write_text('#include "digits.h"\n')
    problem = compile_problems([tmp_path / "use.c"], tmp_path / "o", ("gcc", *C99, "-c"))
    assert f"digits.h was exported for {title}" in problem


@pytest.mark.parametrize(
    ("target", "compiler"),
    [("atmega328p", "avr-gcc"), ("cortex-m0", "arm-none-eabi-gcc"),
     ("rv32imc", "riscv64-unknown-elf-gcc"), ("rv32ec", "zig cc riscv32e"),
     ("cortex-m4", "zig cc thumb"), ("host", "gcc")],
)  # fmt: skip
def test_a_specialized_header_compiles_for_its_target(
    target: str, compiler: str, tmp_path: Path
) -> None:
    (tmp_path / "digits.h").write_text(
        export(build(MODELS["digits"]), "digits", target=target).header
    )
    (tmp_path / "use.c").write_text('#include "digits.h"\n')
    compile_c([tmp_path / "use.c"], tmp_path / "use.o", (*COMPILERS[compiler], "-c"))


def test_an_unknown_target_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="cortex-m0"):
        export(build(MODELS["digits"]), "digits", target="z80")


def test_tables_too_large_for_avr_stop_its_compiler_in_one_line(tmp_path: Path) -> None:
    exported = export_recipe(Recipe((200, 200, 3), "relu"), "large")
    (tmp_path / "large.h").write_text(exported.header)
    (tmp_path / "use.c").write_text('#include "large.h"\n')
    problem = compile_problems(
        [tmp_path / "use.c"], tmp_path / "o", ("avr-gcc", "-mmcu=atmega2560", "-std=c99", "-c")
    )
    assert "bytes of tables; on AVR it can have 32767" in problem
    compile_c([tmp_path / "use.c"], tmp_path / "o", ("gcc", *C99, "-c"))


def test_tables_lie_in_flash_on_avr(exports: dict[str, Export], tmp_path: Path) -> None:
    write_headers(exports, tmp_path)
    (tmp_path / "use.c").write_text(user_source(["digits", "shifts"]))
    command = ("avr-gcc", "-mmcu=atmega328p", *C99, "-Os", "-c")
    compile_c([tmp_path / "use.c"], tmp_path / "use.o", command)
    symbols = subprocess.run(
        ["avr-nm", str(tmp_path / "use.o")], capture_output=True, text=True, check=True
    ).stdout
    fields = [line.split() for line in symbols.splitlines()]
    placed = {f[2]: f[1] for f in fields if len(f) == 3}
    starts = ("digits_linear", "digits_vector", "shifts_linear", "shifts_vector")
    tables = [name for name in placed if name.startswith(starts)]
    assert len(tables) >= 11
    assert not {placed[name].lower() for name in tables} & {"d", "b", "c"}, placed  # data, bss


@pytest.mark.parametrize("language", [("gcc", *C99), ("g++", *CXX11)], ids=["c99", "c++11"])
@pytest.mark.parametrize("size", [47, 49])
def test_scratch_of_another_size_than_planned_does_not_compile(
    language: tuple[str, ...], size: int, tmp_path: Path
) -> None:
    header = export_recipe(Recipe((64, 32, 16, 10))).header
    edited = header.replace("NET_SCRATCH_SIZE 48", f"NET_SCRATCH_SIZE {size}")
    assert edited != header
    (tmp_path / "use.c").write_text('#include "net.h"\n')
    for text, compiles in ((header, True), (edited, False)):
        (tmp_path / "net.h").write_text(text)
        command = [*language, "-fsyntax-only", str(tmp_path / "use.c")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode == 0) == compiles, done.stderr
        assert compiles or "net_scratch_is_as_planned" in done.stderr
