"""Pictures are valid SVG whose shapes lie where the numbers say."""

from xml.etree import ElementTree

import pytest

from pyexport.errors import UsageError
from pyexport.scratch.data import Samples, moons
from pyexport.scratch.pictures import COLORS, decision_regions, learning_curves

SVG = "{http://www.w3.org/2000/svg}"


def test_regions_are_split_where_the_class_changes():
    samples = Samples([[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [0, 1, 1])
    root = ElementTree.fromstring(decision_regions(lambda p: int(p[0] > 0), samples, "half"))
    rectangles = root.findall(f"{SVG}rect")[1:]  # the first is the paper
    by_color: dict[str, set[str]] = {}
    for rectangle in rectangles:
        by_color.setdefault(rectangle.attrib["fill"], set()).add(rectangle.attrib["x"])
    assert len(by_color) == 2
    assert all(len(lefts) == 1 for lefts in by_color.values())
    assert [dot.attrib["fill"] for dot in root.findall(f"{SVG}circle")] == [
        COLORS[0], COLORS[1], COLORS[1],
    ]  # fmt: skip


def test_every_sample_is_a_dot_inside_the_picture():
    samples = moons(40)
    root = ElementTree.fromstring(decision_regions(lambda p: 0, samples, "a < b & c"))
    dots = root.findall(f"{SVG}circle")
    _, _, width, height = (float(v) for v in root.attrib["viewBox"].split())
    assert len(dots) == 40
    for dot in dots:
        assert 0 < float(dot.attrib["cx"]) < width
        assert 0 < float(dot.attrib["cy"]) < height


def test_curves_rise_to_the_top_right():
    text = learning_curves({"ours": [(0.0, 50.0), (2.0, 98.0)]}, "title", "seconds", "percent")
    root = ElementTree.fromstring(text)
    low, high = root.findall(f"{SVG}circle")
    assert float(low.attrib["cx"]) < float(high.attrib["cx"])
    assert float(low.attrib["cy"]) > float(high.attrib["cy"])
    assert {"ours", "title", "seconds", "percent", "60", "90"} <= {
        node.text for node in root.iter(f"{SVG}text")
    }


def test_each_curve_has_its_color():
    curves = {name: [(0.0, 1.0), (1.0, 2.0)] for name in "abc"}
    root = ElementTree.fromstring(learning_curves(curves, "", "", ""))
    assert len({dot.attrib["fill"] for dot in root.findall(f"{SVG}circle")}) == 3


@pytest.mark.parametrize("point", [(0.0, 5.0), (3.0, 0.0)])
def test_a_curve_of_one_point_is_a_picture(point):
    root = ElementTree.fromstring(learning_curves({"a": [point]}, "", "", ""))
    (dot,) = root.findall(f"{SVG}circle")
    _, _, _, height = (float(v) for v in root.attrib["viewBox"].split())
    assert 0.3 * height < float(dot.attrib["cy"]) < 0.7 * height


@pytest.mark.parametrize("shares", [[97.5], [97.5, 97.5], [0.0], [-3.0], [1e-12], [1e12]])
def test_the_axis_of_one_look_is_readable(shares):
    curve = [(k + 1.0, share) for k, share in enumerate(shares)]
    root = ElementTree.fromstring(learning_curves({"": curve}, "", "", ""))
    left = [node for node in root.iter(f"{SVG}text") if node.attrib["text-anchor"] == "end"]
    ticks = [node.text for node in left if node.text]
    assert 3 <= len(ticks) <= 8
    assert len(set(ticks)) == len(ticks)
    assert float(ticks[0]) <= shares[0] <= float(ticks[-1])


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(UsageError, match="two inputs"):
        decision_regions(lambda p: 0, Samples([[1.0]], [0]), "")
    with pytest.raises(UsageError, match="need points"):
        learning_curves({"a": []}, "", "", "")
    with pytest.raises(UsageError, match="finite"):
        learning_curves({"a": [(0.0, float("nan"))]}, "", "", "")
