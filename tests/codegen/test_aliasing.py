"""Generated C reads an object only through its own type, or as bytes: every kernel, every cast."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from pyexport.codegen.text import C_TYPES
from pyexport.errors import UsageError
from pyexport.pipeline import Export, render_artifact
from pyexport.program import Step, element_kind
from pyexport.runners.compilers import WARNINGS
from scripts.kernel_cases.cases import EXERCISED, bench_of
from scripts.kernel_cases.compare import artifact_for

STRICT = (
    "-std=c99",
    *WARNINGS,
    "-O3",
    "-fstrict-aliasing",
    "-Wstrict-aliasing=2",
    "-Werror",
    "-Dinline=__attribute__((used))",
    "-Wno-attributes",  # functions marked to be inlined are none then
)
COMPILERS = {  # a target, "" for portable C, and what compiles its headers
    "": ("gcc",),
    "cortex-m4": ("arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb"),
    "atmega328p": ("avr-gcc", "-mmcu=atmega328p"),
    "rv32ec": ("riscv64-unknown-elf-gcc", "-march=rv32ec", "-mabi=ilp32e", "-ffreestanding"),
}
CAST = re.compile(r"\((?:const )?(\w+) \*\)\(?&?(\w+)")  # a type, and the name of what is cast
DECLARED = re.compile(r"(\w+)(?: \*const| \*)? (\w+)(?:\[| =)")
SCRATCH = re.compile(r"typedef (?:union \{(.*?)\}|(\w+)) \w+_scratch_t;", re.DOTALL)
KINDS = {text: element_kind(dtype) for dtype, text in C_TYPES.items()}  # "" of bytes


def exported(kernel: str) -> tuple[str, Export]:
    """Return a target that has the kernel, and an export that calls it there."""
    bench = bench_of(kernel, Random(f"alias {kernel}"), 2)
    artifact = artifact_for(bench, bench.rows()[:2])
    for target in COMPILERS:
        try:
            export = render_artifact(replace(artifact, target=target or None), check=False)
        except UsageError:  # the kernel is for other targets
            continue
        if kernel in {s.kernel for s in export.program.steps if isinstance(s, Step)}:
            return target, export
    raise AssertionError(f"{kernel} runs on none of {', '.join(COMPILERS)}")


def foreign_casts(header: str) -> list[str]:
    """Return the casts of a pointer to another wide type than its object has."""
    union, plain = SCRATCH.findall(header)[0]
    scratch = {KINDS[word] for word in re.findall(r"\w+", union or plain) if word in KINDS}
    found = []
    for function in re.split(r"^}", header, flags=re.MULTILINE):
        kinds = {name: {KINDS[t]} for t, name in DECLARED.findall(function) if t in KINDS}
        for c_type, name in CAST.findall(function):
            own = scratch if name == "scratch" else kinds.get(name, set())
            if KINDS.get(c_type) and KINDS[c_type] not in own:
                found.append(f"({c_type} *){name}")
    return found


@pytest.mark.parametrize("kernel", EXERCISED)
def test_a_kernel_obeys_strict_aliasing(kernel: str, tmp_path: Path) -> None:
    target, export = exported(kernel)
    assert foreign_casts(export.header) == []
    name = export.artifact.name
    (tmp_path / f"{name}.h").write_text(export.header)
    (tmp_path / "use.c").write_text(f'#include "{name}.h"\n')
    command = [*COMPILERS[target], *STRICT, "-c", "use.c"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_cast_to_another_wide_type_is_found() -> None:
    _, export = exported("lif_swar16")
    union = SCRATCH.findall(export.header)[0][0]
    assert "int32_t as_int32[1];" in union and "int16_t as_int16[2];" in union
    plain = export.header.replace(f"union {{{union}}}", "int32_t")
    assert plain != export.header
    assert "(int16_t *)scratch" in foreign_casts(plain)
