"""Compiles headers with every compiler found here, as C99 and C++11, warnings being errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pyexport.errors import ToolFailedError
from pyexport.runners.build import scratch_dir
from pyexport.runners.compilers import (
    WARNINGS,
    Compiler,
    compiler_problem,
    find_compiler,
    run_tool,
)
from pyexport.runners.protocol import Finding
from pyexport.targets import TARGETS

STANDARDS = ("c99", "c++11")
# what a user may define before including a header
VARIANTS = ("plain", "selftest", "trace")
_HOST_COMPILERS = ("gcc", "clang", "zig")


@dataclass(frozen=True)
class Toolchain:
    """One compiler with the flags that make it compile for one target."""

    target: str
    compiler: str
    flags: tuple[str, ...]

    @property
    def name(self) -> str:
        """How findings name it: "zig cortex-m0"."""
        return f"{self.compiler} {self.target}"


def toolchains() -> tuple[Toolchain, ...]:
    """Return every pair of compiler and target that pyexport knows, installed or not."""
    chains = [Toolchain("host", name, ()) for name in _HOST_COMPILERS]
    for target in TARGETS:
        if target.zig_flags:
            chains.append(Toolchain(target.name, "zig", (*target.zig_flags, "-ffreestanding")))
        if target.gcc:
            chains.append(Toolchain(target.name, target.gcc, (*target.gcc_flags, "-ffreestanding")))
    return tuple(chains)


def missing_toolchains() -> tuple[tuple[str, str], ...]:
    """Return name and reason of every toolchain that is not installed."""
    problems = ((chain.name, compiler_problem(chain.compiler)) for chain in toolchains())
    return tuple((name, problem) for name, problem in problems if problem is not None)


def check_headers(
    headers: Sequence[Path],
    *,
    targets: Sequence[str] | None = None,
    standards: Sequence[str] = STANDARDS,
    variants: Sequence[str] = VARIANTS,
    optimize: str = "-O2",
) -> tuple[Finding, ...]:
    """Compile one file that includes all `headers`, each twice; return a finding a compilation.

    `targets` limits the targets (all by default). Compilers that are not installed are left out;
    `missing_toolchains` names them. A detail is the compiler's version or its first error line.
    """
    findings = []
    for chain in toolchains():
        if targets is not None and chain.target not in targets:
            continue
        if compiler_problem(chain.compiler) is not None:
            continue
        compiler = find_compiler(chain.compiler)
        for standard in standards:
            if standard.startswith("c++") and not compiler.cxx:
                continue
            for variant in variants:
                name = f"{chain.name} {standard} {variant}"
                findings.append(
                    _compile(name, chain, compiler, headers, standard, variant, optimize)
                )
    return tuple(findings)


def _compile(
    name: str,
    chain: Toolchain,
    compiler: Compiler,
    headers: Sequence[Path],
    standard: str,
    variant: str,
    optimize: str,
) -> Finding:
    """Compile one translation unit to an object file: optimizers find warnings too."""
    folder = scratch_dir()
    plus = standard.startswith("c++")
    source = folder / ("unit.cpp" if plus else "unit.c")
    source.write_text(_unit(headers, variant), encoding="utf-8")
    command = [*(compiler.cxx if plus else compiler.c), f"-std={standard}", optimize, *WARNINGS]
    command += [*chain.flags, "-c", source.name, "-o", "unit.o"]
    try:
        run_tool(command, cwd=folder, what=name)
    except ToolFailedError as error:
        return Finding(name, False, str(error).removeprefix(f"{name}: "))
    return Finding(name, True, compiler.version)


def _unit(headers: Sequence[Path], variant: str) -> str:
    """Return C and C++ that includes the headers and refers to their functions."""
    lines, calls = [], []
    for header in headers:
        name, prefix = header.stem, header.stem.upper()
        if variant == "selftest":
            lines.append(f"#define {prefix}_SELFTEST 1")
            calls.append(f"    total += {name}_selftest() ? 1 : 0;")
        if variant == "trace":
            lines.append(f"#define {prefix}_TRACE(node, index, acc) \\")
            lines.append("    ((void)(node), (void)(index), (void)(acc))")
        lines += [f'#include "{header.resolve()}"'] * 2
        calls.append(f"    (void)&{name}_predict;")
    return "\n".join(
        [
            *lines,
            "int pyexport_unit(void);",
            "int pyexport_unit(void)",
            "{",
            "    int total = 0;",
            *calls,
            "    return total;",
            "}",
            "",
        ]
    )
