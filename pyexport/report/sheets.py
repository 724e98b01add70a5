"""Draws sheets of inputs as PNG: generated ones, and starts beside what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyexport.ir import Array, FloatArray
from pyexport.report.canvas import INK, QUIET, Line, canvas
from pyexport.report.shapes import Shape

PICTURE = 1.45  # inches of a picture's longer side
CURVE = (2.7, 0.95)
GAP, TITLE, LINE = 0.22, 0.24, 0.16
TEXT = 1.35  # width of the words beside a change

Limits = tuple[float, float]  # what is black and white, or the ends of a curve's axis


@dataclass(frozen=True, eq=False)
class Panel:
    """One input of a sheet: what stands above it, and the lines below it."""

    row: FloatArray  # real values
    title: str
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, eq=False)
class Change:
    """A start, the row that it was changed to, and the lines beside them."""

    start: FloatArray
    result: FloatArray
    start_title: str
    result_title: str
    lines: tuple[Line, ...] = ()


def draw_panels(
    panels: Sequence[Panel],
    shape: Shape,
    limits: Limits,
    title: str,
    subtitle: str,
    columns: int = 5,
) -> bytes:
    """Return a PNG of panels in a grid."""
    columns = min(columns, len(panels))
    wide, high = _size(shape)
    axis = 0.0 if shape.is_picture else 0.22  # of the numbers below a curve
    below = LINE * max(len(panel.lines) for panel in panels) + axis
    step = TITLE + high + below + GAP
    rows = -(-len(panels) // columns)
    with canvas(columns * (wide + GAP) - GAP, rows * step, title, subtitle) as sheet:
        for number, panel in enumerate(panels):
            left, top = number % columns * (wide + GAP), number // columns * step + TITLE
            axes = sheet.axes(left, top, wide, high)
            _draw(axes, panel.row, shape, limits)
            axes.set_title(panel.title, fontsize=10.5, fontweight="bold", pad=4)
            sheet.lines(left + wide / 2, top + high + axis + 0.05, panel.lines, centered=True)
        return sheet.png()


def draw_changes(
    changes: Sequence[Change],
    shape: Shape,
    limits: Limits,
    title: str,
    subtitle: str,
    blocks: int = 2,
) -> bytes:
    """Return a PNG with start, result, difference and lines of each change side by side.

    The scale of all differences is the same: its ends are the largest change of the sheet.
    """
    if not shape.is_picture:
        return _draw_curves(changes, shape, limits, title, subtitle)
    blocks = min(blocks, len(changes))
    wide, high = _size(shape)
    block, step = 3 * (wide + 0.1) + TEXT, max(high, 5 * LINE) + TITLE + GAP
    reach = max((float(np.abs(c.result - c.start).max()) for c in changes), default=1.0)
    rows = -(-len(changes) // blocks)
    with canvas(blocks * block, rows * step, title, subtitle) as sheet:
        for number, change in enumerate(changes):
            left, top = number % blocks * block, number // blocks * step + TITLE
            axes = [sheet.axes(left + i * (wide + 0.1), top, wide, high) for i in range(3)]
            _draw(axes[0], change.start, shape, limits)
            _draw(axes[1], change.result, shape, limits)
            _difference(axes[2], change.result - change.start, shape, reach or 1.0)
            names = (change.start_title, change.result_title, "difference")
            for one, text in zip(axes, names, strict=True):
                one.set_title(text, fontsize=9, pad=4)
            sheet.lines(left + 3 * (wide + 0.1) + 0.02, top, change.lines, centered=False)
        return sheet.png()


def _draw_curves(
    changes: Sequence[Change], shape: Shape, limits: Limits, title: str, subtitle: str
) -> bytes:
    wide, high = 6.2, 1.0
    step = TITLE + high + 0.2 + GAP
    with canvas(wide + 0.2 + TEXT, len(changes) * step, title, subtitle) as sheet:
        for number, change in enumerate(changes):
            top = number * step + TITLE
            axes = sheet.axes(0.0, top, wide, high)
            _curve(axes, change.start, shape, limits, QUIET, "--")
            _curve(axes, change.result, shape, limits, INK, "-")
            names = f"{change.start_title} (dashed), {change.result_title} (solid)"
            axes.set_title(names, fontsize=9, pad=4)
            sheet.lines(wide + 0.2, top, change.lines, centered=False)
        return sheet.png()


def _size(shape: Shape) -> tuple[float, float]:
    """Return width and height of one input in inches."""
    if not shape.is_picture:
        return CURVE
    width = shape.width * (1 if shape.channels == 3 else shape.channels)
    longer = max(width, shape.height)
    return PICTURE * width / longer, PICTURE * shape.height / longer


def _draw(axes: Any, row: FloatArray, shape: Shape, limits: Limits) -> None:
    if not shape.is_picture:
        _curve(axes, row, shape, limits, INK, "-")
        return
    image = shape.arrange(row)
    if image.ndim == 3:
        image = np.clip((image - limits[0]) / max(limits[1] - limits[0], 1e-12), 0.0, 1.0)
    axes.imshow(image, cmap="gray", vmin=limits[0], vmax=limits[1], interpolation="nearest")
    _bare(axes)


def _difference(axes: Any, change: FloatArray, shape: Shape, reach: float) -> None:
    """Draw a difference: light where nothing changed, orange where darker, purple where lighter."""
    image = shape.arrange(change)
    if image.ndim == 3:
        image = image.mean(axis=2)
    axes.imshow(image, cmap="PuOr", vmin=-reach, vmax=reach, interpolation="nearest")
    _bare(axes)


def _curve(
    axes: Any, row: FloatArray, shape: Shape, limits: Limits, color: str, style: str
) -> None:
    values: Array = shape.arrange(row)
    for channel in range(values.shape[1]):
        axes.plot(
            values[:, channel], color=color, linestyle=style, linewidth=1.2,
            alpha=1.0 - 0.6 * channel / values.shape[1],
            drawstyle="steps-mid" if len(values) <= 64 else "default",
        )  # fmt: skip
    margin = 0.06 * max(limits[1] - limits[0], 1e-12)
    axes.set_ylim(limits[0] - margin, limits[1] + margin)
    axes.tick_params(labelsize=6.5, colors=QUIET, length=2)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _bare(axes: Any) -> None:
    axes.set_xticks([])
    axes.set_yticks([])


def span_of(rows: FloatArray, limits: Limits) -> Limits:
    """Return the least and greatest value of rows, to stretch contrast; limits if all are equal."""
    low, high = float(rows.min()), float(rows.max())
    return (low, high) if high > low else limits
