"""Puts many headers into one image of an emulated chip, and counts the predictions of each alone.

One compilation of twenty headers takes little longer than one of one; every model is still a call
of its own, from its entry to its return, as in the image that `pyexport verify` measures.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyexport.errors import ToolFailedError
from pyexport.ir import Array
from pyexport.resources import resource_dir
from pyexport.runners.blobs import c_type
from pyexport.runners.build import Recipe, compile_flags, make_recipe
from pyexport.runners.chip_image import WINDOW, linker_script
from pyexport.runners.compilers import run_tool
from pyexport.runners.image import Image, read_image
from pyexport.runners.instructions import Decoder
from pyexport.runners.protocol import HeaderInterface
from pyexport.runners.simavr import first_free, flash_bytes, ram_address, simavr_host
from pyexport.runners.unicorn_cores import get_core
from pyexport.runners.unicorn_machine import Machine
from pyexport.runners.unicorn_measure import Meter
from pyexport.targets import get_target, roomy_target

_SECONDS = 120.0
_CYCLES = 200_000_000
_MAIN = """#include <stdint.h>
void pyx_stop(void);
typedef void (*pyx_predict_t)(const void *in, void *out);
typedef struct {{ pyx_predict_t predict; uint16_t in; uint16_t out; }} pyx_case_t;
{declared}
static const pyx_case_t pyx_cases[] = {{ {table} }};
typedef struct {{ uint16_t number; uint16_t unused; uint8_t bytes[{size}]; }} pyx_ram_t;
pyx_ram_t pyx_ram __attribute__((section(".noinit"), aligned(4)));
int main(void)
{{
    for (;;) {{
        const pyx_case_t *one = &pyx_cases[pyx_ram.number];
        one->predict(&pyx_ram.bytes[one->in], &pyx_ram.bytes[one->out]);
        pyx_stop();
    }}
}}
"""


@dataclass(frozen=True, eq=False)
class Case:
    """A header and the rows that it is counted on."""

    header: str
    interface: HeaderInterface
    rows: Array  # (n, input size), as the header takes them


@dataclass(frozen=True)
class Counted:
    """What one header costs."""

    counts: tuple[int, ...]  # instructions or cycles of each row
    stack: int  # bytes of the deepest call
    code: int  # bytes of the function that predicts, with what was put into it
    image: int = 0  # bytes of flash of the whole image, the harness included
    ram: int = 0  # bytes of static memory, the harness included


LEVEL = "-Os"  # with the GNU compiler: what PlatformIO, Arduino and ESP-IDF build with


def count_cases(
    target: str, cases: Sequence[Case], flags: tuple[str, ...] = (), include: Path | None = None
) -> list[Counted]:
    """Return what each header costs on an emulated chip, built by its GNU compiler.

    flags: put behind the others. include: a folder whose files headers may include.
    """
    with _built(target, cases, flags, include) as (recipe, folder, image):
        entries = [image.symbol(f"pyx_case_{number}") for number in range(len(cases))]
        count = _cycles if recipe.target.family == "avr" else _instructions
        return [
            Counted(
                *count(recipe, folder, image, number, case),
                code=entry.size,
                image=image.loaded_bytes(),
                ram=image.section_bytes(".data", ".bss"),
            )
            for number, (case, entry) in enumerate(zip(cases, entries, strict=True))
        ]


def object_sizes(target: str, case: Case) -> dict[str, int]:
    """Return the bytes of everything with a size and a name in the image of a header, by name."""
    with _built(target, [case]) as (_, _, image):
        return {symbol.name: symbol.size for symbol in image.symbols if symbol.size}


@contextmanager
def _built(
    target: str, cases: Sequence[Case], flags: tuple[str, ...] = (), include: Path | None = None
) -> Iterator[tuple[Recipe, Path, Image]]:
    """Build one image of all headers; its folder lasts as long as the block."""
    with tempfile.TemporaryDirectory(prefix="pyexport-") as name:
        folder = Path(name)
        shutil.copytree(resource_dir("firmware") / "harness", folder, dirs_exist_ok=True)
        if include is not None:
            shutil.copytree(include, folder, dirs_exist_ok=True)
        for number, case in enumerate(cases):
            (folder / f"case{number}.h").write_text(case.header, encoding="utf-8")
        recipe = make_recipe(
            roomy_target(get_target(target)),
            folder / "case0.h",
            cases[0].interface,
            compiler="gcc",
            optimize=LEVEL,
            extra_flags=flags,
            window=WINDOW,
        )
        yield recipe, folder, _image(recipe, folder, cases)


def _places(case: Case) -> tuple[int, int]:
    """Return where input and output lie: byte inputs at an odd address, as in the harness."""
    first = 1 if case.rows.itemsize == 1 else 0
    return first, (first + case.rows.shape[1] * case.rows.itemsize + 3) & ~3


def _image(recipe: Recipe, folder: Path, cases: Sequence[Case]) -> Image:
    numbers = range(len(cases))
    models = []
    for number, case in enumerate(cases):
        taken, given = c_type(case.interface.input_dtype), c_type(case.interface.output_dtype)
        models += [
            f'#include "case{number}.h"',
            f"void pyx_case_{number}(const void *in, void *out);",
            f"void pyx_case_{number}(const void *in, void *out)",
            f"{{ {case.interface.name}_predict((const {taken} *)in, ({given} *)out); }}",
        ]
    (folder / "model.c").write_text("\n".join([*models, ""]), encoding="utf-8")
    table = [(f"pyx_case_{n}", *_places(case)) for n, case in enumerate(cases)]
    size = max(_places(case)[1] + case.interface.output_bytes for case in cases)
    main = _MAIN.format(
        declared="\n".join(f"void pyx_case_{n}(const void *in, void *out);" for n in numbers),
        table=", ".join(f"{{ {name}, {a}u, {b}u }}" for name, a, b in table),
        size=size,
    )
    (folder / "main.c").write_text(main, encoding="utf-8")
    command = [*recipe.compiler.c, *compile_flags(recipe)]
    run_tool([*command, "-c", "model.c", "-o", "model.o"], cwd=folder, what=recipe.what)
    if recipe.target.family == "avr":
        top = recipe.target.ram_origin + recipe.target.ram_bytes - 1
        command += ["main.c", "pyx_stop.c", "model.o", "-Wl,--gc-sections", "-o", "image.elf"]
        command += [f"-Wl,--defsym=__stack=0x{top:x}"]
        command += [f"-Wl,--defsym=__TEXT_REGION_LENGTH__={recipe.target.flash_bytes}"]
        command += [f"-Wl,--defsym=__DATA_REGION_LENGTH__={recipe.target.ram_bytes}"]
    else:
        script = (folder / "chip.ld").read_text(encoding="utf-8")
        room = HeaderInterface("cases", "u8", size + 64, "u8", 64, "s32", (), False, (), 0, 255)
        wide = Recipe(**{**recipe.__dict__, "interface": room})
        text = linker_script(wide, script, folder / "model.o", "predict")
        (folder / "chip.ld").write_text(text, encoding="utf-8")
        command += ["main.c", "pyx_stop.c", f"startup_{recipe.target.family}.c", "model.o"]
        command += ["-T", "chip.ld", "-Wl,-e,pyx_reset", "-Wl,--gc-sections"]
        command += ["-Wl,-z,max-page-size=4", "-o", "image.elf"]
        if recipe.compiler.kind == "gcc":
            command += ["-fno-builtin", "-fno-tree-loop-distribute-patterns", "freestanding.c"]
            command += ["-nostdlib", "-Wl,--no-warn-rwx-segments", "-lgcc"]
    run_tool(command, cwd=folder, what=recipe.what)
    return read_image(folder / "image.elf")


def _blobs(number: int, case: Case) -> list[bytes]:
    """Return what the host writes for each row: the model's number, and the row in its place."""
    before = number.to_bytes(2, "little") + b"\0\0" + b"\0" * _places(case)[0]
    return [before + row.tobytes() for row in case.rows]


def _instructions(
    recipe: Recipe, folder: Path, image: Image, number: int, case: Case
) -> tuple[tuple[int, ...], int]:
    core = get_core(recipe.target.name)
    machine = Machine(recipe.target, image, recipe.target.name, (WINDOW, 0))
    meter = Meter(machine, Decoder(core, machine.read), image.symbol(f"pyx_case_{number}").address)
    counts, stack = [], 0
    machine.watch_blocks(meter.on_block)
    try:
        for blob in _blobs(number, case):
            machine.write(image.symbol("pyx_ram").address, blob)
            machine.paint_stack()
            meter.start()
            machine.run(_SECONDS)
            counts.append(meter.count)
            stack = max(stack, meter.caller - machine.lowest_painted_over())
    finally:
        machine.unhook()
    return tuple(counts), stack


def _cycles(
    recipe: Recipe, folder: Path, image: Image, number: int, case: Case
) -> tuple[tuple[int, ...], int]:
    blobs = _blobs(number, case)
    (folder / "flash").write_bytes(flash_bytes(image))
    (folder / "input").write_bytes(b"".join(blobs))
    ram = ram_address(image, "pyx_ram")
    values: dict[str, object] = {
        "flash": "flash", "input": "input", "output": "output",
        "mcu": recipe.target.emulated_as or recipe.target.name,
        "count": len(blobs), "command": 0, "limit": _CYCLES, "every": 0, "other": 0,
        "write": ram, "write_bytes": len(blobs[0]), "read": ram, "read_bytes": 1,
        "mailbox": 0, "record": 0, "gpior0": 0x3E,
        "predict": image.symbol(f"pyx_case_{number}").address,
        "stop": image.symbol("pyx_stop").address,
        "stack_low": first_free(image), "trace": 0, "first": "0",
    }  # fmt: skip
    command = [str(simavr_host()), *(f"{key}={value}" for key, value in values.items())]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        raise ToolFailedError(f"{recipe.target.name}, case {number}: {done.stderr.strip()[:300]}")
    layout = np.dtype([("read", "u1"), ("result", "<u4"), ("cycles", "<u4"), ("stack", "<u4")])
    rows = np.frombuffer((folder / "output").read_bytes(), layout)
    return tuple(int(n) for n in rows["cycles"]), int(rows["stack"].max())
