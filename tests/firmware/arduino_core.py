"""Builds a sketch for an Uno with Arduino's own core (Debian: arduino-core-avr) and runs it."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

CORE = Path("/usr/share/arduino/hardware/arduino/avr")
CPU = ("-mmcu=atmega328p", "-DF_CPU=16000000L", "-DARDUINO=10819", "-DARDUINO_ARCH_AVR")
SECTIONS = ("-ffunction-sections", "-fdata-sections")
# Old avr-gcc's float.h has DECIMAL_DIG in C99 only, and the core needs it in C++.
FLAGS = (*CPU, "-DARDUINO_AVR_UNO", "-DDECIMAL_DIG=__DECIMAL_DIG__", "-Os", *SECTIONS)
STRICT = ("-Wall", "-Wextra", "-Werror")
PROTOTYPE = re.compile(r"^(\w+ \w+\([^)]*\))\n\{", re.M)


def missing() -> str | None:
    """Return what is not installed; None if all is there."""
    if not (CORE / "cores" / "arduino" / "Arduino.h").is_file():
        return "Arduino's core: apt-get install arduino-core-avr"
    for tool, package in (("avr-g++", "gcc-avr"), ("simavr", "simavr")):
        if shutil.which(tool) is None:
            return f"{tool}: apt-get install {package}"
    return None


def as_cpp(sketch: str) -> str:
    """Return a sketch as the Arduino IDE compiles it: the core included, functions declared."""
    declarations = "".join(f"{found};\n" for found in PROTOTYPE.findall(sketch))
    return f"#include <Arduino.h>\n{declarations}#line 1\n{sketch}"


@cache
def core_objects(folder: Path) -> tuple[Path, ...]:
    """Compile the core into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for source in sorted((CORE / "cores" / "arduino").iterdir()):
        if source.suffix not in (".c", ".cpp", ".S"):
            continue
        target = folder / f"{source.name}.o"
        compile_file(source, target, "-w")
        made.append(target)
    return tuple(made)


def compile_file(source: Path, target: Path, *more: str) -> None:
    """Compile one file with the core's headers."""
    language = ("-std=gnu++11", "-fno-exceptions", "-fno-threadsafe-statics")
    compiler = ("avr-g++", *language) if source.suffix == ".cpp" else ("avr-gcc",)
    includes = [f"-I{CORE / folder}" for folder in ("cores/arduino", "variants/standard")]
    command = [*compiler, *FLAGS, *includes, *more, "-c", str(source), "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def build(sketch: Path, library: Path, folder: Path) -> Path:
    """Return the image of a sketch that uses a library's header."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "sketch.cpp"
    source.write_text(as_cpp(sketch.read_text(encoding="ascii")), encoding="ascii")
    compile_file(source, folder / "sketch.o", *STRICT, f"-I{library}")
    image = folder / "sketch.elf"
    objects = map(str, (folder / "sketch.o", *core_objects(folder.parent / "core")))
    command = ["avr-gcc", *FLAGS, "-Wl,--gc-sections", *objects, "-lm", "-o", str(image)]
    subprocess.run(command, check=True)
    return image


def serial_output(image: Path, until: str, seconds: int = 60) -> str:
    """Return what the image prints on its serial line up to a text, or in that many seconds."""
    command = ["timeout", str(seconds), "simavr", "-m", "atmega328p", "-f", "16000000", str(image)]
    seen = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        for line in process.stdout:
            plain = re.sub(r"\x1b\[[0-9;]*m", "", line.decode("ascii", "replace"))
            seen += re.sub(r"\.{1,2}\s*$", "", plain.rstrip()) + "\n"  # CR and LF are shown as dots
            if until in seen:
                break
        process.terminate()  # timeout passes it on
    return seen
