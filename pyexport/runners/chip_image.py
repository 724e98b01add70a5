"""Links a firmware image for a chip whose memory we map: Cortex-M and RISC-V."""

from __future__ import annotations

from pathlib import Path

from pyexport.errors import ToolFailedError
from pyexport.runners.build import Recipe, build, compile_flags, make_model_object
from pyexport.runners.compilers import run_tool
from pyexport.runners.image import Image, read_image
from pyexport.runners.protocol import Finding

# Where the host writes inputs and reads outputs; no supported chip has anything there.
WINDOW = 0x6000_0000
_HARNESS_BYTES = 256  # harness variables besides the input and output buffer
_LEAST_STACK = 256


def chip_image(recipe: Recipe, kind: str) -> Image:
    """Return the linked image of this kind, built at most once a process."""
    return read_image(build(recipe, kind, "image", _make_image))


def model_object(recipe: Recipe) -> Image:
    """Return the object file that only predicts."""
    return read_image(build(recipe, "predict", "object", make_model_object))


def _make_image(recipe: Recipe, kind: str, folder: Path) -> Path:
    model = make_model_object(recipe, kind, folder)
    main = "chip_predict.c" if kind == "predict" else "chip_batch.c"
    sources = [main, "pyx_ram.c", "pyx_stop.c", f"startup_{recipe.target.family}.c"]
    if kind != "predict":
        sources.append("pyx_batch.c")
    if kind == "scratch":
        sources.append("pyx_scratch.c")
    script = folder / "chip.ld"
    script.write_text(linker_script(recipe, script.read_text(), model, kind), encoding="utf-8")
    command = [*recipe.compiler.c, *compile_flags(recipe), *sources, model.name]
    command += ["-T", script.name, "-Wl,-e,pyx_reset", "-Wl,--gc-sections"]
    command += ["-Wl,-z,max-page-size=4"]
    if recipe.compiler.kind == "gcc":
        # gcc turns the loops of memcpy and memset into calls of themselves unless told not to
        command += ["-fno-builtin", "-fno-tree-loop-distribute-patterns", "freestanding.c"]
        command += ["-nostdlib", "-Wl,--no-warn-rwx-segments", "-lgcc"]
    command += ["-o", "image.elf"]
    run_tool(command, cwd=folder, what=recipe.what)
    return folder / "image.elf"


def linker_script(recipe: Recipe, text: str, model: Path, kind: str) -> str:
    """Fill in the memory of the chip; the stack gets all RAM that nothing else needs."""
    target, interface = recipe.target, recipe.interface
    statics = sum(s.size + 16 for s in read_image(model).sections if s.writable and s.size)
    buffers = interface.input_bytes + interface.output_bytes + 3 * 16
    if interface.state_bytes:
        buffers += interface.state_bytes + 16
    if kind == "scratch":  # static there, and not on the stack
        buffers += interface.scratch_bytes + 3 * 16
    stack = (target.ram_bytes - statics - buffers - _HARNESS_BYTES) & ~15
    if stack < _LEAST_STACK:
        raise ToolFailedError(
            f"{recipe.what}: static data of {statics} bytes and input and output of {buffers} bytes"
            f" leave no stack in the {target.ram_bytes} bytes of RAM of {target.chip}"
        )
    for word, value in (
        ("FLASH_ORIGIN", target.flash_origin),
        ("FLASH_BYTES", target.flash_bytes),
        ("RAM_ORIGIN", target.ram_origin),
        ("RAM_BYTES", target.ram_bytes),
        ("STACK_BYTES", stack),
    ):
        text = text.replace(f"@{word}@", f"0x{value:x}")
    return text


def parameter_finding(recipe: Recipe, image: Image) -> Finding:
    """Return whether every table lies in flash, in a section that cannot be written."""
    target = recipe.target
    flash = range(target.flash_origin, target.flash_origin + target.flash_bytes)
    read_only = {section.name for section in image.sections if not section.writable}
    found, wrong = [], []
    for name in recipe.interface.parameter_symbols:
        if name.encode() not in recipe.source:
            wrong.append(f"{name} is not in the header")
        for symbol in (s for s in image.symbols if s.name == name):
            found.append(symbol)
            last = symbol.address + max(symbol.size, 1) - 1
            if symbol.section not in read_only or symbol.address not in flash or last not in flash:
                wrong.append(f"{name} is in {symbol.section} at 0x{symbol.address:x}")
    ram = image.section_bytes(".data", ".bss")
    if ram:
        wrong.append(f"{ram} bytes of .data and .bss")
    if wrong:
        return Finding("parameters in flash", False, "; ".join(wrong))
    folded = len(recipe.interface.parameter_symbols) - len(found)
    detail = f"{len(found)} tables, {sum(s.size for s in found)} bytes in flash, 0 in RAM"
    if folded:
        detail += f"; the compiler folded {folded} into code"
    return Finding("parameters in flash", True, detail)


def parameter_bytes(recipe: Recipe, image: Image) -> int:
    """Return the bytes of all tables that the image holds."""
    names = set(recipe.interface.parameter_symbols)
    return sum(symbol.size for symbol in image.symbols if symbol.name in names)
