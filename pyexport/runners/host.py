"""Runs a header on this computer: a shared library, called through ctypes."""

from __future__ import annotations

import ctypes
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pyexport.errors import ToolFailedError, UsageError
from pyexport.runners.blobs import numpy_type
from pyexport.runners.build import Recipe, build, compile_flags, make_model_object
from pyexport.runners.compilers import run_tool
from pyexport.runners.objects import object_findings
from pyexport.runners.painting import scratch_finding
from pyexport.runners.protocol import (
    CLASS_TYPE,
    Array,
    Finding,
    Measurement,
    RunResult,
    raise_for_status,
)
from pyexport.runners.vectors import check_inputs, require_argmax


class HostRunner:
    """Calls the compiled header inside this process, so a crash of the header is a crash of ours.

    `SanitizedRunner` runs the same in a child process and finds out-of-bounds accesses.
    """

    traces = True

    def __init__(self, name: str, recipe: Recipe) -> None:
        self.name = name
        self.recipe = recipe
        self._interface = recipe.interface

    @property
    def compiler(self) -> str:
        """Compiler, version and level: "zig cc 0.17.1 (clang 22.1.8) -Os"."""
        return self.recipe.label

    @cached_property
    def _plain(self) -> ctypes.CDLL:
        return self._load("run")

    @cached_property
    def _tracing(self) -> ctypes.CDLL:
        return self._load("trace")

    def _load(self, kind: str) -> ctypes.CDLL:
        path = build(self.recipe, kind, "library", make_library)
        try:
            library = ctypes.CDLL(str(path))
        except OSError as error:
            what = self.recipe.what
            raise ToolFailedError(f"{what}: cannot load the library: {error}") from None
        library.pyx_batch_predict.restype = ctypes.c_uint32
        return library

    def run(self, inputs: Array) -> RunResult:
        """Predict every row of `inputs`."""
        return self._predict(self._plain, inputs, traced=False)

    def trace(self, inputs: Array) -> RunResult:
        """Predict every row and record every accumulator."""
        return self._predict(self._tracing, inputs, traced=True)

    def _predict(self, library: ctypes.CDLL, inputs: Array, *, traced: bool) -> RunResult:
        interface = self._interface
        inputs = interface.as_inputs(inputs)
        count = len(inputs)
        outputs = np.zeros((count, interface.output_size), numpy_type(interface.output_dtype))
        classes = np.zeros(count, CLASS_TYPE)
        width = interface.trace_total if traced else 0
        accumulators = np.zeros((count, width), numpy_type(interface.accumulator_dtype))
        seen = np.zeros(max(width, 1), np.uint8)
        status = library.pyx_batch_predict(
            _pointer(inputs),
            _pointer(outputs),
            _pointer(classes),
            _pointer(accumulators) if traced else None,
            _pointer(seen),
            ctypes.c_uint32(count),
            ctypes.c_uint32(0),
        )
        raise_for_status(status, f"{self.recipe.shown}: {self.name}")
        return RunResult(
            outputs=interface.read_outputs(outputs),
            classes=classes if interface.has_class else None,
            accumulators=accumulators if traced else None,
        )

    def argmax(self, outputs: Array) -> Array:
        """Return the header's argmax of every row of `outputs`."""
        require_argmax(self.recipe)
        outputs = self._interface.as_outputs(outputs)
        classes = np.zeros(len(outputs), CLASS_TYPE)
        self._plain.pyx_batch_argmax(
            _pointer(outputs), _pointer(classes), ctypes.c_uint32(len(outputs))
        )
        return classes

    def selftest(self) -> bool:
        """Return what the header's own self-test says."""
        return bool(self._load("selftest").pyx_selftest() & 1)

    def measure(self, inputs: Array) -> Measurement:
        """Refuse: this computer counts nothing that says how long a chip takes."""
        raise UsageError(
            f"{self.name}: nothing is measured on this computer; measure a chip, such as cortex-m4"
        )

    def check(self) -> tuple[Finding, ...]:
        """Return what the object file proves: no static RAM, no foreign call; and the scratch."""
        found = object_findings(
            self.recipe, build(self.recipe, "predict", "object", make_model_object)
        )
        inputs = self._interface.as_inputs(check_inputs(self.recipe))
        library = self._load("scratch")
        library.pyx_batch_scratch.restype = ctypes.c_uint32
        high = library.pyx_batch_scratch(_pointer(inputs), ctypes.c_uint32(len(inputs)))
        return (*found, scratch_finding(self._interface, high, len(inputs)))


def make_library(recipe: Recipe, kind: str, folder: Path) -> Path:
    """Compile the model and the batch functions into a shared library."""
    product = folder / f"model-{kind}.so"
    command = [*recipe.compiler.c, *compile_flags(recipe), "-fPIC", "-shared"]
    command += ["pyx_model.c", "pyx_batch.c", "pyx_ram.c", "-o", product.name]
    if kind == "scratch":
        command.append("pyx_scratch.c")
    run_tool(command, cwd=folder, what=recipe.what)
    return product


def _pointer(array: Array) -> Any:
    return ctypes.c_void_p(array.ctypes.data)
