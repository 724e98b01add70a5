"""An animated GIF of inputs that grow: one tile a class, one frame every few steps."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from pyexport.errors import ToolMissingError
from pyexport.ir import Array, FloatArray
from pyexport.report.shapes import Shape

FRAME_MS, LAST_MS = 90, 1800
TILE, GAP, LABEL = 96, 10, 18  # pixels


def growth_gif(
    frames: Sequence[FloatArray],
    shape: Shape,
    limits: tuple[float, float],
    labels: Sequence[str],
    columns: int = 5,
) -> bytes:
    """Return a GIF of frames (tiles, size), which have a label each; curves are drawn as bars."""
    try:
        from PIL import Image, ImageDraw
    except ImportError:
        raise ToolMissingError(
            "animations need Pillow: pip install 'pyexport[report]', or leave them out with "
            "--no-pictures"
        ) from None
    columns = min(columns, len(labels))
    rows = -(-len(labels) // columns)
    size = (columns * (TILE + GAP) + GAP, rows * (TILE + GAP + LABEL) + GAP)
    images = []
    for frame in frames:
        picture = Image.new("L", size, 255)
        drawing = ImageDraw.Draw(picture)
        for number, row in enumerate(frame):
            x = GAP + number % columns * (TILE + GAP)
            y = GAP + number // columns * (TILE + GAP + LABEL)
            drawing.text((x + TILE / 2, y + LABEL / 2 - 2), labels[number], fill=40, anchor="mm")
            picture.paste(Image.fromarray(_tile(row, shape, limits)), (x, y + LABEL))
        images.append(picture)
    durations = [FRAME_MS] * (len(images) - 1) + [LAST_MS]
    buffer = io.BytesIO()
    images[0].save(
        buffer, "GIF", save_all=True, append_images=images[1:], duration=durations, loop=0
    )
    return buffer.getvalue()


def _tile(row: FloatArray, shape: Shape, limits: tuple[float, float]) -> Array:
    """Return one input as TILE x TILE gray pixels."""
    shown = (shape.arrange(row) - limits[0]) / max(limits[1] - limits[0], 1e-12)
    if shape.is_picture:
        gray = shown.mean(axis=2) if shown.ndim == 3 else shown
        lines = np.arange(TILE) * gray.shape[0] // TILE
        places = np.arange(TILE) * gray.shape[1] // TILE
        tile = gray[lines][:, places]
    else:
        curve = shown.mean(axis=1)
        heights = curve[np.arange(TILE) * len(curve) // TILE]
        level = 1.0 - (np.arange(TILE) + 0.5) / TILE
        tile = (level[:, None] < heights[None, :]).astype(np.float64)
    gray_bytes: Array = np.rint(np.clip(tile, 0.0, 1.0) * 255.0).astype(np.uint8)
    return gray_bytes
