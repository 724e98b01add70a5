"""Sheets are PNG and GIF files that show what they are given, the same bytes each time."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

from pyexport.errors import UsageError
from pyexport.report.growth import growth_gif
from pyexport.report.shapes import Shape, shape_of
from pyexport.report.sheets import Change, Panel, draw_changes, draw_panels
from tests.verify.blobs import pair

Image = pytest.importorskip("PIL.Image")
pytest.importorskip("matplotlib")

LIMITS = (0.0, 16.0)
PICTURE, CURVE = Shape(4, 4), Shape(0, 16)


def opened(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("L"))


@pytest.mark.parametrize("shape", [PICTURE, CURVE, Shape(2, 2, 4)])
def test_a_panel_shows_its_row(shape: Shape) -> None:
    lines = (("float: 3", True), ("int8: 5", False))
    sheets = [
        draw_panels([Panel(np.full(16, value), "3", lines)], shape, LIMITS, "title", "sub")
        for value in (0.0, 16.0, 0.0)
    ]
    assert sheets[0] == sheets[2] and sheets[0].startswith(b"\x89PNG")
    assert (opened(sheets[0]) != opened(sheets[1])).mean() > 0.005


@pytest.mark.parametrize("shape", [PICTURE, CURVE])
def test_a_change_shows_start_and_result(shape: Shape) -> None:
    start, result = np.zeros(16), np.arange(16.0)
    change = Change(start, result, "start: 0", "sought: 8", (("float: 8", True),))
    same = replace(change, result=start)
    sheets = [opened(draw_changes([c] * 3, shape, LIMITS, "t", "s")) for c in (change, same)]
    assert (sheets[0] != sheets[1]).mean() > 0.001


def test_an_animation_has_a_frame_for_each_moment() -> None:
    frames = [np.full((3, 16), value) for value in (0.0, 8.0, 16.0)]
    for shape in (PICTURE, CURVE):
        picture = Image.open(io.BytesIO(growth_gif(frames, shape, LIMITS, ["a", "b", "c"])))
        assert picture.n_frames == 3
        assert picture.info["loop"] == 0


def test_inputs_are_pictures_or_curves() -> None:
    artifact = pair()[1].artifact
    assert shape_of(artifact) == Shape(0, 4)
    assert shape_of(artifact, "2x2") == Shape(2, 2)
    statements = replace(artifact.statements, input_unit="pixel intensity")
    assert shape_of(replace(artifact, statements=statements)) == Shape(2, 2)
    for wrong in ("3x3", "2 x 2", "x", "4x"):
        with pytest.raises(UsageError, match="--shape"):
            shape_of(artifact, wrong)


def test_color_pictures_keep_their_channels() -> None:
    assert Shape(2, 3, 3).arrange(np.arange(18)).shape == (2, 3, 3)
    assert Shape(2, 3, 2).arrange(np.arange(12)).shape == (2, 6)
    assert Shape(0, 3, 2).arrange(np.arange(6)).shape == (3, 2)
