"""Reads ELF files: what is loaded where, which symbols lie where, and for which core."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from pyexport.errors import ToolFailedError

_WRITE, _ALLOC = 1, 2


@dataclass(frozen=True)
class Section:
    """A section that takes memory on the target."""

    name: str
    address: int
    size: int
    writable: bool


@dataclass(frozen=True)
class Symbol:
    """A named place; `section` is the section's name, "" if it has none here."""

    name: str
    address: int
    size: int
    section: str


@dataclass(frozen=True)
class Image:
    """What the rest needs of one ELF file."""

    path: Path
    segments: tuple[tuple[int, bytes], ...]  # (physical address, bytes)
    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]
    undefined: tuple[str, ...]
    attributes: tuple[tuple[str, Any], ...]  # build attributes: ("TAG_CPU_ARCH", 13)
    entry: int

    def symbol(self, name: str) -> Symbol:
        """Return the symbol of that name; raises ToolFailedError if the linker dropped it."""
        for symbol in self.symbols:
            if symbol.name == name:
                return symbol
        raise ToolFailedError(f"{self.path.name}: the linked image has no symbol {name}")

    def section_bytes(self, *names: str) -> int:
        """Return the bytes of all sections with one of these names."""
        return sum(section.size for section in self.sections if section.name in names)

    def loaded_bytes(self) -> int:
        """Return how many bytes the image takes in flash."""
        return sum(len(data) for _, data in self.segments)

    def locate(self, address: int) -> str:
        """Return "name+0x4" for an address inside a known function or table, else its number."""
        for symbol in self.symbols:
            if symbol.size and symbol.address <= address < symbol.address + symbol.size:
                return f"{symbol.name}+0x{address - symbol.address:x}"
        return f"0x{address:08x}"


@cache
def read_image(path: Path) -> Image:
    """Read an ELF file; raises ToolFailedError if it is none."""
    try:
        with path.open("rb") as file:
            elf = ELFFile(file)
            return _read(path, elf)
    except (OSError, ELFError) as error:
        raise ToolFailedError(f"{path.name}: the compiler wrote no ELF file: {error}") from None


def _read(path: Path, elf: Any) -> Image:
    sections = tuple(
        Section(
            name=section.name,
            address=section["sh_addr"],
            size=section["sh_size"],
            writable=bool(section["sh_flags"] & _WRITE),
        )
        for section in elf.iter_sections()
        if section["sh_flags"] & _ALLOC
    )
    names = [section.name for section in elf.iter_sections()]
    symbols, undefined = [], []
    table = elf.get_section_by_name(".symtab")
    thumb = elf["e_machine"] == "EM_ARM"
    for entry in table.iter_symbols() if table else ():
        index = entry["st_shndx"]
        if index == "SHN_UNDEF":
            if entry.name:
                undefined.append(entry.name)
        elif entry.name and not entry.name.startswith("$"):
            function = entry["st_info"]["type"] == "STT_FUNC"
            address = entry["st_value"] & ~1 if thumb and function else entry["st_value"]
            section_name = names[index] if isinstance(index, int) else ""
            symbols.append(Symbol(entry.name, address, entry["st_size"], section_name))
    return Image(
        path=path,
        segments=tuple(_loaded(elf)),
        sections=sections,
        symbols=tuple(symbols),
        undefined=tuple(sorted(undefined)),
        attributes=_attributes(elf),
        entry=elf["e_entry"],
    )


def _loaded(elf: Any) -> Iterator[tuple[int, bytes]]:
    """Yield load address and bytes of each section; GNU ld's segments also hold ELF headers."""
    segments = [segment for segment in elf.iter_segments() if segment["p_type"] == "PT_LOAD"]
    for section in elf.iter_sections():
        if not section["sh_flags"] & _ALLOC or section["sh_type"] == "SHT_NOBITS":
            continue
        for segment in segments:
            offset = section["sh_addr"] - segment["p_vaddr"]
            if section["sh_size"] and 0 <= offset < segment["p_filesz"]:
                yield segment["p_paddr"] + offset, section.data()
                break


def _attributes(elf: Any) -> tuple[tuple[str, Any], ...]:
    """Return the build attributes that Arm and RISC-V compilers write."""
    found = [("e_flags", elf["e_flags"])]
    for name in (".ARM.attributes", ".riscv.attributes"):
        section = elf.get_section_by_name(name)
        if section is None:
            continue
        for subsection in section.iter_subsections():
            for part in subsection.iter_subsubsections():
                found += [(entry.tag, entry.value) for entry in part.iter_attributes()]
    return tuple(found)
