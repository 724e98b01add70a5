"""Runs a header in a child process built with AddressSanitizer and UndefinedBehaviorSanitizer."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import numpy as np

from pyexport.errors import CheckFailedError, ToolFailedError, ToolMissingError, UsageError
from pyexport.runners.blobs import numpy_type
from pyexport.runners.build import Recipe, build, compile_flags, make_model_object, scratch_dir
from pyexport.runners.compilers import compiler_problem, find_compiler, package_of, run_tool
from pyexport.runners.objects import object_findings
from pyexport.runners.protocol import (
    CLASS_TYPE,
    Array,
    Finding,
    Measurement,
    RunResult,
    raise_for_status,
)
from pyexport.runners.vectors import check_inputs, require_argmax

# zig links "-fsanitize=address" without the sanitizer, so it can never build this
_FLAGS = (
    "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer",
    "-g1",  # the lines that a report names
)  # fmt: skip
_SECONDS = 600.0


@cache
def sanitizing_compiler() -> str:
    """Return "gcc" or "clang", whichever links with both sanitizers; raises ToolMissingError."""
    for name in ("gcc", "clang"):
        if compiler_problem(name) is not None:
            continue
        folder = scratch_dir()
        (folder / "empty.c").write_text("int main(void) { return 0; }\n", encoding="utf-8")
        command = [*find_compiler(name).c, *_FLAGS, "empty.c", "-o", "empty"]
        try:
            run_tool(command, cwd=folder, what="host-sanitized")
        except ToolFailedError:
            continue
        return name
    raise ToolMissingError(
        f"host-sanitized: neither gcc nor clang with its sanitizers is installed:"
        f" {package_of('gcc')} (or {package_of('clang')})"
    )


class SanitizedRunner:
    """Inputs and outputs are heap blocks of their exact size, so one byte too far is found."""

    traces = True

    def __init__(self, name: str, recipe: Recipe) -> None:
        if recipe.compiler.kind == "zig":
            raise UsageError(f"{name}: zig has no AddressSanitizer; use gcc or clang")
        self.name = name
        self.recipe = recipe
        self._interface = recipe.interface

    @property
    def compiler(self) -> str:
        """Compiler, version and level: "zig cc 0.17.1 (clang 22.1.8) -Os"."""
        return self.recipe.label

    @property
    def _where(self) -> str:
        return f"{self.recipe.shown}: {self.name}"

    def run(self, inputs: Array) -> RunResult:
        """Predict every row with predict and with predict_scratch, which must agree."""
        return self._predict("run", "predict", inputs)

    def trace(self, inputs: Array) -> RunResult:
        """Predict every row and record every accumulator."""
        return self._predict("trace", "trace", inputs)

    def _predict(self, kind: str, command: str, inputs: Array) -> RunResult:
        interface = self._interface
        inputs = interface.as_inputs(inputs)
        count = len(inputs)
        printed = self._start(kind, command, count, inputs.tobytes())
        first, second = count * interface.output_bytes, count * (interface.output_bytes + 2)
        outputs = np.frombuffer(printed[:first], numpy_type(interface.output_dtype))
        recorded = np.frombuffer(printed[second:], numpy_type(interface.accumulator_dtype))
        return RunResult(
            outputs=interface.read_outputs(outputs.reshape(count, interface.output_size)),
            classes=np.frombuffer(printed[first:second], CLASS_TYPE)
            if interface.has_class
            else None,
            accumulators=recorded.reshape(count, interface.trace_total)
            if kind == "trace"
            else None,
        )

    def argmax(self, outputs: Array) -> Array:
        """Return the header's argmax of every row of `outputs`."""
        require_argmax(self.recipe)
        outputs = self._interface.as_outputs(outputs)
        printed = self._start("run", "argmax", len(outputs), outputs.tobytes())
        return np.frombuffer(printed, CLASS_TYPE)

    def selftest(self) -> bool:
        """Return what the header's own self-test says."""
        return self._start("selftest", "selftest", 0, b"") == b"\x01"

    def measure(self, inputs: Array) -> Measurement:
        """Refuse: a sanitized build costs what no other build costs."""
        raise UsageError(f"{self.name}: nothing is measured here; measure a chip")

    def check(self) -> tuple[Finding, ...]:
        """Return what the object file proves, and whether a few inputs pass the sanitizers."""
        path = build(self.recipe, "predict", "object", make_model_object)
        findings = object_findings(self.recipe, path)
        inputs = check_inputs(self.recipe)
        try:
            self.run(inputs)
        except CheckFailedError as error:
            return (*findings, Finding("sanitizers", False, str(error)))
        detail = f"{len(inputs)} inputs: nothing found by ASan and UBSan"
        return (*findings, Finding("sanitizers", True, detail))

    def _start(self, kind: str, command: str, count: int, data: bytes) -> bytes:
        program = build(self.recipe, kind, "sanitized", _make_program)
        folder = scratch_dir()
        (folder / "input").write_bytes(data)
        environment = dict(os.environ)
        # the leak checker needs ptrace, which containers forbid
        environment["ASAN_OPTIONS"] = "detect_leaks=0:detect_stack_use_after_return=1"
        environment["UBSAN_OPTIONS"] = "print_stacktrace=0"
        try:
            done = subprocess.run(
                [str(program), command, str(count), "input", "output"],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise ToolFailedError(f"{self._where}: no result after {_SECONDS:g} s") from None
        self._raise_for(done.returncode, done.stderr)
        result = (folder / "output").read_bytes()
        shutil.rmtree(folder, ignore_errors=True)
        return result

    def _raise_for(self, returncode: int, printed: str) -> None:
        """Turn a failed run into an error that quotes what the sanitizer found, and where."""
        if returncode == 0:
            return
        status = re.search(r"^status: (\d+)$", printed, re.M)
        if status:
            raise_for_status(int(status[1]), self._where)
        pattern = r"ERROR: AddressSanitizer: .*|\S+: runtime error: .*|error: .*"
        found = re.search(pattern, printed)
        reason = found[0] if found else f"the program ended with status {returncode}"
        # addresses differ from run to run
        reason = re.sub(r" (on|to) address 0x\w+( at pc .*)?", "", reason).removeprefix("ERROR: ")
        place = re.search(rf"\b{self._interface.name}\.h:\d+(:\d+)?", printed)
        if place and place[0] not in reason:
            reason += f" at {place[0]}"
        raise CheckFailedError(f"{self._where}: {reason}")


def _make_program(recipe: Recipe, kind: str, folder: Path) -> Path:
    program = folder / "sanitized"
    command = [*recipe.compiler.c, *compile_flags(recipe), *_FLAGS, "host_sanitized.c"]
    command += ["pyx_model.c", "pyx_batch.c", "pyx_ram.c", "-o", program.name]
    run_tool(command, cwd=folder, what=recipe.what)
    return program
