"""Draws inputs into a page: pictures as PNG inside the page, curves and scales as SVG."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from html import escape

import numpy as np

from pyexport.ir import Array, FloatArray
from pyexport.report.shapes import Shape

Limits = tuple[float, float]

_STRIP, _WIDE, _LEFT, _GAP = 54.0, 300.0, 34.0, 6.0  # of a curve, in SVG units
_MOST_STRIPS = 6  # channels that get a strip each; more share one
_STEPPED = 64  # values up to which a curve has steps
# Of differences: dark where a value fell, gray where it stayed, light where it rose. Lightness
# rises all the way, so that it reads without color too.
_FELL, _SAME, _ROSE = np.array([(38, 24, 95), (140, 140, 146), (255, 214, 92)], np.float64)


def png(pixels: Array) -> bytes:
    """Return a PNG of bytes, (height, width) gray or (height, width, 3) colors."""
    height, width = pixels.shape[:2]
    lines = np.ascontiguousarray(pixels.astype(np.uint8)).reshape(height, -1)
    raw = b"".join(b"\x00" + line.tobytes() for line in lines)
    head = struct.pack(">IIBBBBB", width, height, 8, 2 if pixels.ndim == 3 else 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def draw_input(row: FloatArray, shape: Shape, limits: Limits, alt: str) -> str:
    """Return one input as HTML; real values, black and white (or a curve's ends) at the limits."""
    if not shape.is_picture:
        return _curves([(row, "result")], shape, limits, alt)
    low, high = limits
    image = (shape.arrange(row) - low) / max(high - low, 1e-12)
    return _image(np.rint(255.0 * np.clip(image, 0.0, 1.0)), alt)


def draw_difference(change: FloatArray, reach: float, shape: Shape, alt: str) -> str:
    """Return what changed, by at most `reach`, as HTML.

    Of a picture dark is what fell and light what rose; of a curve it is a curve around zero.
    """
    if not shape.is_picture:
        return _curves([(change, "result")], shape, (-reach, reach), alt)
    image = shape.arrange(change)
    if image.ndim == 3:
        image = image.mean(axis=2)
    part = np.clip(image / max(reach, 1e-12), -1.0, 1.0)[:, :, None]
    colors = np.where(part < 0.0, _SAME + part * (_SAME - _FELL), _SAME + part * (_ROSE - _SAME))
    return _image(np.rint(colors), alt)


def draw_both(start: FloatArray, result: FloatArray, shape: Shape, limits: Limits, alt: str) -> str:
    """Return two curves as HTML: the start dashed, the result solid."""
    return _curves([(start, "start"), (result, "result")], shape, limits, alt)


def draw_pair(first: float, second: float, limits: Limits, alt: str) -> str:
    """Return two values on one axis as HTML: a ring and, for the second, a filled square."""
    low, high = limits
    x, y = (5.0 + 74.0 * (v - low) / max(high - low, 1e-12) for v in (first, second))
    zero = ""
    if low < 0.0 < high:
        at = 5.0 - 74.0 * low / (high - low)
        zero = f'<path class="axis" d="M{at:.1f} 1V17"/>'
    return (
        f'<svg class="pair" viewBox="0 0 84 18" width="84" height="18" role="img" '
        f'aria-label="{escape(alt)}"><path class="axis" d="M5 9H79"/>{zero}'
        f'<path class="span" d="M{x:.1f} 9H{y:.1f}"/>'
        f'<rect class="second" x="{y - 3.5:.1f}" y="5.5" width="7" height="7"/>'
        f'<circle class="first" cx="{x:.1f}" cy="9" r="3.6"/></svg>'
    )


def _image(pixels: Array, alt: str) -> str:
    data = base64.b64encode(png(pixels)).decode("ascii")
    height, width = pixels.shape[:2]
    return (
        f'<img class="pixels" alt="{escape(alt)}" width="{width}" height="{height}" '
        f'src="data:image/png;base64,{data}">'
    )


def _curves(rows: Sequence[tuple[FloatArray, str]], shape: Shape, limits: Limits, alt: str) -> str:
    """Return curves in strips, one a channel, all on the same scale."""
    arranged = [(shape.arrange(row), kind) for row, kind in rows]
    steps, channels = arranged[0][0].shape
    each = channels if channels <= _MOST_STRIPS else 1
    high = _LEFT / 3 + each * (_STRIP + _GAP) + 8.0
    body = []
    for strip in range(each):
        top = 4.0 + strip * (_STRIP + _GAP)
        body.append(f'<path class="axis" d="M{_LEFT} {top}V{top + _STRIP}H{_LEFT + _WIDE}"/>')
        for value, y in ((limits[1], top + 7), (limits[0], top + _STRIP)):
            body.append(f'<text x="{_LEFT - 4}" y="{y}" text-anchor="end">{value:.3g}</text>')
        for values, kind in arranged:
            shown = values[:, strip : strip + 1] if each == channels else values
            body += [
                f'<path class="{kind}" d="{_line(column, top, limits)}"/>' for column in shown.T
            ]
    end = 4.0 + each * (_STRIP + _GAP) + 5.0
    body.append(f'<text x="{_LEFT}" y="{end}">0</text>')
    body.append(f'<text x="{_LEFT + _WIDE}" y="{end}" text-anchor="end">{steps - 1}</text>')
    width = _LEFT + _WIDE + 6.0
    return (
        f'<svg class="curve" viewBox="0 0 {width:g} {high:.0f}" width="{width:g}" '
        f'height="{high:.0f}" role="img" aria-label="{escape(alt)}">{"".join(body)}</svg>'
    )


def _line(values: FloatArray, top: float, limits: Limits) -> str:
    low, high = limits
    shares = np.clip((values - low) / max(high - low, 1e-12), -0.05, 1.05)
    ys = top + _STRIP * (1.0 - shares)
    if len(ys) <= _STEPPED:
        edges = _LEFT + _WIDE * np.arange(len(ys) + 1) / len(ys)
        parts = [f"M{edges[0]:.1f} {ys[0]:.1f}H{edges[1]:.1f}"]
        parts += [f"V{y:.1f}H{x:.1f}" for y, x in zip(ys[1:], edges[2:], strict=True)]
        return "".join(parts)
    xs = _LEFT + _WIDE * np.arange(len(ys)) / (len(ys) - 1)
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in zip(xs, ys, strict=True))
