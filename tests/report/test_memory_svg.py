"""The picture of a memory plan: every buffer at its place, the peak marked, no colour needed."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from pyexport.memory_picture import MemoryPicture, Row, memory_picture
from pyexport.report.memory_svg import memory_svg
from tests.networks import Recipe, export_recipe

SVG = "{http://www.w3.org/2000/svg}"
PROGRAM = export_recipe(Recipe((64, 32, 16, 10))).program


def test_a_picture_holds_who_lives_when_and_what_is_alive_at_the_peak() -> None:
    picture = memory_picture(PROGRAM)
    assert picture.steps == ("linear0", "linear1", "linear2")
    assert picture.alive == (32, 48, 16)
    assert picture.peak == 1
    assert [(r.name, r.bytes) for r in picture.peak_rows] == [
        ("linear0_out", 32),
        ("linear1_out", 16),
    ]
    spans = {r.name: (r.first, r.last, r.kind) for r in picture.rows}
    assert spans == {
        "input": (0, 0, "input"),
        "linear0_out": (0, 1, "arena"),
        "linear1_out": (1, 2, "arena"),
        "output": (2, 2, "output"),
    }


def test_every_buffer_is_a_rectangle_of_its_bytes_and_steps() -> None:
    root = ElementTree.fromstring(memory_svg(memory_picture(PROGRAM), "digits"))
    boxes = {
        rect.find(f"{SVG}title").text.split()[1].rstrip(":"): rect  # type: ignore[union-attr]
        for rect in root.iter(f"{SVG}rect")
        if rect.find(f"{SVG}title") is not None
    }
    size = {name: [float(box.get(k, "")) for k in ("x", "y", "width", "height")]
            for name, box in boxes.items()}  # fmt: skip
    assert size["linear0_out"][3] == 2 * size["linear1_out"][3]
    assert size["linear0_out"][1] == size["linear1_out"][1] + size["linear1_out"][3]
    assert size["linear0_out"][0] < size["linear1_out"][0]
    texts = [text.text or "" for text in root.iter(f"{SVG}text")]
    assert "1 linear0_out 32" in texts
    assert "peak, linear1: 48 bytes" in texts
    assert any("fewer are impossible" in text for text in texts)


def test_nothing_leaves_the_picture_however_many_steps() -> None:
    rows = tuple(
        Row(f"buffer_with_a_long_name_{i}", "workspace" if i % 9 == 0 else "arena",
            7 + i, 3 * i, "", i, min(i + 2, 199))
        for i in range(200)
    )  # fmt: skip
    arena = max(r.offset + r.bytes for r in rows)
    picture = MemoryPicture(
        tuple(f"node{i}" for i in range(200)), rows, arena, arena - 5, (9,) * 200
    )
    root = ElementTree.fromstring(memory_svg(picture, "</svg> & <b>"))
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    for text in root.iter(f"{SVG}text"):
        place = re.search(r"translate\(([\d.]+) ([\d.]+)", text.get("transform", ""))
        x, y = (float(v) for v in (place.groups() if place else (text.get("x"), text.get("y"))))  # type: ignore[arg-type]
        letters = 0 if place else 6.02 * len(text.text or "")
        left = {"end": letters, "middle": letters / 2}.get(text.get("text-anchor", ""), 0)
        assert 0 <= x - left <= width and 0 <= y <= height
        assert x - left + letters <= width + 120 * (float(text.get("font-size", 10)) > 10)


def test_a_network_of_one_layer_needs_no_scratch_and_says_so() -> None:
    picture = memory_picture(export_recipe(Recipe((3, 4))).program)
    assert picture.arena_bytes == 0
    assert "no buffer needs scratch" in memory_svg(picture, "one")


def test_the_same_program_gives_the_same_picture() -> None:
    texts = {memory_svg(memory_picture(PROGRAM), "digits") for _ in range(3)}
    assert len(texts) == 1
