"""An index among more than 256 values has 16 bits, and is an output or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyexport.errors import UnsupportedOperatorError
from pyexport.ir import Activation, Argmax, Graph, Metadata, Model, Node, Tensor
from pyexport.pipeline import ExportOptions, export_model
from pyexport.runners import available
from pyexport.verify import Subject, SuiteOptions, build_suites, verify_subject

COUNT = 300
OPTIONS = ExportOptions("net", input_range=(-2.0, 2.0))


def model(*behind: Node) -> Model:
    tensors = (
        Tensor("input", (2, COUNT)),
        Tensor("curve", (2, COUNT)),
        Tensor("index", (2,)),
        Tensor("again", (2,)),
    )
    nodes = (
        Node("activation0", Activation("tanh"), ("input",), ("curve",)),
        Node("argmax0", Argmax(1), ("curve",), ("index",), "net.top"),
        *behind,
    )
    known = {"input", *(name for node in nodes for name in node.outputs)}
    graph = Graph(
        tuple(t for t in tensors if t.name in known), nodes, ("input",), nodes[-1].outputs
    )
    return Model(graph, Metadata("net", "0" * 64, "test"))


@pytest.mark.parametrize("target", ["host", "atmega328p"])
def test_the_index_agrees_on_targets(tmp_path: Path, target: str) -> None:
    missing = available(target)
    if missing is not None:
        pytest.skip(missing)
    exported = export_model(model(), OPTIONS)
    assert exported.artifact.graph.output.dtype == "u16"
    exported.write(tmp_path)
    subject = Subject(exported.artifact, exported.program, tmp_path / "net.h")
    suites = build_suites(exported.artifact, ("random", "corners"), SuiteOptions(20, 20))
    report = verify_subject(subject, (target,), lambda _: suites)
    assert report.problems == ()
    assert [result.differing_rows for result in report.targets] == [0]


def test_an_index_that_a_layer_reads_is_refused() -> None:
    turned = Node("activation1", Activation("abs"), ("index",), ("again",))
    with pytest.raises(
        UnsupportedOperatorError, match=r"argmax0 \(net.top\): argmax over 300"
    ) as e:
        export_model(Model(model(turned).graph, Metadata("net", "0" * 64, "test")), OPTIONS)
    assert "make the index an output" in str(e.value)
