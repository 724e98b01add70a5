"""ONNX models made with the onnx package, and how the tests read and evaluate them."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession

from pyexport.frontends.onnx.graph import Lowered, lower
from pyexport.frontends.onnx.model import parse_model
from pyexport.frontends.onnx.tensors import make_store
from pyexport.reference import evaluate

WHERE = "m.onnx"
OPSET = 20


def model(
    nodes: Sequence[onnx.NodeProto],
    shape: Sequence[int | str] = (1, 4),
    stored: Mapping[str, np.ndarray] | None = None,
    *,
    outputs: Sequence[str] = ("y",),
    dtype: int = TensorProto.FLOAT,
    opset: int = OPSET,
    inputs: Mapping[str, Sequence[int | str]] | None = None,
) -> onnx.ModelProto:
    """Return a model of one input x of that shape, or of several, and stored tensors."""
    shapes = {"x": shape} if inputs is None else inputs
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, dtype, sizes) for name, sizes in shapes.items()],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in (stored or {}).items()],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], producer_name="test", ir_version=10
    )


def node(operator: str, *inputs: str, out: str = "y", **attributes: object) -> onnx.NodeProto:
    """Return a node of one output called after its operator."""
    return helper.make_node(operator, inputs, [out], name=f"the_{operator}", **attributes)


def read(made: onnx.ModelProto | bytes, batch: int | None = 0) -> Lowered:
    """Return the float graph of a model."""
    data = made if isinstance(made, bytes) else made.SerializeToString()
    return lower(parse_model(data, WHERE), WHERE, make_store(WHERE, None, len(data)), batch)


def kinds(made: onnx.ModelProto) -> list[str]:
    """Return the kinds of the operators of the graph."""
    return [one.op.kind for one in read(made).graph.nodes]


def disagreement(made: onnx.ModelProto, *arrays: np.ndarray) -> float:
    """Return the largest difference between our reference and ONNX Runtime."""
    session = InferenceSession(made.SerializeToString())
    names = [value.name for value in session.get_inputs()]
    expected = session.run(None, dict(zip(names, arrays, strict=True)))
    lowered = read(made)
    graph = lowered.graph
    values = evaluate(graph, dict(zip(graph.inputs, arrays, strict=True)))
    worst = 0.0
    for name, wanted, batch in zip(graph.outputs, expected, lowered.output_batches, strict=True):
        rows = wanted[None] if batch is None else np.moveaxis(wanted, batch, 0)
        got = values[name]
        assert got.shape == rows.shape or (rows.ndim == 1 and got.shape == (len(rows), 1))
        worst = max(worst, float(np.abs(got.reshape(rows.shape) - rows).max()))
    return worst
