"""Runs a header as WebAssembly in wasmtime: a further 32-bit machine, with traps of its own."""

from __future__ import annotations

import threading
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import wasmtime

from pyexport.errors import CheckFailedError, ToolFailedError
from pyexport.runners.blobs import numpy_type
from pyexport.runners.build import Recipe, build, compile_flags
from pyexport.runners.compilers import run_tool
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
from pyexport.runners.wasm_module import WasmModule, read_module

_PAGE = 1 << 16
_SECONDS = 60.0
_FUEL = 1 << 40
_STACK_BYTES = 1 << 16  # lies lowest in memory, so that an overflow leaves it
_PAINT = 0xA5
_BATCH_BYTES = 8 << 20
_EXPORTS = {
    "predict": ("pyx_predict", "__stack_pointer", "__data_end"),
    "run": ("pyx_batch_predict",),
    "trace": ("pyx_batch_predict",),
    "selftest": ("pyx_selftest",),
    "scratch": ("pyx_batch_scratch",),
}


class _Instance:
    """One instantiated module; a call that never ends is interrupted."""

    def __init__(self, where: str, path: Path, *, fuel: bool) -> None:
        self._where = where
        config = wasmtime.Config()
        config.epoch_interruption = True
        config.consume_fuel = fuel
        self._engine = wasmtime.Engine(config)
        self.store = wasmtime.Store(self._engine)
        if fuel:
            self.store.set_fuel(_FUEL)
        self.store.set_epoch_deadline(1)
        module = wasmtime.Module.from_file(self._engine, str(path))
        instance = wasmtime.Instance(self.store, module, [])
        self._exports: Any = dict(instance.exports(self.store).items())
        self.memory = self._exports["memory"]
        self.heap = int(self._exports["__heap_base"].value(self.store))

    def export(self, name: str) -> Any:
        """Return an export."""
        return self._exports[name]

    def reserve(self, size: int) -> None:
        """Make sure that `size` bytes lie behind the program's own memory."""
        missing = self.heap + size - self.memory.data_len(self.store)
        if missing > 0:
            self.memory.grow(self.store, -(-missing // _PAGE))

    def call(self, name: str, *arguments: int) -> int:
        """Call a function; raises CheckFailedError for a trap, ToolFailedError if it hangs."""
        self.store.set_epoch_deadline(1)
        timer = threading.Timer(_SECONDS, self._engine.increment_epoch)
        timer.start()
        try:
            return int(self._exports[name](self.store, *arguments) or 0)
        except wasmtime.Trap as trap:
            if trap.trap_code == wasmtime.TrapCode.INTERRUPT:
                raise ToolFailedError(f"{self._where}: no result after {_SECONDS:g} s") from None
            raise CheckFailedError(f"{self._where}: {_reason(str(trap))}") from None
        except wasmtime.WasmtimeError as error:
            raise CheckFailedError(f"{self._where}: {_reason(str(error))}") from None
        finally:
            timer.cancel()
            timer.join()

    def write(self, address: int, data: bytes) -> None:
        """Write into the linear memory."""
        if data:
            self.memory.write(self.store, data, address)

    def read(self, address: int, size: int) -> bytes:
        """Return bytes of the linear memory."""
        return bytes(self.memory.read(self.store, address, address + size))


class WasmRunner:
    """Batches lie behind the program's own memory; the module imports nothing."""

    traces = True

    def __init__(self, name: str, recipe: Recipe) -> None:
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

    @cached_property
    def _plain(self) -> _Instance:
        return self._instance("run")

    @cached_property
    def _tracing(self) -> _Instance:
        return self._instance("trace")

    def _instance(self, kind: str, *, fuel: bool = False) -> _Instance:
        return _Instance(self._where, build(self.recipe, kind, "module", _make_module), fuel=fuel)

    def run(self, inputs: Array) -> RunResult:
        """Predict every row of `inputs`."""
        return self._predict(self._plain, inputs, width=0)

    def trace(self, inputs: Array) -> RunResult:
        """Predict every row and record every accumulator."""
        return self._predict(self._tracing, inputs, width=self._interface.trace_total)

    def _predict(self, instance: _Instance, inputs: Array, *, width: int) -> RunResult:
        interface = self._interface
        inputs = interface.as_inputs(inputs)
        row_bytes = interface.input_bytes + interface.output_bytes + 2 + 4 * width
        most = max(_BATCH_BYTES // row_bytes, 1)
        outputs, classes, recorded = [b""], [b""], [b""]
        for first in range(0, len(inputs), most):
            batch = inputs[first : first + most]
            count = len(batch)
            answers, sums = count * interface.output_bytes, 4 * width * count
            sizes = (batch.nbytes, answers, 2 * count, sums, width)
            places = _layout(instance.heap, sizes)
            instance.reserve(places[-1] + width - instance.heap)
            instance.write(places[0], batch.tobytes())
            traced = places[3] if width else 0
            status = instance.call(
                "pyx_batch_predict", *places[:3], traced, places[4], count, first
            )
            raise_for_status(status & 0xFFFFFFFF, self._where)
            outputs.append(instance.read(places[1], sizes[1]))
            classes.append(instance.read(places[2], 2 * count))
            recorded.append(instance.read(places[3], sizes[3]))
        result = np.frombuffer(b"".join(outputs), numpy_type(interface.output_dtype))
        accumulators = np.frombuffer(b"".join(recorded), numpy_type(interface.accumulator_dtype))
        return RunResult(
            outputs=interface.read_outputs(result.reshape(len(inputs), interface.output_size)),
            classes=np.frombuffer(b"".join(classes), CLASS_TYPE) if interface.has_class else None,
            accumulators=accumulators.reshape(len(inputs), width) if width else None,
        )

    def argmax(self, outputs: Array) -> Array:
        """Return the header's argmax of every row of `outputs`."""
        require_argmax(self.recipe)
        outputs = self._interface.as_outputs(outputs)
        instance = self._plain
        places = _layout(instance.heap, (outputs.nbytes, 2 * len(outputs)))
        instance.reserve(places[1] + 2 * len(outputs) - instance.heap)
        instance.write(places[0], outputs.tobytes())
        instance.call("pyx_batch_argmax", *places, len(outputs))
        return np.frombuffer(instance.read(places[1], 2 * len(outputs)), CLASS_TYPE)

    def selftest(self) -> bool:
        """Return what the header's own self-test says."""
        return self._instance("selftest").call("pyx_selftest") & 0xFF == 1

    def measure(self, inputs: Array) -> Measurement:
        """Return sizes of the module that only predicts, executed instructions and stack.

        Instructions are wasmtime's fuel: one for each executed WebAssembly instruction but for
        block, loop, drop, nop and the like. The stack is the one in linear memory; WebAssembly
        keeps scalars and return addresses elsewhere.
        """
        module = self._module()
        instance = self._instance("predict", fuel=True)
        interface = self._interface
        inputs = interface.as_measured(inputs)
        places = _layout(instance.heap, (interface.input_bytes, interface.output_bytes))
        instance.reserve(places[1] + interface.output_bytes - instance.heap)
        top = int(instance.export("__stack_pointer").value(instance.store))
        if top != _STACK_BYTES:
            raise ToolFailedError(f"{self._where}: the stack does not lie lowest in memory")
        data_end = int(instance.export("__data_end").value(instance.store))
        counts, stack = [], 0
        for row in inputs:
            instance.write(places[0], row.tobytes())
            if interface.state_bytes:
                instance.call("pyx_state_reset")
            instance.write(0, bytes([_PAINT]) * top)
            instance.store.set_fuel(_FUEL)
            instance.call("pyx_predict", *places)
            counts.append(_FUEL - instance.store.get_fuel())
            stack = max(stack, len(instance.read(0, top).lstrip(bytes([_PAINT]))))
        return Measurement(
            target=self.name,
            compiler=self.recipe.label,
            flash_bytes=module.code_bytes + module.data_bytes,
            parameters_bytes=module.data_bytes,
            ram_static_bytes=data_end - (module.data_end or top) - interface.harness_bytes,
            stack_bytes=stack,
            unit="instructions",
            count_mean=float(np.mean(counts)),
            count_min=min(counts),
            count_max=max(counts),
        )

    def _module(self) -> WasmModule:
        return read_module(build(self.recipe, "predict", "module", _make_module))

    def check(self) -> tuple[Finding, ...]:
        """Return whether the module needs nothing from outside and runs a few inputs."""
        imports = self._module().imports
        detail = f"the module imports {', '.join(imports) or 'nothing'}"
        findings: tuple[Finding, ...] = (Finding("helpers", not imports, detail),)
        inputs = check_inputs(self.recipe)
        try:
            self.run(inputs)
        except CheckFailedError as error:
            return (*findings, Finding("accesses", False, str(error)))
        findings += (Finding("accesses", True, f"{len(inputs)} inputs: no trap"),)
        instance, inputs = self._instance("scratch"), self._interface.as_inputs(inputs)
        (place,) = _layout(instance.heap, (inputs.nbytes,))
        instance.reserve(place + inputs.nbytes - instance.heap)
        instance.write(place, inputs.tobytes())
        high = instance.call("pyx_batch_scratch", place, len(inputs)) & 0xFFFFFFFF
        return (*findings, scratch_finding(self._interface, high, len(inputs)))


def _make_module(recipe: Recipe, kind: str, folder: Path) -> Path:
    exports = [*_EXPORTS[kind], "__heap_base"]
    sources = ["pyx_model.c", "pyx_ram.c", "pyx_batch.c"]
    if kind == "predict" and recipe.interface.state_bytes:
        sources = ["pyx_model.c", "pyx_ram.c"]  # where the state lies
        exports.append("pyx_state_reset")
    elif kind == "predict":
        sources = ["pyx_model.c"]
    elif recipe.interface.has_class:
        exports.append("pyx_batch_argmax")
    if kind == "scratch":
        sources.append("pyx_scratch.c")
    command = [*recipe.compiler.c, *compile_flags(recipe), *sources]
    command += ["-Wl,--no-entry", f"-Wl,-z,stack-size={_STACK_BYTES}"]
    command += [f"-Wl,--export={name}" for name in exports]
    run_tool([*command, "-o", "model.wasm"], cwd=folder, what=recipe.what)
    return folder / "model.wasm"


def _layout(base: int, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Return addresses behind `base` for areas of these sizes, each on a multiple of 8."""
    places, at = [], -(-base // 8) * 8
    for size in sizes:
        places.append(at)
        at += -(-size // 8) * 8
    return tuple(places)


def _reason(printed: str) -> str:
    """Return the line that says why, which wasmtime prints last."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    for line in lines:
        if "wasm trap" in line:
            return line.split("wasm trap: ", 1)[1]
    return lines[-1] if lines else "trap"
