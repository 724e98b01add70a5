"""Draws a memory plan as SVG: steps from left to right, bytes from the bottom up."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from pyexport.memory_picture import MemoryPicture, Row

# Sizes in SVG units.
_HEIGHT, _LEFT, _TOP, _MOST_WIDTH, _LETTER, _LINE = 360.0, 64.0, 64.0, 960.0, 6.1, 15.0
_LEAST_COLUMN, _MOST_COLUMN, _BASE = 16.0, 150.0, 18.0
_MOST_LETTERS = 34  # of a name in the list
_LIST = 27  # lines of a column of the list
_FILLS = ("#dbe8f5", "#f3e3cf", "#dff0d8", "#ece0f0", "#f7dede", "#e6e6e6")
_HEADER = (
    '<defs><pattern id="stripes" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><rect width="6" height="6" fill="#fff"/>'
    '<line x1="0" y1="0" x2="0" y2="6" stroke="#888" stroke-width="2"/></pattern></defs>'
)


@dataclass(frozen=True)
class _Scale:
    column: float  # width of a step
    bytes: int  # that the height stands for

    def x(self, step: float) -> float:
        return _LEFT + step * self.column

    def y(self, byte: float) -> float:
        return _TOP + _HEIGHT * (1.0 - byte / self.bytes)


def memory_svg(picture: MemoryPicture, title: str) -> str:
    """Return the picture: a numbered rectangle a buffer, the peak, the bound, and a list."""
    count = max(len(picture.steps), 1)
    column = min(max(_MOST_WIDTH / count, _LEAST_COLUMN), _MOST_COLUMN)
    scale = _Scale(column, max(picture.arena_bytes, 1))
    rows = [row for row in picture.rows if row.in_arena]
    right = scale.x(count) + 24.0
    legend = _legend(picture, rows)
    columns = [legend[i : i + _LIST] for i in range(0, len(legend), _LIST)]
    width = right
    listed = []
    for lines in columns:
        listed += [
            _text(width, _TOP + _LINE * (i + 0.7), line, "start") for i, line in enumerate(lines)
        ]
        width += _LETTER * max(len(line) for line in lines) + 18.0
    body = [
        *_peak(picture, scale),
        *_axes(picture, scale),
        *(_rectangle(n, row, scale) for n, row in enumerate(rows, 1)),
        *_bound(picture, scale),
        *(line for n, row in enumerate(rows, 1) for line in _label(n, row, rows, scale)),
        *listed,
    ]
    below = _names_height(picture, scale)
    height = max(_TOP + _HEIGHT + below + 34.0, _TOP + _LINE * (len(columns[0]) + 1))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="monospace" font-size="10">',
            _HEADER,
            '<rect width="100%" height="100%" fill="#fff"/>',
            f'<text x="{_LEFT:.1f}" y="24" font-size="14">{escape(title)}</text>',
            f'<text x="{_LEFT:.1f}" y="42">{escape(_summary(picture))}</text>',
            *body,
            "</svg>",
            "",
        ]
    )


def _summary(picture: MemoryPicture) -> str:
    caller = "; ".join(
        f"{row.name} {row.bytes} bytes, yours"
        for row in picture.rows
        if row.kind in ("input", "output") and not row.inside
    )
    return f"{picture.arena_bytes} bytes of scratch; {caller}"


def _peak(picture: MemoryPicture, scale: _Scale) -> list[str]:
    """Return the band of the peak step and its name, above the plan."""
    if not picture.arena_bytes:
        return []
    x, middle = scale.x(picture.peak), scale.x(picture.peak + 0.5)
    label = f"peak, {picture.steps[picture.peak]}: {picture.alive[picture.peak]} bytes"
    anchor = "start" if middle - len(label) * _LETTER / 2 < _LEFT else "middle"
    return [
        f'<rect x="{x:.1f}" y="{_TOP - 8:.1f}" width="{scale.column:.1f}" '
        f'height="{_HEIGHT + 8:.1f}" fill="#fff6c8" stroke="#b58900" stroke-dasharray="2 2"/>',
        _text(max(x, _LEFT) if anchor == "start" else middle, _TOP - 11, label, anchor),
    ]


def _axes(picture: MemoryPicture, scale: _Scale) -> list[str]:
    count = len(picture.steps)
    lines = [
        f'<path d="M{_LEFT:.1f} {_TOP:.1f}V{_TOP + _HEIGHT:.1f}H{scale.x(count):.1f}" '
        'fill="none" stroke="#000"/>'
    ]
    for byte in _ticks(picture.arena_bytes):
        y = scale.y(byte)
        lines.append(f'<path d="M{_LEFT - 4:.1f} {y:.1f}h4" stroke="#000"/>')
        lines.append(_text(_LEFT - 7, y + 3.5, str(byte), "end"))
    lines.append(_text(_LEFT - 7, _TOP - 11, "bytes", "end"))
    upright = _are_upright(picture, scale)
    for step, name in enumerate(picture.steps):
        x, y = scale.x(step + 0.5), _TOP + _HEIGHT
        lines.append(f'<path d="M{scale.x(step + 1):.1f} {y:.1f}v4" stroke="#000"/>')
        if upright:
            lines.append(
                f'<text transform="translate({x + 3.5:.1f} {y + 8:.1f}) rotate(90)">'
                f"{escape(name)}</text>"
            )
        else:
            lines.append(_text(x, y + 14, name, "middle"))
    return lines


def _are_upright(picture: MemoryPicture, scale: _Scale) -> bool:
    return max((len(name) for name in picture.steps), default=0) * _LETTER > scale.column - 4


def _names_height(picture: MemoryPicture, scale: _Scale) -> float:
    if not _are_upright(picture, scale):
        return _BASE
    return max(len(name) for name in picture.steps) * _LETTER + _BASE


def _ticks(most: int) -> list[int]:
    """Return 0, round numbers of bytes, and the arena's size."""
    steps = (digit * 10**zeros for zeros in range(12) for digit in (1, 2, 5))
    step = next(step for step in steps if most // step <= 8)
    ticks = [n for n in range(0, most, step) if most - n >= step / 2]
    return [*(ticks or [0]), *([most] if most else [])]


def _rectangle(number: int, row: Row, scale: _Scale) -> str:
    """Return a buffer's rectangle; a viewer shows what it is when it is pointed at."""
    x, y = scale.x(row.first), scale.y(row.offset + row.bytes)
    width = (row.last - row.first + 1) * scale.column
    height = scale.y(row.offset) - y
    fill = "url(#stripes)" if row.kind == "workspace" else _FILLS[number % len(_FILLS)]
    dash = ' stroke-dasharray="5 2"' if row.kind == "line" else ""
    return (
        f'<rect x="{x + 1.5:.1f}" y="{y:.1f}" width="{width - 3:.1f}" '
        f'height="{max(height, 0.5):.1f}" fill="{fill}" stroke="#333"{dash}><title>'
        f"{escape(_described(number, row))}</title></rect>"
    )


def _label(number: int, row: Row, rows: list[Row], scale: _Scale) -> list[str]:
    """Return name and bytes, or as much as fits, in the part that no later buffer covers."""
    end = min(
        [
            other.first
            for other in rows[number:]
            if row.first < other.first <= row.last
            and other.offset < row.offset + row.bytes
            and row.offset < other.offset + other.bytes
        ],
        default=row.last + 1,
    )
    x, width = scale.x(row.first), (end - row.first) * scale.column
    y = scale.y(row.offset + row.bytes)
    height = scale.y(row.offset) - y
    for label in (f"{number} {row.name} {row.bytes}", f"{number} {row.bytes}", str(number)):
        if len(label) * _LETTER <= width - 3 and height >= 11:
            return [
                f'<text x="{x + width / 2:.1f}" y="{y + height / 2 + 3.5:.1f}" '
                'text-anchor="middle" stroke="#fff" stroke-width="3" paint-order="stroke">'
                f"{escape(label)}</text>"
            ]
    return []


def _bound(picture: MemoryPicture, scale: _Scale) -> list[str]:
    if not picture.arena_bytes:
        return []
    y = scale.y(picture.lower_bound)
    return [
        f'<path d="M{_LEFT:.1f} {y:.1f}H{scale.x(len(picture.steps)) + 8:.1f}" stroke="#a00" '
        'stroke-dasharray="8 3"/>'
    ]


def _legend(picture: MemoryPicture, rows: list[Row]) -> list[str]:
    lines = [_described(number, row) for number, row in enumerate(rows, 1)]
    if not rows:
        return ["no buffer needs scratch"]
    return [
        "number, buffer, bytes, place, steps:",
        *lines,
        "",
        f"dashed line: {picture.lower_bound} bytes, fewer are impossible",
        *(["striped: workspace of one step"] if any(r.kind == "workspace" for r in rows) else []),
    ]


def _described(number: int, row: Row) -> str:
    name = row.name if len(row.name) <= _MOST_LETTERS else row.name[: _MOST_LETTERS - 3] + "..."
    last = row.offset + row.bytes - 1
    return f"{number} {name}: {row.bytes}, {row.offset}..{last}, {row.first}..{row.last}"


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
