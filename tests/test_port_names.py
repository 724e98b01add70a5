"""Names of inputs and outputs become C identifiers that clash with nothing."""

import re

import pytest

from pyexport.codegen.identifiers import RESERVED
from pyexport.port_names import c_name, name_ports
from tests.several import export_net


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("image", "image"),
        ("Image.Left-2", "image_left_2"),
        ("class", "class_"),
        ("in", "in_"),
        ("linux", "linux_"),
        ("scratch", "scratch_values"),
        ("7th", "th"),
        ("_x_", "x"),
        ("größe", "gr_e"),
        ("42", ""),
        ("", ""),
        ("a*/b\n#error", "a_b_error"),
    ],
)
def test_a_name_becomes_one_that_c_can_have(given: str, safe: str) -> None:
    assert c_name(given) == safe
    assert safe not in RESERVED
    assert re.fullmatch(r"([a-z][a-z0-9_]*)?", safe)


def test_long_names_end_early() -> None:
    assert c_name("x" * 100) == "x" * 40


def test_clashes_are_told_apart() -> None:
    """Equal names, names of kernels' tensors and of nodes, and names without a letter."""
    graph = export_net("fused").artifact.graph
    named = name_ports(graph, ("Box", "concat0_out"), ("box", "conv2d0"))
    assert named.inputs == ("box", "concat0_out_2")
    assert named.outputs == ("box_2", "conv2d0_2")


def test_missing_names_are_numbers() -> None:
    graph = export_net("fused").artifact.graph
    plain = name_ports(graph, ("7", "8"), ("9", "0"))
    assert (plain.inputs, plain.outputs) == (graph.inputs, graph.outputs)
