"""The cases of onnx.backend.test that concern the exporter's operators, with their data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnx.backend.test
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases

from pyexport.frontends.onnx.operators import OPERATORS
from pyexport.ir import Array

STORED_SUITES = ("pytorch-converted", "pytorch-operator", "simple")
NODE_SUITE = "node"
TOLERANCES = (1e-3, 1e-7)  # relative and absolute: the backend runner's, where a case states none

READ = frozenset(OPERATORS) - {"Cast"}  # whose cases are about number types, not about a network


@dataclass(frozen=True, eq=False)
class Case:
    """One backend test: a model, what goes in, and what must come out."""

    suite: str  # one of STORED_SUITES, or NODE_SUITE
    name: str  # "test_relu"
    model: onnx.ModelProto
    inputs: tuple[Array, ...]  # one for each input of the graph that is not stored, in order
    outputs: tuple[Array, ...]
    tolerances: tuple[float, float]  # relative, absolute

    @property
    def operators(self) -> tuple[str, ...]:
        """Return the operators of the graph, each once."""
        return tuple(sorted({node.op_type for node in self.model.graph.node}))


def all_cases() -> list[Case]:
    """Return the cases of all suites by name; a case of another kind of data than tensors has none.

    Of the node suite, the cases of one operator that the exporter reads; its `_expanded` twins are
    the same case spelled out in other operators.
    """
    return [case for suite in STORED_SUITES for case in _stored(suite)] + list(_nodes())


def _stored(suite: str) -> Iterator[Case]:
    root = Path(onnx.backend.test.__file__).parent / "data" / suite
    for folder in sorted(root.iterdir()):
        model = onnx.load(folder / "model.onnx")
        data = folder / "test_data_set_0"
        stored = {tensor.name for tensor in model.graph.initializer}
        free = [value for value in model.graph.input if value.name not in stored]
        inputs = _tensors(data, "input", len(free))
        outputs = _tensors(data, "output", len(model.graph.output))
        yield Case(suite, folder.name, model, inputs, outputs, TOLERANCES)


def _tensors(folder: Path, kind: str, count: int) -> tuple[Array, ...]:
    """Return the tensors of a data set; none at all if one is a sequence or another kind."""
    arrays = []
    for i in range(count):
        tensor = onnx.TensorProto()
        try:
            tensor.ParseFromString((folder / f"{kind}_{i}.pb").read_bytes())
            arrays.append(_plain(numpy_helper.to_array(tensor)))
        except Exception:  # a sequence parsed as a tensor fails in more ways than one
            return ()
    return tuple(arrays)


def _nodes() -> Iterator[Case]:
    for test in sorted(collect_testcases(None), key=lambda test: test.name):
        if test.model is None or test.data_sets is None:
            continue
        operators = {node.op_type for node in test.model.graph.node}
        if len(operators) != 1 or not operators <= READ or "_expanded" in test.name:
            continue
        inputs, outputs = test.data_sets[0]
        known = all(isinstance(a, np.ndarray) or np.isscalar(a) for a in (*inputs, *outputs))
        yield Case(
            NODE_SUITE,
            test.name,
            test.model,
            tuple(_plain(a) for a in inputs) if known else (),
            tuple(_plain(a) for a in outputs) if known else (),
            (test.rtol, test.atol),
        )


def _plain(array: object) -> Array:
    return np.asarray(array)
