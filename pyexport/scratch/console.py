"""What the training scripts print: one line of progress on a terminal, and a table at the end."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def progress(text: str, *, last: bool = False) -> None:
    """Show text on standard error, over the text before; off a terminal only the last one."""
    if sys.stderr.isatty():
        end = "\n" if last else ""
        print(f"\r\x1b[K{text}", end=end, file=sys.stderr, flush=True)
    elif last:
        print(text, file=sys.stderr, flush=True)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table with aligned columns: the first to the left, the others to the right."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    texts = []
    for line in lines:
        first, *others = (
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        texts.append("  ".join([first, *others]).rstrip())
    texts.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(texts)
