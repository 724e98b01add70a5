"""Draws the graph of an expression: a box a number, a circle an operation, as DOT or as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from pyexport.errors import OutputError, UsageError
from pyexport.scratch.engine import Value
from pyexport.scratch.graph import topological_order
from pyexport.untrusted import printable

MAX_VALUES = 500  # more boxes than anybody reads
_BOX, _CIRCLE, _ROW, _GAP, _MARGIN = 132.0, 18.0, 52.0, 44.0, 16.0  # sizes in SVG units
_SWEEPS = 8


@dataclass(frozen=True)
class _Mark:
    """One shape of the picture and the shapes that point to it."""

    texts: tuple[str, ...]  # of a box: name, data, gradient; of a circle: the operation
    sources: tuple[int, ...]
    column: int


def draw(value: Value, path: str | Path, names: Mapping[Value, str] | None = None) -> None:
    """Write the picture of a value's graph: DOT if the path ends in .dot or .gv, SVG in .svg.

    names: what to call some of the values. Call value.backward() before, to see the gradients.
    """
    if not isinstance(value, Value):
        raise UsageError(f"draw takes a Value, not {printable(value, 40)}; make one of it first")
    path = Path(path)
    makers = {".dot": to_dot, ".gv": to_dot, ".svg": to_svg}
    if path.suffix not in makers:
        raise UsageError(f"{printable(path)}: pictures end in {', '.join(makers)}; rename it")
    text = makers[path.suffix](value, names)
    try:
        path.write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = printable(getattr(error, "strerror", None) or error)
        raise OutputError(
            f"{printable(path)}: cannot be written ({reason}); choose another place"
        ) from None


def to_dot(value: Value, names: Mapping[Value, str] | None = None) -> str:
    """Return the graph in the language of Graphviz, inputs on the left."""
    lines = ["digraph {", "  rankdir=LR;", "  node [fontname=monospace, fontsize=10];"]
    edges = []
    for index, mark in enumerate(_marks(value, names or {})):
        text = " | ".join(_dot_escape(part) for part in mark.texts)
        shape = "record" if len(mark.texts) > 1 else "circle"
        lines.append(f'  n{index} [shape={shape}, label="{text}"];')
        edges += [f"  n{source} -> n{index};" for source in mark.sources]
    return "\n".join([*lines, *edges, "}"]) + "\n"


def to_svg(value: Value, names: Mapping[Value, str] | None = None) -> str:
    """Return the graph as an SVG picture, inputs on the left; it needs no program to be made."""
    marks = _with_bends(_marks(value, names or {}))
    columns = _ordered_columns(marks)
    places = _places(marks, columns)
    width = max(x + _half_width(mark) for mark, (x, _) in zip(marks, places, strict=True))
    height = max(len(column) for column in columns) * _ROW
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width + _MARGIN:g} '
        f'{height + 2 * _MARGIN:g}" font-family="monospace" font-size="10" fill="none" '
        'stroke="#444">',
        '<rect width="100%" height="100%" fill="#fff" stroke="none"/>',
    ]
    for mark, (x, y) in zip(marks, places, strict=True):
        for source in mark.sources:
            from_x, from_y = places[source]
            from_x += _half_width(marks[source])
            to_x = x - _half_width(mark)
            middle = (from_x + to_x) / 2
            lines.append(
                f'<path d="M{from_x:g} {from_y:g}C{middle:g} {from_y:g} {middle:g} {y:g} '
                f'{to_x:g} {y:g}" stroke="#999"/>'
            )
    for mark, (x, y) in zip(marks, places, strict=True):
        lines += _svg_shape(mark, x, y)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _marks(value: Value, names: Mapping[Value, str]) -> list[_Mark]:
    """Return a box for each value and a circle before each computed one, sources first."""
    order = topological_order(value)
    if len(order) > MAX_VALUES:
        raise UsageError(
            f"the graph has {len(order)} values, too many to read; draw at most {MAX_VALUES}, e.g. "
            "one neuron"
        )
    marks: list[_Mark] = []
    boxes: dict[Value, int] = {}
    for node in order:
        sources: tuple[int, ...] = tuple(boxes[parent] for parent in node.parents)
        if node.parents:
            column = 1 + max(marks[source].column for source in sources)
            marks.append(_Mark((printable(node.op, 12) or "?",), sources, column))
            sources = (len(marks) - 1,)
        column = marks[sources[0]].column + 1 if sources else 0
        texts = (f"data {node.data:.4g}", f"grad {node.grad:.4g}")
        name = names.get(node)
        boxes[node] = len(marks)
        marks.append(_Mark((printable(name, 12), *texts) if name else texts, sources, column))
    return marks


def _with_bends(marks: list[_Mark]) -> list[_Mark]:
    """Return the marks in their columns, with a bend in each column that a line passes by.

    A bend is a mark without text; it keeps a row free, so that no line runs behind a box. A number
    that is used late stands just before its first use, not in the first column.
    """
    users = _users(marks)
    placed: list[_Mark] = []
    for mark, after in zip(marks, users, strict=True):
        late = bool(after) and not mark.sources
        column = min(marks[user].column for user in after) - 1 if late else mark.column
        placed.append(replace(mark, column=column))
    bends: dict[tuple[int, int], int] = {}  # (first source, column): lines of one source share them
    for index, mark in enumerate(placed[:]):
        sources = []
        for first in mark.sources:
            last = first
            for column in range(placed[first].column + 1, mark.column):
                if (first, column) not in bends:
                    bends[first, column] = len(placed)
                    placed.append(_Mark((), (last,), column))
                last = bends[first, column]
            sources.append(last)
        placed[index] = replace(mark, sources=tuple(sources))
    return placed


def _users(marks: list[_Mark]) -> list[list[int]]:
    users: list[list[int]] = [[] for _ in marks]
    for index, mark in enumerate(marks):
        for source in mark.sources:
            users[source].append(index)
    return users


def _ordered_columns(marks: list[_Mark]) -> list[list[int]]:
    """Return the marks column by column, each near what it is joined to: few lines cross."""
    users = _users(marks)
    columns: list[list[int]] = [[] for _ in range(1 + max(mark.column for mark in marks))]
    for index, mark in enumerate(marks):
        columns[mark.column].append(index)
    height = {i: float(row) for shapes in columns for row, i in enumerate(shapes)}
    for sweep in range(_SWEEPS):
        backward = sweep % 2 == 1
        for shapes in reversed(columns) if backward else columns:
            joined = [users[i] if backward else marks[i].sources for i in shapes]
            wanted = {
                i: sum(height[j] for j in near) / len(near) if near else height[i]
                for i, near in zip(shapes, joined, strict=True)
            }
            shapes.sort(key=wanted.__getitem__)
            for row, index in enumerate(shapes):
                height[index] = row - len(shapes) / 2
    return columns


def _places(marks: list[_Mark], columns: list[list[int]]) -> list[tuple[float, float]]:
    """Return the middle of each mark."""
    places = [(0.0, 0.0)] * len(marks)
    center = _MARGIN + max(len(column) for column in columns) * _ROW / 2
    left = _MARGIN
    for column in columns:
        half = max(_half_width(marks[index]) for index in column)
        for row, index in enumerate(column):
            places[index] = (left + half, center + (row - (len(column) - 1) / 2) * _ROW)
        left += 2 * half + _GAP
    return places


def _half_width(mark: _Mark) -> float:
    if not mark.texts:  # a bend is as wide as its column: boxes and circles take turns
        return _CIRCLE if mark.column % 2 else _BOX / 2
    return _BOX / 2 if len(mark.texts) > 1 else _CIRCLE


def _svg_shape(mark: _Mark, x: float, y: float) -> list[str]:
    if not mark.texts:
        half = _half_width(mark)
        return [f'<path d="M{x - half:g} {y:g}H{x + half:g}" stroke="#999"/>']
    if len(mark.texts) == 1:
        return [
            f'<circle cx="{x:g}" cy="{y:g}" r="{_CIRCLE:g}" fill="#fff"/>',
            _svg_text(mark.texts[0], x, y + 3),
        ]
    step = 13.0
    top = y - step * len(mark.texts) / 2
    shapes = [
        f'<rect x="{x - _BOX / 2:g}" y="{top:g}" width="{_BOX:g}" '
        f'height="{step * len(mark.texts):g}" rx="3" fill="#f4f7fb"/>'
    ]
    return shapes + [
        _svg_text(text, x, top + 10 + step * row) for row, text in enumerate(mark.texts)
    ]


def _svg_text(text: str, x: float, y: float) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="middle" stroke="none" fill="#222">'
        f"{escape(text)}</text>"
    )


def _dot_escape(text: str) -> str:
    return "".join(f"\\{c}" if c in '\\"{}|<>' else c for c in text)
