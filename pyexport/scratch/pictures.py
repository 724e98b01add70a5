"""Pictures of training as SVG, without a plotting library: decision regions, learning curves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

from pyexport.errors import UsageError
from pyexport.scratch.data import Samples

COLORS = ("#2a78b5", "#d1632a", "#3a9440", "#8a56b8", "#8c6d31", "#c2407e")
_PALE = ("#cfe3f3", "#f7dccb", "#d3ecd5", "#e6d8f2", "#ebe2cd", "#f5d3e3")
_WIDTH, _HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 16, 34, 40  # margins of a plot


def decision_regions(
    classify: Callable[[list[float]], int], samples: Samples, title: str, cells: int = 90
) -> str:
    """Return a picture of which class a network gives each point of the plane.

    classify: takes (x, y), returns a class. The samples are drawn as dots over the regions.
    """
    if not len(samples) or any(len(row) != 2 for row in samples.inputs):
        raise UsageError("decision regions need samples of two inputs, as those of data.moons")
    xs, ys = zip(*samples.inputs, strict=True)
    frame = _Frame((min(xs) - 0.4, max(xs) + 0.4), (min(ys) - 0.4, max(ys) + 0.4))
    wide, high = cells, round(cells * _HEIGHT / _WIDTH)
    shapes = []
    for row in range(high):
        y0, y1 = (frame.at(1, (row + side) / high) for side in (0, 1))
        kinds = [
            classify([frame.at(0, (column + 0.5) / wide), (y0 + y1) / 2]) for column in range(wide)
        ]
        start = 0
        for end in range(1, wide + 1):  # cells of one class in a row are one rectangle
            if end == wide or kinds[end] != kinds[start]:
                left, right = (frame.x(frame.at(0, side / wide)) for side in (start, end))
                shapes.append(
                    f'<rect x="{left:.4g}" y="{frame.y(y1):.4g}" width="{right - left + 0.3:.4g}" '
                    f'height="{frame.y(y0) - frame.y(y1) + 0.3:.4g}" '
                    f'fill="{_PALE[kinds[start] % len(_PALE)]}"/>'
                )
                start = end
    for (x, y), kind in samples:
        color = COLORS[kind % len(COLORS)]
        shapes.append(
            f'<circle cx="{frame.x(x):.4g}" cy="{frame.y(y):.4g}" r="3" fill="{color}" '
            'stroke="#fff" stroke-width="0.7"/>'
        )
    return frame.picture(title, shapes, "", "")


def learning_curves(
    curves: Mapping[str, Sequence[tuple[float, float]]], title: str, x_name: str, y_name: str
) -> str:
    """Return a picture of some curves of points (x, y), each in its color and with its name."""
    points = [point for curve in curves.values() for point in curve]
    if not points or not all(math.isfinite(v) for point in points for v in point):
        raise UsageError("learning curves need points, all of them finite; leave the others out")
    xs, ys = zip(*points, strict=True)
    low, high = min(ys), max(ys)
    if high - low <= 1e-6 * abs(high):  # one look, or looks alike: in the middle of the picture
        low, high = low - (abs(low) / 20 or 1.0), high + (abs(high) / 20 or 1.0)
    room = 0.05 * (high - low)  # for the dots
    frame = _Frame((0.0, 1.02 * max(xs) or 1.0), (low - room, high + room))
    shapes = []
    for number, (name, curve) in enumerate(curves.items()):
        color = COLORS[number % len(COLORS)]
        path = "L".join(f"{frame.x(x):.5g} {frame.y(y):.5g}" for x, y in curve)
        shapes.append(f'<path d="M{path}" fill="none" stroke="{color}" stroke-width="1.8"/>')
        shapes += [
            f'<circle cx="{frame.x(x):.5g}" cy="{frame.y(y):.5g}" r="2.2" fill="{color}"/>'
            for x, y in curve
        ]
        height = _HEIGHT - _BOTTOM - 12 - 16 * (len(curves) - 1 - number)
        shapes.append(_text(name, _WIDTH - _RIGHT - 8, height, "end", color))
    return frame.picture(title, shapes, x_name, y_name)


class _Frame:
    """A rectangle of the plane, its place on the picture, and its axes."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        self._limits = (x, y)

    def at(self, axis: int, share: float) -> float:
        """Return the coordinate at a share 0..1 of an axis."""
        low, high = self._limits[axis]
        return low + (high - low) * share

    def x(self, value: float) -> float:
        low, high = self._limits[0]
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (value - low) / (high - low)

    def y(self, value: float) -> float:
        low, high = self._limits[1]
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (value - low) / (high - low)

    def picture(self, title: str, shapes: list[str], x_name: str, y_name: str) -> str:
        """Return the whole SVG."""
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
            'font-family="sans-serif" font-size="12">',
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
            _text(title, _LEFT, 20, "start", "#222"),
            *shapes,
            f'<path d="M{_LEFT} {_TOP}V{_HEIGHT - _BOTTOM}H{_WIDTH - _RIGHT}" fill="none" '
            'stroke="#444"/>',
            _text(x_name, (_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, "middle", "#222"),
            _text(y_name, _WIDTH - _RIGHT, 20, "end", "#222"),
        ]
        for value in _ticks(*self._limits[0]):
            lines.append(_text(f"{value:.6g}", self.x(value), _HEIGHT - 23, "middle", "#444"))
        for value in _ticks(*self._limits[1]):
            lines.append(_text(f"{value:.6g}", _LEFT - 6, self.y(value) + 4, "end", "#444"))
        return "\n".join([*lines, "</svg>"]) + "\n"


def _ticks(low: float, high: float) -> list[float]:
    """Return about five round numbers from low to high."""
    step = 10.0 ** math.floor(math.log10((high - low) / 2))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 6)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _text(text: str, x: float, y: float, anchor: str, color: str) -> str:
    return (
        f'<text x="{x:.5g}" y="{y:.5g}" text-anchor="{anchor}" fill="{color}">{escape(text)}</text>'
    )
