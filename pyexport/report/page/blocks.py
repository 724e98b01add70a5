"""What sections are made of: tables, drawings with lines below them, figures as text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """One cell of a table: a text, and perhaps a tick or cross before it and a bar behind it."""

    text: str
    mark: bool | None = None
    bar: float | None = None  # length, 0..1
    strong: bool = False
    html: bool = False  # the text is HTML of drawing.py, and safe

    @property
    def bar_percent(self) -> float:
        """The bar's length, 0..100."""
        return round(100 * (self.bar or 0.0), 1)


@dataclass(frozen=True)
class Column:
    """A column's heading; numbers align right, and only a wide text breaks over lines."""

    title: str
    number: bool = False
    wide: bool = False


@dataclass(frozen=True)
class Table:
    """A table with a caption; the first cell of each row is its heading."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: tuple[Cell, ...] = ()  # a last row


@dataclass(frozen=True)
class Figure:
    """Drawings side by side, HTML that is safe, with titles, and the lines that belong to them."""

    drawings: tuple[tuple[str, str], ...]  # title, HTML
    lines: tuple[Cell, ...] = ()
    title: str = ""
    table: Table | None = None


def columns(*titles: str) -> tuple[Column, ...]:
    """Return columns of titles; one that starts with ">" holds numbers, one with "~" long texts."""
    return tuple(
        Column(title.lstrip(">~"), title.startswith(">"), title.startswith("~")) for title in titles
    )


def cells(*values: str | Cell) -> tuple[Cell, ...]:
    """Return a row of cells."""
    return tuple(value if isinstance(value, Cell) else Cell(value) for value in values)


def count(value: float | None) -> str:
    """Return a whole number with separators, a dash for None."""
    return "\N{EN DASH}" if value is None else f"{value:,.0f}"


def percent(part: float, whole: float = 1.0, digits: int = 2) -> str:
    """Return a share in percent."""
    return f"{100 * part / whole:.{digits}f} %" if whole else "\N{EN DASH}"


def figure(value: float) -> str:
    """Return a real number with four significant digits."""
    return "\N{INFINITY}" if math.isinf(value) else f"{value:.4g}"


def decimals(values: Sequence[float]) -> list[str]:
    """Return real numbers with the same decimals each: four significant digits of the largest."""
    most = max((abs(value) for value in values), default=0.0)
    places = 3 - math.floor(math.log10(most)) if most else 1
    return [f"{value:.{min(max(places, 0), 9)}f}" for value in values]


def listed(words: Sequence[str]) -> str:
    """Return "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def plural(number: int, one: str, many: str = "") -> str:
    """Return "1 row" or "1,234 rows"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
