"""Compiles an exported header with the computer's own C compiler and calls it through ctypes."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pyexport.pipeline import Export
from pyexport.runners.compilers import WARNINGS
from pyexport.simulator.fast import trace_sizes
from tests.networks import NUMPY

C99 = ("-std=c99", *WARNINGS)
CXX11 = ("-x", "c++", "-std=c++11", *WARNINGS)
FLOAT_FLAGS = ("-ffp-contract=off",)
C_TYPES = {
    "u8": "uint8_t",
    "s8": "int8_t",
    "u16": "uint16_t",
    "s16": "int16_t",
    "f32": "float",
}

# The plain use and the traced one are two files of one program, as two users' files would be.
_PLAIN = """
#define {upper}_SELFTEST
#include "{name}.h"
void run(const {in_type} *in, {out_type} *out, int rows);
int selftest(void);
{argmax}
void run(const {in_type} *in, {out_type} *out, int rows)
{{
    for (int r = 0; r < rows; r++) {{
        {name}_predict(in + r * {upper}_INPUT_SIZE, out + r * {upper}_OUTPUT_SIZE);
    }}
}}
int selftest(void) {{ return {name}_selftest() ? 1 : 0; }}
"""
_ARGMAX = """
void classes(const {out_type} *out, uint16_t *best, int rows);
void classes(const {out_type} *out, uint16_t *best, int rows)
{{
    for (int r = 0; r < rows; r++) {{
        best[r] = {name}_argmax(out + r * {upper}_OUTPUT_SIZE);
    }}
}}
"""
_TRACED = """
#include <stdint.h>
typedef {acc_type} acc_t;
static acc_t *records;
static const int starts[] = {{ {starts} }};
static void record(unsigned node, unsigned index, acc_t acc)
{{
    records[starts[node] + (int)index] = acc;
}}
#define {upper}_TRACE(node, index, acc) record((unsigned)(node), (unsigned)(index), (acc))
#include "{name}.h"
void trace(const {in_type} *in, {out_type} *out, acc_t *sums, int rows);
void trace(const {in_type} *in, {out_type} *out, acc_t *sums, int rows)
{{
    for (int r = 0; r < rows; r++) {{
        records = sums + r * {total};
        {name}_predict(in + r * {upper}_INPUT_SIZE, out + r * {upper}_OUTPUT_SIZE);
    }}
}}
"""


class CompiledModel:
    """One exported header as a shared library."""

    def __init__(
        self,
        exported: Export,
        folder: Path,
        *,
        compiler: str = "gcc",
        flags: Sequence[str] = ("-O2",),
        header: str | None = None,
    ) -> None:
        graph = exported.artifact.graph
        name = exported.artifact.name
        self._input, self._output = graph.input, graph.output
        sizes = [size for size in trace_sizes(graph) if size]
        self._records = sum(sizes)
        self._acc_dtype: Any = np.float32 if graph.input.quant is None else np.int32
        words = {
            "name": name,
            "upper": name.upper(),
            "in_type": C_TYPES[graph.input.dtype],
            "out_type": C_TYPES[graph.output.dtype],
            "acc_type": "float" if graph.input.quant is None else "int32_t",
            "starts": ", ".join(str(sum(sizes[:i])) for i in range(len(sizes))),
            "total": self._records,
        }
        self.has_argmax = graph.output.size > 1
        argmax = _ARGMAX.format(**words) if self.has_argmax else ""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.h").write_text(header or exported.header)
        (folder / "plain.c").write_text(_PLAIN.format(**words, argmax=argmax))
        (folder / "traced.c").write_text(_TRACED.format(**words))
        library = folder / f"{name}.so"
        compile_c(
            [folder / "plain.c", folder / "traced.c"],
            library,
            (compiler, *C99, *FLOAT_FLAGS, *flags, "-shared", "-fPIC"),
        )
        self._library = ctypes.CDLL(str(library))

    def run(self, rows: Any) -> Any:
        """Return the outputs of device rows."""
        rows, outputs = self._arrays(rows)
        self._library.run(_pointer(rows), _pointer(outputs), len(rows))
        return outputs

    def trace(self, rows: Any) -> tuple[Any, Any]:
        """Return outputs and accumulators of device rows."""
        rows, outputs = self._arrays(rows)
        sums = np.zeros((len(rows), self._records), dtype=self._acc_dtype)
        self._library.trace(_pointer(rows), _pointer(outputs), _pointer(sums), len(rows))
        return outputs, sums

    def classes(self, outputs: Any) -> Any:
        """Return NAME_argmax of output rows."""
        outputs = np.ascontiguousarray(outputs)
        best = np.zeros(len(outputs), dtype=np.uint16)
        self._library.classes(_pointer(outputs), _pointer(best), len(outputs))
        return best

    def selftest(self) -> bool:
        """Return what NAME_selftest() returns."""
        return bool(self._library.selftest())

    def _arrays(self, rows: Any) -> tuple[Any, Any]:
        rows = np.ascontiguousarray(rows, dtype=NUMPY[self._input.dtype])
        return rows, np.zeros((len(rows), self._output.size), dtype=NUMPY[self._output.dtype])


def compile_c(sources: Sequence[Path], output: Path, command: Sequence[str]) -> None:
    """Run a compiler; raises AssertionError with what it printed if it fails."""
    problems = compile_problems(sources, output, command)
    assert not problems, problems


def compile_problems(sources: Sequence[Path], output: Path, command: Sequence[str]) -> str:
    """Return "" if the compiler is content, otherwise what it printed."""
    assert shutil.which(command[0]), f"{command[0]} is not installed"
    done = subprocess.run(
        [*command, *(str(s) for s in sources), "-o", str(output)], capture_output=True, text=True
    )
    return "" if done.returncode == 0 else done.stderr or f"status {done.returncode}"


def _pointer(array: Any) -> Any:
    return array.ctypes.data_as(ctypes.c_void_p)
