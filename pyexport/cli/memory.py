"""What `inspect --memory` and `--memory-svg` print and draw of a memory plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
