"""Prints the files around a header that make it a library of a build system."""

from dataclasses import dataclass

from pyexport.codegen.context import build_context
from pyexport.codegen.identifiers import comment_text
from pyexport.codegen.info import HeaderInfo
from pyexport.codegen.render import template_environment
from pyexport.errors import UsageError
from pyexport.program import Program

VERSION = "1.0.0"  # of the library; exports are told apart by identity


@dataclass(frozen=True)
class PackageKind:
    """One build system: where it wants the header, and the files it reads beside it."""

    title: str  # "an Arduino library"
    header_folder: str
    files: tuple[tuple[str, str], ...]  # template in templates/package, path in the package
    usage: tuple[str, ...]  # lines of README.md; {name}, {folder}
    unbuilt: str = ""  # what pyexport's own tests lack to build it; "" if they do


_SKETCH = ("selftest.ino.j2", "examples/selftest/selftest.ino")
PACKAGES = {
    "arduino": PackageKind(
        "an Arduino library",
        "src",
        (("library.properties.j2", "library.properties"), _SKETCH),
        (
            "Copy this folder into `libraries/` of your sketchbook, or pack it as a .zip and",
            "choose *Sketch, Include Library, Add .ZIP Library*. Then `#include <{name}.h>`; the",
            "example *selftest* shows how to call it.",
        ),
    ),
    "platformio": PackageKind(
        "a PlatformIO library",
        "src",
        (("library.json.j2", "library.json"), _SKETCH),
        (
            "Copy this folder into `lib/` of your project, or name it in `platformio.ini`:",
            "`lib_deps = symlink:///path/to/{folder}`. Then `#include <{name}.h>`.",
        ),
    ),
    "esp-idf": PackageKind(
        "an ESP-IDF component",
        "include",
        (
            ("CMakeLists.esp-idf.j2", "CMakeLists.txt"),
            ("idf_component.yml.j2", "idf_component.yml"),
        ),
        (
            "Copy this folder into `components/` of your project, add `{folder}` to the `REQUIRES`",
            "of the component that calls it, and `#include <{name}.h>`.",
        ),
        "ESP-IDF",
    ),
    "zephyr": PackageKind(
        "a Zephyr module",
        "include",
        (
            ("module.yml.j2", "zephyr/module.yml"),
            ("CMakeLists.zephyr.j2", "zephyr/CMakeLists.txt"),
            ("Kconfig.j2", "zephyr/Kconfig"),
        ),
        (
            "Build with `-DEXTRA_ZEPHYR_MODULES=/path/to/{folder}`, or list the folder in your",
            "west manifest; set `CONFIG_PYEXPORT_{upper}=y` in `prj.conf`, and",
            "`#include <{name}.h>`.",
        ),
        "Zephyr",
    ),
    "cmake": PackageKind(
        "a CMake package",
        "include",
        (("CMakeLists.cmake.j2", "CMakeLists.txt"), ("selftest.c.j2", "test/selftest.c")),
        (
            "`add_subdirectory({folder})`, or install it (`cmake -B build`,",
            "`cmake --install build`) and `find_package({name} REQUIRED)`; then",
            "`target_link_libraries(app {name}::{name})` and `#include <{name}.h>`.",
        ),
    ),
}


def package_kind(name: str) -> PackageKind:
    """Return a kind of package by its name; raises UsageError."""
    if name not in PACKAGES:
        raise UsageError(f"--package {name} is unknown; use one of {', '.join(PACKAGES)}")
    return PACKAGES[name]


def default_folder(name: str, kind: str) -> str:
    """Return the folder that a package is called without a wish of the user's."""
    return f"{name}-{kind}"


def render_package(
    program: Program, info: HeaderInfo, kind_name: str, folder: str
) -> dict[str, bytes]:
    """Return the package's files by path, but for header, artifact and manifest."""
    kind = package_kind(kind_name)
    context = build_context(program, info, None)
    size_in, size_out = (
        sum(program.buffer(name).bytes for name in names)
        for names in (program.inputs, program.outputs)
    )
    values = {
        "name": info.name,
        "upper": info.name.upper(),
        "title": context["info"]["title"],
        "version": VERSION,
        "exporter": info.version,
        "identity": info.identity,
        "inputs": context["inputs"],
        "outputs": context["outputs"],
        "variables": ", ".join(p["variable"] for p in (*context["inputs"], *context["outputs"])),
        "contract_off": info.scheme == "float32",
        "folder": comment_text(folder),
        "header": f"{kind.header_folder}/{info.name}.h",
        "kind_title": kind.title,
        "flash": program.const_bytes,
        "ram": program.arena_bytes + program.state_bytes + size_in + size_out,
        "unbuilt": kind.unbuilt,
        "is_stream": bool(program.states),
    }
    values["usage"] = [
        line.format(name=info.name, upper=info.name.upper(), folder=folder) for line in kind.usage
    ]
    environment = template_environment()
    return {
        path: environment.get_template(f"package/{template}").render(values).encode()
        for template, path in (*kind.files, ("README.md.j2", "README.md"))
    }
