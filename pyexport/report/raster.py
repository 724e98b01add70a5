"""Draws spikes as SVG: a raster of each layer and side, and where two sides differ."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from pyexport.ir import Array
from pyexport.verify.spikes import SpikeTrain

# Sizes in SVG units.
_LEFT, _TOP, _GAP, _LINE = 44.0, 46.0, 40.0, 15.0
_MOST_WIDTH, _MOST_HEIGHT = 420.0, 330.0  # of a panel
_MOST_STEP, _MOST_NEURON = 16.0, 11.0
_STYLE = (
    "<style>.raster text{font:11px sans-serif;fill:#1d2733}.raster .h{font-weight:bold}"
    ".raster .f{fill:none;stroke:#6b7785}.raster .s{stroke:#1d2733}.raster .g{stroke:#a8b0b9}"
    ".raster .o{fill:none;stroke:#1b5e9e;stroke-width:1.4}"
    ".raster .x{stroke:#b3341f;stroke-width:1.6}</style>"
)


def raster_svg(sides: Mapping[str, Sequence[SpikeTrain]], title: str) -> str:
    """Return a column for each side and a row for each layer; steps go right, neurons down.

    Of several sides each one after the first is also compared with the one before it: beside its
    name stands how many spikes differ, and a last column shows them, of the first two sides that
    do: a ring where only the first side fires, a cross where only the second does.
    """
    names = list(sides)
    layers = len(sides[names[0]])
    pair = _shown_pair(sides)
    columns = [*names, "difference"] if len(names) > 1 else names
    body, bottom, right = [f'<text class="h" x="{_LEFT}" y="18">{escape(title)}</text>'], _TOP, 0.0
    for i in range(layers):
        first = sides[names[0]][i]
        steps, count = first.spikes.shape
        width = min(_MOST_STEP, _MOST_WIDTH / steps)
        height = min(_MOST_NEURON, _MOST_HEIGHT / count)
        x = _LEFT
        for j, name in enumerate(columns):
            panel = _Panel(x, bottom + _LINE, width, height, steps, count)
            if name == "difference":
                a, b = (sides[side][i].spikes for side in pair)
                caption = f"{pair[0]} o, {pair[1]} x: {int((a != b).sum())} of {a.size} differ"
                body += panel.frame(f"{first.layer}: {caption}" if j == 0 else caption)
                body += panel.difference(a, b)
            else:
                spikes = sides[name][i].spikes
                caption = f"{first.layer}, {name}: {int(spikes.sum())} spikes"
                if j:
                    before = sides[columns[j - 1]][i].spikes
                    caption = (
                        f"{name}: {int((before != spikes).sum())} differ from {columns[j - 1]}"
                    )
                body += panel.frame(caption)
                body += panel.marks(spikes)
            x += max(steps * width, 6.2 * len(caption)) + _GAP
        right = max(right, x)
        bottom += count * height + _LINE + _GAP
    size = f'width="{right:.0f}" height="{bottom:.0f}" viewBox="0 0 {right:.0f} {bottom:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" class="raster" {size}>{_STYLE}'
    return "\n".join([head, '<rect width="100%" height="100%" fill="#fff"/>', *body, "</svg>", ""])


def _shown_pair(sides: Mapping[str, Sequence[SpikeTrain]]) -> tuple[str, str]:
    """Return the first two neighbours that differ; the first two if none do."""
    names = list(sides)
    pairs = list(itertools.pairwise(names)) or [(names[0], names[0])]
    for a, b in pairs:
        both = zip(sides[a], sides[b], strict=True)
        if any((p.spikes != q.spikes).any() for p, q in both):
            return a, b
    return pairs[0]


class _Panel:
    """The place of one raster."""

    def __init__(
        self, x: float, y: float, width: float, height: float, steps: int, count: int
    ) -> None:
        self.x, self.y, self.width, self.height = x, y, width, height
        self.steps, self.count = steps, count

    def frame(self, caption: str) -> list[str]:
        """Return the frame, what it shows, and the first and last step and neuron."""
        w, h = self.steps * self.width, self.count * self.height
        return [
            f'<text x="{self.x:.1f}" y="{self.y - 5:.1f}">{escape(caption)}</text>',
            f'<rect class="f" x="{self.x:.1f}" y="{self.y:.1f}" width="{w:.1f}" height="{h:.1f}"/>',
            _number(self.x + self.width / 2, self.y + h + 12, "1", "middle"),
            _number(self.x + w - self.width / 2, self.y + h + 12, f"{self.steps}", "middle"),
            _number(self.x - 4, self.y + self.height, "0", "end"),
            _number(self.x - 4, self.y + h, f"{self.count - 1}", "end"),
        ]

    def marks(self, spikes: Array) -> list[str]:
        """Return a stroke for each spike."""
        lines = []
        for t, k in zip(*np.nonzero(spikes), strict=True):
            x, y = self._middle(int(t), int(k))
            half = 0.38 * self.height
            lines.append(_line("s", x, y - half, x, y + half, min(2.4, 0.5 * self.width)))
        return lines

    def difference(self, a: Array, b: Array) -> list[str]:
        """Return grey strokes where both fire, rings where only a does, crosses where only b."""
        shapes = []
        r = 0.4 * min(self.width, self.height)
        for t, k in zip(*np.nonzero(a | b), strict=True):
            x, y = self._middle(int(t), int(k))
            if a[t, k] and b[t, k]:
                half = 0.38 * self.height
                shapes.append(_line("g", x, y - half, x, y + half, 1.0))
            elif a[t, k]:
                shapes.append(f'<circle class="o" cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}"/>')
            else:
                shapes.append(_line("x", x - r, y - r, x + r, y + r))
                shapes.append(_line("x", x - r, y + r, x + r, y - r))
        return shapes

    def _middle(self, step: int, neuron: int) -> tuple[float, float]:
        return self.x + (step + 0.5) * self.width, self.y + (neuron + 0.5) * self.height


def _line(kind: str, x1: float, y1: float, x2: float, y2: float, width: float | None = None) -> str:
    stroke = "" if width is None else f' stroke-width="{width:.1f}"'
    place = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line class="{kind}" {place}{stroke}/>'


def _number(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'
