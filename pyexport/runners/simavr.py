"""Runs a header on an ATmega328P in simavr, driven by our own program on libsimavr."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from itertools import accumulate
from pathlib import Path

import numpy as np

from pyexport.errors import CheckFailedError, ToolFailedError, ToolMissingError
from pyexport.resources import resource_dir
from pyexport.runners.blobs import numpy_type
from pyexport.runners.build import (
    Recipe,
    build,
    compile_flags,
    make_model_object,
    scratch_dir,
)
from pyexport.runners.chip_image import model_object, parameter_bytes, parameter_finding
from pyexport.runners.compilers import package_of, run_tool
from pyexport.runners.image import Image, read_image
from pyexport.runners.objects import helper_finding
from pyexport.runners.painting import OUTSIDE, scratch_finding
from pyexport.runners.protocol import CLASS_TYPE, Array, Finding, Measurement, RunResult
from pyexport.runners.vectors import check_inputs, require_argmax

_PACKAGE = "apt-get install libsimavr-dev libelf-dev"
_PREDICT, _ARGMAX, _SELFTEST, _SCRATCH, _FIRST = 1, 2, 3, 4, 5  # commands of chip_avr.c
_CYCLES = 400_000_000  # of one inference; 25 s on a real chip
_DATA_SPACE = 0x80_0000  # where ELF files of AVR keep RAM addresses
_GPIOR0 = 0x3E
_FAULT, _HANG = 3, 4  # exit statuses of simavr_host.c


@cache
def simavr_host() -> Path:
    """Return the program that runs images in libsimavr, compiled once a process.

    Raises ToolMissingError that names the package if gcc or libsimavr is not installed.
    """
    gcc = shutil.which("gcc") or shutil.which("cc")
    if gcc is None:
        raise ToolMissingError(f"atmega328p: gcc is not installed: {package_of('gcc')}")
    source = resource_dir("firmware") / "harness" / "simavr_host.c"
    program = scratch_dir() / "simavr_host"
    command = [gcc, "-O2", str(source), "-lsimavr", "-o", str(program)]
    try:
        run_tool(command, cwd=program.parent, what="simavr_host.c")
    except ToolFailedError as error:
        if "simavr" in str(error).split(":", 1)[-1]:
            raise ToolMissingError(f"atmega328p: libsimavr is not installed: {_PACKAGE}") from None
        raise
    return program


class SimavrRunner:
    """Each inference starts from reset; the host writes its input into RAM and reads the output."""

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

    def run(self, inputs: Array) -> RunResult:
        """Predict every row of `inputs`."""
        return self._predict("run", inputs)

    def trace(self, inputs: Array) -> RunResult:
        """Predict every row and record every accumulator."""
        return self._predict("trace", inputs)

    def _predict(self, kind: str, inputs: Array) -> RunResult:
        interface = self._interface
        rows = self._job(kind, _PREDICT, interface.as_inputs(inputs), "in")
        dtype = numpy_type(interface.accumulator_dtype)
        return RunResult(
            outputs=interface.read_outputs(np.ascontiguousarray(rows["read"])),
            classes=rows["result"].astype(CLASS_TYPE) if interface.has_class else None,
            accumulators=np.ascontiguousarray(rows["trace"]).view(dtype)
            if kind == "trace"
            else None,
        )

    def argmax(self, outputs: Array) -> Array:
        """Return the header's argmax of every row of `outputs`."""
        require_argmax(self.recipe)
        rows = self._job("run", _ARGMAX, self._interface.as_outputs(outputs), "out")
        return rows["result"].astype(CLASS_TYPE)

    def selftest(self) -> bool:
        """Return what the header's own self-test says."""
        rows = self._job("selftest", _SELFTEST, np.zeros((1, 0), np.uint8), "in")
        return bool(rows["result"][0] == 1)

    def measure(self, inputs: Array) -> Measurement:
        """Return sizes of the image that only predicts, and its cycles and stack."""
        image = self._image("predict")
        rows = self._job("predict", 0, self._interface.as_measured(inputs), "in")
        return Measurement(
            target=self.name,
            compiler=self.recipe.label,
            flash_bytes=image.loaded_bytes(),
            parameters_bytes=parameter_bytes(self.recipe, image),
            ram_static_bytes=image.section_bytes(".data", ".bss"),
            stack_bytes=int(rows["stack"].max()),
            unit="cycles",
            count_mean=float(rows["cycles"].mean()),
            count_min=int(rows["cycles"].min()),
            count_max=int(rows["cycles"].max()),
        )

    def check(self) -> tuple[Finding, ...]:
        """Return the proofs: tables in flash, helpers, and a few inferences without a fault."""
        findings = [
            parameter_finding(self.recipe, self._image("predict")),
            helper_finding(self.recipe, model_object(self.recipe)),
        ]
        inputs = check_inputs(self.recipe)
        try:
            self.run(inputs)
            rows = self._job("scratch", _SCRATCH, self._interface.as_inputs(inputs), "in")
        except CheckFailedError as error:
            return (*findings, Finding("accesses", False, str(error)))
        high = int(rows["result"].max())
        high = OUTSIDE if high == 0xFFFF else high  # of 16 bits here
        findings.append(scratch_finding(self._interface, high, len(inputs)))
        detail = f"{len(inputs)} inputs: every opcode known, every access inside the chip"
        return (*findings, Finding("accesses", True, detail))

    def _image(self, kind: str) -> Image:
        return read_image(build(self.recipe, kind, "image", _make_image))

    def _job(self, kind: str, command: int, rows: Array, buffer: str) -> Array:
        """Run each row; return a record array: read, result, cycles, stack, trace."""
        interface = self._interface
        image = self._image(kind)
        traced = interface.trace_total if kind == "trace" else 0
        layout = np.dtype(
            [
                ("read", numpy_type(interface.output_dtype), (interface.output_size,)),
                ("result", "<u4"),
                ("cycles", "<u4"),
                ("stack", "<u4"),
                ("trace", "<u4", (traced,)),
            ]
        )
        folder = scratch_dir()
        (folder / "flash").write_bytes(flash_bytes(image))
        (folder / "input").write_bytes(rows.tobytes())
        ram = image.symbol("pyx_ram").address - _DATA_SPACE
        source = ram + interface.guard_bytes
        output = source + interface.input_bytes + 8
        firsts = ",".join(str(n) for n in accumulate(interface.trace_sizes, initial=0))
        values: dict[str, object] = {
            "flash": "flash",
            "input": "input",
            "output": "output",
            "mcu": self.recipe.target.emulated_as or self.recipe.target.name,
            "count": len(rows),
            "command": command,
            "limit": _CYCLES,
            "every": (interface.steps or len(rows))
            if interface.state_bytes and command == _PREDICT
            else 0,
            "other": _FIRST,
            "write": source if buffer == "in" else output,
            "write_bytes": rows.nbytes // max(len(rows), 1),
            "read": output,
            "read_bytes": interface.output_bytes,
            "mailbox": ram_address(image, "pyx_mailbox") if command else 0,
            "record": ram_address(image, "pyx_record") if traced else 0,
            "gpior0": _GPIOR0,
            "predict": image.symbol("pyx_predict").address
            if command not in (_ARGMAX, _SCRATCH)
            else 0xFFFFFFFF,
            "stop": image.symbol("pyx_stop").address,
            "stack_low": first_free(image),
            "trace": traced,
            "first": firsts,
        }
        if len(rows):
            self._start([f"{key}={value}" for key, value in values.items()], folder)
        else:
            (folder / "output").write_bytes(b"")
        result = np.frombuffer((folder / "output").read_bytes(), layout)
        shutil.rmtree(folder, ignore_errors=True)
        return result

    def _start(self, values: list[str], folder: Path) -> None:
        done = subprocess.run(
            [str(simavr_host()), *values],
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
        )
        if done.returncode == 0:
            return
        lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        reason = lines[0][7:] if lines else f"simavr ended with status {done.returncode}"
        kind = CheckFailedError if done.returncode == _FAULT else ToolFailedError
        raise kind(f"{self._where}: {reason}")


def _make_image(recipe: Recipe, kind: str, folder: Path) -> Path:
    model = make_model_object(recipe, kind, folder)
    main = "chip_predict.c" if kind == "predict" else "chip_avr.c"
    command = [*recipe.compiler.c, *compile_flags(recipe), main, "pyx_ram.c", "pyx_stop.c"]
    if kind == "scratch":
        command.append("pyx_scratch.c")
    command += [model.name, "-Wl,--gc-sections", "-o", "image.elf"]
    top = recipe.target.ram_origin + recipe.target.ram_bytes - 1
    command += [f"-Wl,--defsym=__stack=0x{top:x}"]  # the chip's own RAM end, or the roomier one's
    if recipe.target.emulated_as:
        command += [f"-Wl,--defsym=__TEXT_REGION_LENGTH__={recipe.target.flash_bytes}"]
        command += [f"-Wl,--defsym=__DATA_REGION_LENGTH__={recipe.target.ram_bytes}"]
    run_tool(command, cwd=folder, what=recipe.what)
    return folder / "image.elf"


def flash_bytes(image: Image) -> bytes:
    """Return the program memory as one block of bytes."""
    size = max(address + len(data) for address, data in image.segments)
    flash = bytearray(b"\xff" * size)
    for address, data in image.segments:
        flash[address : address + len(data)] = data
    return bytes(flash)


def ram_address(image: Image, name: str) -> int:
    return image.symbol(name).address - _DATA_SPACE


def first_free(image: Image) -> int:
    """Return the first RAM address behind every variable."""
    ends = [s.address + s.size - _DATA_SPACE for s in image.sections if s.address >= _DATA_SPACE]
    return max([0x100, *ends])
