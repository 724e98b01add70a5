"""A figure that is laid out in inches, with a heading: what all sheets are drawn on."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pyexport.errors import ToolMissingError

INK, QUIET, GOOD, BAD = "#1d2733", "#6b7785", "#1b7a43", "#b3341f"
SIDE, HEAD, FOOT = 0.35, 0.8, 0.2  # inches around the drawing
DPI = 150
_LEAST_WIDTH = 6.0
_SETTINGS: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": "#c9d0d8",
    "axes.linewidth": 0.8,
    "figure.facecolor": "white",
}

# A text, and whether what it says holds: a tick, a cross, or neither.
Line = tuple[str, bool | None]


@dataclass(frozen=True)
class Canvas:
    """A figure and its size; places are inches from the top left of what lies below the heading."""

    figure: Any
    width: float
    height: float

    def axes(self, left: float, top: float, width: float, height: float) -> Any:
        """Return new axes of this size."""
        x, y = SIDE + left, self.height - HEAD - top - height
        return self.figure.add_axes(
            (x / self.width, y / self.height, width / self.width, height / self.height)
        )

    def lines(self, left: float, top: float, lines: Sequence[Line], *, centered: bool) -> None:
        """Write lines, one below the other."""
        for number, (text, held) in enumerate(lines):
            mark, color = _mark(held)
            x, y = SIDE + left, self.height - HEAD - top - 0.16 * number
            self.figure.text(
                x / self.width, y / self.height, mark + text, color=color, fontsize=8,
                ha="center" if centered else "left", va="top",
            )  # fmt: skip

    def png(self) -> bytes:
        """Return the figure as the bytes of a PNG file."""
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", metadata={"Software": None})
        return buffer.getvalue()


@contextmanager
def canvas(width: float, height: float, title: str, subtitle: str) -> Iterator[Canvas]:
    """Open a canvas whose drawing has this size in inches."""
    try:
        import matplotlib as mpl
    except ImportError:
        raise ToolMissingError(
            "pictures need matplotlib: pip install 'pyexport[report]', or leave them out with "
            "--no-pictures"
        ) from None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(_SETTINGS):
        wide, high = max(width, _LEAST_WIDTH) + 2 * SIDE, height + HEAD + FOOT
        figure: Any = Figure(figsize=(wide, high), dpi=DPI)
        FigureCanvasAgg(figure)
        place = {"x": SIDE / wide, "ha": "left", "va": "top"}
        figure.text(y=1 - 0.22 / high, s=title, fontsize=13, fontweight="bold", **place)
        figure.text(y=1 - 0.47 / high, s=subtitle, fontsize=8.5, color=QUIET, **place)
        yield Canvas(figure, wide, high)


def _mark(held: bool | None) -> tuple[str, str]:
    if held is None:
        return "", QUIET
    return ("\N{CHECK MARK} ", GOOD) if held else ("\N{MULTIPLICATION X} ", BAD)
