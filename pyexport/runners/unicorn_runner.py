"""Runs a header on a Cortex-M or RISC-V core that unicorn emulates."""

from __future__ import annotations

import time
from functools import cached_property

import numpy as np

from pyexport.errors import CheckFailedError
from pyexport.runners.blobs import numpy_type
from pyexport.runners.build import Recipe
from pyexport.runners.chip_image import (
    WINDOW,
    chip_image,
    model_object,
    parameter_bytes,
    parameter_finding,
)
from pyexport.runners.image import Image
from pyexport.runners.objects import helper_finding
from pyexport.runners.painting import scratch_finding
from pyexport.runners.protocol import (
    CLASS_TYPE,
    Array,
    Finding,
    Measurement,
    RunResult,
    raise_for_status,
)
from pyexport.runners.unicorn_cores import architecture_finding, get_core
from pyexport.runners.unicorn_machine import Machine, machine_words
from pyexport.runners.unicorn_measure import Profile, profile
from pyexport.runners.unicorn_probe import probe_core
from pyexport.runners.vectors import check_inputs, require_argmax

_PREDICT, _ARGMAX, _SELFTEST, _SCRATCH = 1, 2, 3, 4  # commands of chip_batch.c
_WINDOW_BYTES = 8 << 20
_CONTROL_BYTES = 64
_WATCHED = 20  # inputs that run with every access checked for alignment,
_WATCHED_SECONDS = 5.0  # fewer where that takes longer, but one always
_BATCH_SECONDS = 2.0  # a batch is cut so that it takes about this long
_PATIENCE = 180.0  # seconds before a batch counts as hanging


class UnicornRunner:
    """A batch lies in a window beside the chip's memory; the firmware copies it through its RAM."""

    traces = True

    def __init__(self, name: str, recipe: Recipe) -> None:
        self.name = name
        self.recipe = recipe
        self._interface = recipe.interface
        self._core = get_core(recipe.target.name)
        self._watched_rows = 0  # of the latest run

    def _machine(self, kind: str) -> Machine:
        image = chip_image(self.recipe, kind)
        return Machine(self.recipe.target, image, self._where, (WINDOW, _WINDOW_BYTES))

    @property
    def compiler(self) -> str:
        """Compiler, version and level: "zig cc 0.17.1 (clang 22.1.8) -Os"."""
        return self.recipe.label

    @property
    def _where(self) -> str:
        return f"{self.recipe.shown}: {self.name}"

    def run(self, inputs: Array) -> RunResult:
        """Predict every row of `inputs`; the first rows run with every access checked."""
        return self._predict("run", inputs)

    def trace(self, inputs: Array) -> RunResult:
        """Predict every row and record every accumulator."""
        return self._predict("trace", inputs)

    def _predict(self, kind: str, inputs: Array) -> RunResult:
        interface = self._interface
        inputs = interface.as_inputs(inputs)
        width = interface.trace_total if kind == "trace" else 0
        parts: list[RunResult] = []
        done, size = 0, 1  # one row alone tells how many a batch can hold
        watched, watching = _WATCHED if kind == "run" else 0, 0.0
        row_bytes = interface.input_bytes + interface.output_bytes + 2 + 4 * width
        most = max((_WINDOW_BYTES - _CONTROL_BYTES - width - 64) // row_bytes, 1)
        while done < len(inputs):
            watch = done < watched
            end = watched if watch else len(inputs)
            batch = inputs[done : min(done + min(size, most), end)]
            started = time.perf_counter()
            parts.append(self._batch(kind, batch, width, done, watch=watch))
            spent = max(time.perf_counter() - started, 1e-6)
            done += len(batch)
            if watch:
                self._watched_rows, watching = done, watching + spent
                watched = watched if watching < _WATCHED_SECONDS else done
            size = max(int(len(batch) * _BATCH_SECONDS / spent), 1)
        return self._joined(parts, width)

    def _joined(self, parts: list[RunResult], width: int) -> RunResult:
        interface = self._interface
        none = np.zeros((0, interface.output_size), numpy_type(interface.output_dtype))
        outputs = interface.read_outputs(none)
        accumulators = np.zeros((0, width), numpy_type(interface.accumulator_dtype))
        classes = [part.classes for part in parts if part.classes is not None]
        recorded = [part.accumulators for part in parts if part.accumulators is not None]
        return RunResult(
            outputs=np.concatenate([outputs, *(part.outputs for part in parts)]),
            classes=np.concatenate([np.zeros(0, CLASS_TYPE), *classes])
            if interface.has_class
            else None,
            accumulators=np.concatenate([accumulators, *recorded]) if width else None,
        )

    def _batch(self, kind: str, inputs: Array, width: int, first: int, *, watch: bool) -> RunResult:
        interface = self._interface
        count = len(inputs)
        machine = self._machines[kind] if kind in self._machines else self._start(kind)
        places = _layout(
            inputs.nbytes,
            count * interface.output_bytes,
            2 * count,
            4 * width * count,
            width,
        )
        machine.write(places[0], inputs.tobytes())
        if watch:
            machine.watch_accesses()
        used = places if width else (*places[:3], 0, 0)
        status = self._command(machine, _PREDICT, count, used, first)
        raise_for_status(status, self._where)
        outputs = machine.read(places[1], count * interface.output_bytes)
        classes = np.frombuffer(machine.read(places[2], 2 * count), CLASS_TYPE)
        accumulators = np.frombuffer(
            machine.read(places[3], 4 * width * count), numpy_type(interface.accumulator_dtype)
        )
        return RunResult(
            outputs=interface.read_outputs(
                np.frombuffer(outputs, numpy_type(interface.output_dtype)).reshape(
                    count, interface.output_size
                )
            ),
            classes=classes if interface.has_class else None,
            accumulators=accumulators.reshape(count, width) if width else None,
        )

    @cached_property
    def _machines(self) -> dict[str, Machine]:
        return {}

    def _start(self, kind: str) -> Machine:
        machine = self._machine(kind)
        self._machines[kind] = machine
        return machine

    def _command(
        self, machine: Machine, command: int, count: int, places: tuple[int, ...], first: int = 0
    ) -> int:
        machine.write(WINDOW, machine_words((command, count, *places, 0xFF, first)))
        try:
            machine.run(_PATIENCE)
        finally:
            machine.unhook()
        return int.from_bytes(machine.read(WINDOW + 28, 4), "little")

    def argmax(self, outputs: Array) -> Array:
        """Return the header's argmax of every row of `outputs`."""
        require_argmax(self.recipe)
        outputs = self._interface.as_outputs(outputs)
        most = (_WINDOW_BYTES - _CONTROL_BYTES - 64) // (self._interface.output_bytes + 2)
        parts: list[Array] = [np.zeros(0, CLASS_TYPE)]
        machine = self._machines.get("run") or self._start("run")
        for first in range(0, len(outputs), most):
            batch = outputs[first : first + most]
            places = _layout(0, batch.nbytes, 2 * len(batch), 0, 0)
            machine.write(places[1], batch.tobytes())
            self._command(machine, _ARGMAX, len(batch), places)
            parts.append(np.frombuffer(machine.read(places[2], 2 * len(batch)), CLASS_TYPE))
        return np.concatenate(parts)

    def selftest(self) -> bool:
        """Return what the header's own self-test says."""
        machine = self._machine("selftest")
        places = _layout(0, 0, 2, 0, 0)
        self._command(machine, _SELFTEST, 0, places)
        return machine.read(places[2], 2) == b"\x01\x00"

    def measure(self, inputs: Array) -> Measurement:
        """Return sizes of the image that only predicts, and its exact instruction counts."""
        image = chip_image(self.recipe, "predict")
        costs = self._profile(image, self._interface.as_measured(inputs))
        return Measurement(
            target=self.name,
            compiler=self.recipe.label,
            flash_bytes=image.loaded_bytes(),
            parameters_bytes=parameter_bytes(self.recipe, image),
            ram_static_bytes=image.section_bytes(".data", ".bss"),
            stack_bytes=costs.stack_bytes,
            unit="instructions",
            count_mean=float(np.mean(costs.counts)),
            count_min=min(costs.counts),
            count_max=max(costs.counts),
        )

    def _profile(self, image: Image, inputs: Array) -> Profile:
        machine = Machine(self.recipe.target, image, self._where, (WINDOW, 0))
        return profile(self._core, machine, image, inputs, self._interface)

    def check(self) -> tuple[Finding, ...]:
        """Return the proofs: the core, its instruction set, tables in flash, helpers."""
        image = chip_image(self.recipe, "predict")
        findings = [*probe_core(self.name), architecture_finding(self._core, image)]
        findings.append(parameter_finding(self.recipe, image))
        findings.append(helper_finding(self.recipe, model_object(self.recipe)))
        inputs = check_inputs(self.recipe)
        try:
            findings.append(self._profile(image, inputs).instructions)
            findings.append(self._access_finding(inputs))
            findings.append(self._scratch_finding(inputs))
        except CheckFailedError as error:
            findings.append(Finding("accesses", False, str(error)))
        return tuple(findings)

    def _scratch_finding(self, inputs: Array) -> Finding:
        machine = self._machine("scratch")
        inputs = self._interface.as_inputs(inputs)
        places = _layout(inputs.nbytes, 0, 0, 4, 0)
        machine.write(places[0], inputs.tobytes())
        self._command(machine, _SCRATCH, len(inputs), places)
        high = int.from_bytes(machine.read(places[3], 4), "little")
        return scratch_finding(self._interface, high, len(inputs))

    def _access_finding(self, inputs: Array) -> Finding:
        self.run(inputs)
        return Finding(
            "accesses", True, f"{self._watched_rows} inputs: every access aligned, in flash or RAM"
        )


def _layout(*sizes: int) -> tuple[int, ...]:
    """Return addresses in the window for areas of these sizes, each on a multiple of 8."""
    places, at = [], WINDOW + _CONTROL_BYTES
    for size in sizes:
        places.append(at)
        at += -(-size // 8) * 8
    return tuple(places)
