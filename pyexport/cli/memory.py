"""What `inspect --memory` and `--memory-svg` print and draw of a memory plan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyexport.board_fits import BoardFit
from pyexport.cli.common import out, plain_table, say
from pyexport.errors import OutputError, UsageError
from pyexport.memory_picture import MemoryPicture, Row
from pyexport.report.memory_svg import memory_svg
from pyexport.untrusted import printable


def print_memory(picture: MemoryPicture) -> None:
    """Print every buffer with its place and the steps while which it is alive, then the peak."""
    table = plain_table("buffer", "kind", ">bytes", "place", "~from", "~to")
    for row in picture.rows:
        table.add_row(
            row.name, row.kind, str(row.bytes), _place(row),
            picture.steps[row.first], picture.steps[row.last],
        )  # fmt: skip
    say("")
    out.print(table)
    say(f"\n{memory_summary(picture)}")


def memory_summary(picture: MemoryPicture) -> str:
    """Return what the plan comes to, in two lines: its size, its bound, and what the peak holds."""
    if not picture.arena_bytes:
        return "no scratch is needed"
    held = ", ".join(f"{row.name} {row.bytes}" for row in picture.peak_rows)
    return (
        f"{picture.arena_bytes} bytes of scratch; no plan of these steps needs fewer than "
        f"{picture.lower_bound}\nmost are alive while {picture.steps[picture.peak]} runs: "
        f"{picture.alive[picture.peak]} bytes ({held})"
    )


def memory_document(picture: MemoryPicture) -> dict[str, Any]:
    """Return the plan for --json."""
    return {
        "steps": list(picture.steps),
        "alive_bytes": list(picture.alive),
        "peak_step": picture.steps[picture.peak],
        "buffers": [
            {
                "name": row.name,
                "kind": row.kind,
                "bytes": row.bytes,
                "offset": row.offset,
                "inside": row.inside or None,
                "first": row.first,
                "last": row.last,
            }
            for row in picture.rows
        ],
    }


def print_fits(fits: Sequence[BoardFit]) -> None:
    """Print a row a board: what the program takes, its share, and whether that fits."""
    table = plain_table("board", "chip", "core", ">flash", ">of it", ">RAM", ">of it", "fits")
    for fit in fits:
        board = fit.board
        table.add_row(
            board.name, board.chip, board.core,
            str(fit.flash_bytes), share(fit.flash_bytes, board.flash_bytes),
            str(fit.ram_bytes), share(fit.ram_bytes, board.ram_bytes),
            "yes" if fit.fits else f"no: {fit.problem}",
        )  # fmt: skip
    say("")
    out.print(table)
    say(
        "\nflash: tables and an allowance for code; RAM: input, output, scratch and an allowance\n"
        "for stack frames; the rest of a firmware comes on top. avr and xtensa are no targets:\n"
        "the code of a close one is assumed. export --target --flash --ram measures"
    )


def fits_document(fits: Sequence[BoardFit]) -> list[dict[str, Any]]:
    """Return the boards for --json."""
    return [
        {
            "board": fit.board.name,
            "chip": fit.board.chip,
            "core": fit.board.core,
            "flash_bytes": fit.flash_bytes,
            "board_flash_bytes": fit.board.flash_bytes,
            "ram_bytes": fit.ram_bytes,
            "board_ram_bytes": fit.board.ram_bytes,
            "fits": fit.fits,
            "problem": fit.problem,
        }
        for fit in fits
    ]


def share(needed: int, whole: int) -> str:
    """Return a part in percent, "" of nothing."""
    return f"{100 * needed / whole:.1f} %" if whole else ""


def check_svg_name(path: Path) -> None:
    """Raise UsageError unless the picture's name ends in .svg."""
    if path.suffix != ".svg":
        raise UsageError(
            f"--memory-svg {printable(path, 300)}: pictures end in .svg; give it such a name"
        )


def write_memory_svg(path: Path, picture: MemoryPicture, title: str) -> None:
    """Write the picture; raises OutputError where that cannot be."""
    try:
        path.write_text(memory_svg(picture, title), encoding="utf-8")
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = printable(getattr(error, "strerror", None) or error)
        raise OutputError(
            f"{printable(path, 300)}: cannot be written ({reason}); choose another place"
        ) from None


def _place(row: Row) -> str:
    """Return where a row lies: bytes of the scratch or of a caller's buffer, from..to."""
    last = row.offset + row.bytes - 1
    if row.in_arena:
        return f"{row.offset}..{last}"
    if row.inside:
        return f"{row.inside} {row.offset}..{last}"
    return "yours"
