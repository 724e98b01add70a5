"""Pictures of graphs: every value a box, every operation a circle, valid DOT and SVG."""

import re
import shutil
import subprocess
from xml.etree import ElementTree

import pytest

from pyexport.errors import OutputError, UsageError
from pyexport.scratch.draw import MAX_VALUES, draw, to_dot, to_svg
from pyexport.scratch.engine import Value

SVG = "{http://www.w3.org/2000/svg}"


def neuron() -> tuple[Value, dict[Value, str]]:
    """Return tanh(x * w + b) after backward(), as the lecture draws it."""
    x, w, b = Value(2.0), Value(-3.0), Value(6.0)
    y = (x * w + b).tanh()
    y.backward()
    return y, {x: "x", w: "w", b: "b", y: "y"}


def test_dot_has_a_record_for_each_value_and_a_circle_for_each_operation():
    text = to_dot(*neuron())
    assert text.count("shape=record") == 6
    assert re.findall(r'circle, label="([^"]*)"', text) == ["*", "+", "tanh"]
    assert len(re.findall(r"n\d+ -> n\d+;", text)) == 8
    assert '"x | data 2 | grad -3"' in text


def test_graphviz_reads_the_dot(tmp_path):
    if shutil.which("dot") is None:  # the picture does not need it; this test only adds a witness
        assert to_dot(*neuron()).startswith("digraph {")
        return
    draw(neuron()[0], tmp_path / "g.dot")
    subprocess.run(["dot", "-Tsvg", tmp_path / "g.dot", "-o", tmp_path / "g.svg"], check=True)


def test_svg_has_a_box_for_each_value_and_a_line_for_each_edge():
    root = ElementTree.fromstring(to_svg(*neuron()))
    assert len(root.findall(f"{SVG}rect")) == 1 + 6  # the first is the background
    assert len(root.findall(f"{SVG}circle")) == 3
    assert len(root.findall(f"{SVG}path")) == 8
    texts = [node.text for node in root.iter(f"{SVG}text")]
    assert {"x", "w", "b", "y", "data 2", "grad -3", "*", "+", "tanh"} <= set(texts)


def test_no_shape_of_the_svg_covers_another():
    value = Value(1.0)
    for number in range(6):
        value = value * Value(0.5) + value * number
    root = ElementTree.fromstring(to_svg(value))
    boxes = []
    for node in list(root)[1:]:  # the background is under all of them
        if node.tag == f"{SVG}rect":
            x, y, w, h = (float(node.attrib[k]) for k in ("x", "y", "width", "height"))
            boxes.append((x, y, x + w, y + h))
        elif node.tag == f"{SVG}circle":
            x, y, r = (float(node.attrib[k]) for k in ("cx", "cy", "r"))
            boxes.append((x - r, y - r, x + r, y + r))
    _, _, width, height = (float(v) for v in root.attrib["viewBox"].split())
    for index, (x0, y0, x1, y1) in enumerate(boxes):
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height
        for a0, b0, a1, b1 in boxes[:index]:
            assert x1 <= a0 or a1 <= x0 or y1 <= b0 or b1 <= y0


def test_a_value_used_twice_is_drawn_once():
    x = Value(3.0)
    assert to_dot(x * x + x).count("shape=record") == 3


def test_a_single_value_is_a_picture():
    assert to_dot(Value(1.0)).count("record") == 1
    assert ElementTree.fromstring(to_svg(Value(1.0))).find(f"{SVG}rect") is not None


def test_the_same_expression_gives_the_same_picture():
    assert to_svg(*neuron()) == to_svg(*neuron())
    assert to_dot(*neuron()) == to_dot(*neuron())


def test_names_cannot_break_out_of_the_picture():
    x = Value(1.0)
    names = {x: '"><&|{}\n\\'}
    ElementTree.fromstring(to_svg(x * x, names))
    assert to_dot(x * x, names).count("\n") == to_dot(x * x).count("\n")


@pytest.mark.parametrize("suffix", [".dot", ".gv", ".svg"])
def test_draw_writes_what_the_suffix_says(tmp_path, suffix):
    path = tmp_path / f"graph{suffix}"
    draw(neuron()[0], path)
    assert path.read_text().startswith("<svg" if suffix == ".svg" else "digraph")


def test_other_suffixes_huge_graphs_and_missing_folders_are_refused(tmp_path):
    with pytest.raises(UsageError, match="pictures end in"):
        draw(Value(1.0), tmp_path / "graph.png")
    with pytest.raises(OutputError, match="cannot be written"):
        draw(Value(1.0), tmp_path / "none" / "graph.svg")
    total = Value(0.0)
    for _ in range(MAX_VALUES):
        total = total + 1.0
    with pytest.raises(UsageError, match="too many to read"):
        to_svg(total)


def test_the_package_offers_draw():
    import pyexport.scratch as scratch

    assert "draw" in scratch.__all__
    assert scratch.draw is draw


def test_a_long_edge_runs_behind_no_box():
    x = Value(2.0)
    root = ElementTree.fromstring(to_svg(x * x + (x * x).exp() * x))
    edges = [node.attrib["d"] for node in root.findall(f"{SVG}path")]
    boxes = [
        tuple(float(node.attrib[k]) for k in ("x", "y", "width", "height"))
        for node in root.findall(f"{SVG}rect")[1:]
    ]
    assert any("H" in edge for edge in edges)  # what passes a column has a row of its own there
    for edge in edges:
        points = [float(number) for number in re.findall(r"-?[\d.]+", edge)]
        if "H" in edge:  # a line, as a curve: start, two handles, end
            x0, y0, x3 = points
            points = [x0, y0, x0, y0, x3, y0, x3, y0]
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = zip(points[::2], points[1::2], strict=True)
        for k in range(1, 40):
            t = k / 40
            u = 1 - t
            px = u**3 * x0 + 3 * u * u * t * x1 + 3 * u * t * t * x2 + t**3 * x3
            py = u**3 * y0 + 3 * u * u * t * y1 + 3 * u * t * t * y2 + t**3 * y3
            for left, top, width, height in boxes:
                inside = left + 1 < px < left + width - 1 and top + 1 < py < top + height - 1
                assert not inside, edge
