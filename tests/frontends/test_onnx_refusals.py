"""What cannot be exported of an ONNX model is refused in one line: node, operator, way out."""

import re

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from pyexport.errors import (
    FileFormatError,
    InvalidModelError,
    PyexportError,
    UnsupportedModelError,
    UnsupportedOperatorError,
)
from pyexport.frontends.onnx.graph import OPSETS
from pyexport.frontends.onnx.model import parse_model
from tests.frontends.onnx_files import WHERE, model, node, read

IMAGE = (1, 4, 6, 5)


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


FORMS: dict[str, tuple[onnx.NodeProto, tuple[int, ...], dict[str, np.ndarray], str]] = {
    "operator": (node("Sin", "x"), (1, 4), {}, "is not supported; use Relu, Clip"),
    "einsum": (node("Einsum", "x", "x", equation="ij,ij->ij"), (1, 4), {}, "MatMul, Mul and"),
    "transA": (node("Gemm", "x", "w", transA=1), (1, 4), {"w": ones(1, 3)}, "transpose before"),
    "bias of rows": (
        node("Gemm", "x", "w", "b"), (2, 4), {"w": ones(4, 3), "b": ones(2, 3)}, "one number an",
    ),
    "vector": (node("MatMul", "x", "w"), (1, 4), {"w": ones(4)}, "two axes with Unsqueeze"),
    "computed divisor": (node("Div", "x", "x"), (1, 4), {}, "divides by a computed tensor"),
    "power": (
        node("Pow", "x", "e"), (1, 4), {"e": np.array(3.0, np.float32)}, "multiply the tensor",
    ),
    "maximum": (node("Max", "x", "x"), (1, 4), {}, "compares two tensors"),
    "slope": (node("PRelu", "x", "s"), (1, 4), {"s": ones(3)}, "slope of \\(3,\\)"),
    "3-d convolution": (
        node("Conv", "x", "w"), (1, 2, 4, 4, 4), {"w": ones(2, 2, 3, 3, 3)}, "only signals",
    ),
    "negative padding": (
        node("Conv", "x", "w", pads=[-1, 0, 0, 0]), IMAGE, {"w": ones(2, 4, 2, 2)}, "a Slice",
    ),
    "too large a kernel": (
        node("Conv", "x", "w"), IMAGE, {"w": ones(2, 4, 9, 9)}, "does not fit .*change its sizes",
    ),
    "output shape": (
        node("ConvTranspose", "x", "w", output_shape=[20, 20]), IMAGE, {"w": ones(4, 2, 2, 2)},
        "a Pad after it",
    ),
    "dilated average": (
        node("AveragePool", "x", kernel_shape=[2, 2], dilations=[2, 2]), IMAGE, {}, "depthwise",
    ),
    "cubic": (
        node("Resize", "x", "", "s", mode="cubic"), IMAGE, {"s": ones(4) * 2}, "use nearest",
    ),
    "uneven": (
        node("Resize", "x", "", "", "s"), IMAGE, {"s": ints(1, 4, 7, 5)}, "a whole factor",
    ),
    "resized channels": (
        node("Resize", "x", "", "", "s"), IMAGE, {"s": ints(1, 8, 6, 5)}, "only these",
    ),
    "last index": (
        node("ArgMax", "x", axis=1, select_last_index=1), (1, 4), {}, "select_last_index=0",
    ),
    "backwards": (
        node("Slice", "x", "s", "e", "a", "t"), (1, 4),
        {"s": ints(3), "e": ints(-9), "a": ints(1), "t": ints(-1)}, "reverse the data",
    ),
    "nothing": (
        node("Slice", "x", "s", "e", "a"), (1, 4), {"s": ints(2), "e": ints(2), "a": ints(1)},
        "takes no element",
    ),
    "reflection": (
        node("Pad", "x", "p", mode="reflect"), (1, 4), {"p": ints(0, 1, 0, 1)}, "a constant",
    ),
    "repetition": (node("Tile", "x", "s"), (1, 4), {"s": ints(1, 65)}, "leave it out"),
    "embedding": (
        node("Gather", "w", "x"), (1, 4), {"w": ones(4, 4)}, "embed the tokens before the model",
    ),
    "table of indices": (
        node("Gather", "x", "i", axis=1), (1, 4), {"i": ints(0, 1)[None]}, "use a list",
    ),
    "reset gate": (
        node("GRU", "x", "w", "r", hidden_size=2), (1, 1, 3),
        {"w": ones(1, 6, 3), "r": ones(1, 6, 2)}, "linear_before_reset=1",
    ),
    "two directions": (
        node("LSTM", "x", "w", "r", hidden_size=2, direction="bidirectional"), (1, 1, 3),
        {"w": ones(2, 8, 3), "r": ones(2, 8, 2)}, "one forward layer",
    ),
    "other gates": (
        node("LSTM", "x", "w", "r", hidden_size=2, activations=["Relu", "Tanh", "Tanh"]),
        (1, 1, 3), {"w": ones(1, 8, 3), "r": ones(1, 8, 2)}, "other activations than Sigmoid",
    ),
    "clipped gates": (
        node("LSTM", "x", "w", "r", hidden_size=2, clip=3.0), (1, 1, 3),
        {"w": ones(1, 8, 3), "r": ones(1, 8, 2)}, "leave clip out",
    ),
    "quantized": (
        node("QuantizeLinear", "x", "s"), (1, 4), {"s": np.array(0.1, np.float32)},
        "export the float model",
    ),
    "cast": (node("Cast", "x", to=7), (1, 4), {}, "converts to int64; keep one float type"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_a_form_that_the_ir_does_not_have_is_refused_with_the_way_out(name: str) -> None:
    one, shape, stored, words = FORMS[name]
    with pytest.raises(UnsupportedModelError, match=words) as error:
        read(model([one], shape, stored))
    text = str(error.value)
    assert text.startswith(f"{WHERE}: {one.op_type} at node the_{one.op_type} ")
    assert "\n" not in text and ";" in text


BATCHED = {
    "softmax": (node("Softmax", "x", axis=0), {}),
    "reduction": (node("ReduceMean", "x"), {}),
    "reshape": (node("Reshape", "x", "s"), {"s": ints(4, -1)}),
    "rows of a constant": (node("Add", "x", "c"), {"c": ones(2, 4)}),
    "concatenation": (node("Concat", "x", "x", axis=0), {}),
    "slice": (node("Slice", "x", "a", "b"), {"a": ints(0), "b": ints(1)}),
    "flatten": (node("Flatten", "x", axis=0), {}),
}


@pytest.mark.parametrize("name", BATCHED)
def test_an_operator_along_the_batch_is_refused(name: str) -> None:
    one, stored = BATCHED[name]
    with pytest.raises(UnsupportedModelError, match=r"the batch dimension of .*; keep the batch"):
        read(model([one], (2, 4), stored))


def test_a_batch_of_one_may_be_dropped_unless_it_is_dynamic() -> None:
    nodes = [node("Reshape", "x", "s", out="h"), node("Relu", "h")]
    assert read(model(nodes, (1, 4), {"s": ints(2, 2)})).graph.output.shape == (2, 2)
    with pytest.raises(UnsupportedModelError, match="mixes, moves or drops the batch"):
        read(model(nodes, ("n", 4), {"s": ints(2, 2)}))


def test_training_mode_is_refused() -> None:
    stored = {name: ones(4) for name in "sbmv"}
    outputs = ["y", "mean", "var"]
    trained = helper.make_node(
        "BatchNormalization", ["x", *"sbmv"], outputs, name="bn", training_mode=1
    )
    with pytest.raises(InvalidModelError, match=r"bn is in training mode; call model\.eval"):
        read(model([trained], (1, 4), stored))
    dropping = {"r": np.array(0.5, np.float32), "t": np.array(True)}
    with pytest.raises(InvalidModelError, match=r"training mode; call model\.eval"):
        read(model([node("Dropout", "x", "r", "t")], (1, 4), dropping))


@pytest.mark.parametrize("opset", [OPSETS[0] - 1, OPSETS[1] + 1])
def test_an_unknown_opset_is_refused_with_the_remedy(opset: int) -> None:
    words = "version_converter" if opset < OPSETS[0] else "opset_version=20"
    with pytest.raises(UnsupportedModelError, match=rf"of ONNX opset {opset}; .*{words}"):
        read(model([node("Relu", "x")], opset=opset))


def test_the_remedy_for_an_old_opset_works() -> None:
    old = model([node("Softmax", "x")], opset=11)  # there it is over all axes after the first
    raised = onnx.version_converter.convert_version(old, 20)
    assert read(raised).graph.output.shape == (4,)


def test_operators_of_the_file_or_of_others_are_refused_with_the_remedy() -> None:
    made = model([helper.make_node("Mine", ["x"], ["y"], name="n", domain="com.acme")])
    with pytest.raises(UnsupportedOperatorError, match=r"com\.acme\.Mine at node n is not supp"):
        read(made)
    made.functions.append(
        helper.make_function("com.acme", "Mine", ["a"], ["b"], [node("Relu", "a", out="b")], [])
    )
    with pytest.raises(UnsupportedOperatorError, match="inline_local_functions"):
        read(made)


INPUTS = {
    "one axis": ({"x": (4,)}, {}, "give the example a batch dimension"),
    "dynamic": ({"x": (1, "width")}, {}, r"dimension 1 is dynamic \(width\); only the batch"),
    "empty": ({"x": (1, 0)}, {}, "is empty"),
    "integers": ({"x": (1, 4)}, {"dtype": TensorProto.INT64}, "is int64; export with a float32"),
    "texts": ({"x": (1, 4)}, {"dtype": TensorProto.STRING}, "is a text"),
    "none": ({}, {}, "takes no input"),
    "two batches": ({"x": (1, 4), "z": (2, 4)}, {}, "batches of 1, 2; give all the same"),
}


@pytest.mark.parametrize("name", INPUTS)
def test_an_input_that_is_no_row_of_floats_is_refused(name: str) -> None:
    shapes, options, words = INPUTS[name]
    with pytest.raises(UnsupportedModelError, match=words):
        read(model([node("Relu", "x")], inputs=shapes, **options))


DAMAGED = {
    "too many": ([node("Relu", "x", "x")], {}, "has 2 inputs and 1 outputs"),
    "too few": ([node("Mul", "x")], {}, "has 1 inputs and 1 outputs"),
    "no result": ([helper.make_node("Relu", ["x"], [], name="n")], {}, "has 1 inputs and 0 out"),
    "many in a pattern": (
        [node("Erf", "x", "x", out="a"), node("Mul", "x", "a")], {}, "Erf at node the_Erf is not",
    ),
    "unknown operand": ([node("Relu", "z")], {}, "reads z, which nothing computes"),
    "second definition": ([node("Relu", "x"), node("Abs", "x")], {}, "computes y a second time"),
    "weight": ([node("Gemm", "x", "w")], {"w": ones(5, 3)}, "takes 5 values, not"),
    "no matrix": ([node("Gemm", "x", "w")], {"w": ones(4)}, "its weight is not a matrix"),
    "reshape": ([node("Reshape", "x", "s")], {"s": ints(1, 5)}, "which has other elements"),
    "axis": ([node("Softmax", "x", axis=7)], {}, "has the axis 7"),
    "attribute": ([node("Softmax", "x", axis="a")], {}, "its axis is no integer"),
    "pads": ([node("Pad", "x", "p")], {"p": ints(1)}, "1 pads for 2 axes"),
    "statistics": (
        [node("BatchNormalization", "x", *"abcd")], {n: ones(3) for n in "abcd"}, "its scale is",
    ),
    "missing": ([node("Relu", "")], {}, "its input is missing"),
    "no output": ([node("Relu", "x", out="z")], {}, "the output y is computed by no node"),
    "not finite": (
        [node("Gemm", "x", "w")], {"w": np.full((4, 3), np.nan, np.float32)}, "w has 12 NaN values",
    ),
    "infinite constant": (
        [node("Div", "x", "c")], {"c": np.zeros(4, np.float32)}, "has 4 infinite values",
    ),
    "infinite attribute": ([node("Elu", "x", alpha=float("inf"))], {}, "use a finite number"),
    "limits": (
        [node("Clip", "x", "a", "b")],
        {"a": np.array(1, np.float32), "b": np.array(0, np.float32)}, "leave no value",
    ),
    "constants": (
        [node("Add", "a", "b", out="c"), node("Add", "x", "c")], {"a": ones(2), "b": ones(3)},
        "has constants that do not fit",
    ),
    "shapes": ([node("Add", "x", "c")], {"c": np.zeros(0, np.float32)}, "inputs that do not fit"),
    "a huge tile of nothing": (
        [node("Tile", "a", "r", out="c"), node("Add", "x", "c")],
        {"a": ones(1, 1), "r": ints(1 << 36, 0)}, "makes over",
    ),
    "a tile of negative sizes": (
        [node("Tile", "a", "r", out="c"), node("Add", "x", "c")],
        {"a": ones(1, 1), "r": ints(-(1 << 36), -2)}, "a negative number of repeats",
    ),
    "a range that wraps around": (
        [node("Range", "a", "b", "d", out="c"), node("Add", "x", "c")],
        {"a": ints(-(1 << 62))[0], "b": ints(3 << 61)[0], "d": ints(1)[0]}, "makes over",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_a_graph_that_no_writer_makes_is_refused(name: str) -> None:
    nodes, stored, words = DAMAGED[name]
    with pytest.raises(PyexportError, match=words) as error:
        read(model(nodes, (1, 4), stored))
    assert "\n" not in str(error.value)


def test_a_model_without_layers_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="returns its input; it has no layer"):
        read(model([node("Identity", "x")]))


def test_a_constant_result_is_refused() -> None:
    made = model([node("Constant", value_float=1.0)])
    with pytest.raises(UnsupportedModelError, match="the output y is a constant"):
        read(made)


def test_a_subgraph_is_refused_unread() -> None:
    inner = helper.make_graph([], "inner", [], [])
    made = model([helper.make_node("If", ["x"], ["y"], name="if", then_branch=inner)])
    with pytest.raises(UnsupportedOperatorError, match="If at node if is not supported; unroll"):
        read(made)


def test_constants_made_by_the_file_are_counted() -> None:
    """A file of 300 bytes must not make arrays of gigabytes."""
    large = ints(1 << 12, 1 << 12)
    for one in (node("ConstantOfShape", "s", out="c"), node("Expand", "f", "s", out="c")):
        stored = {"s": large, "f": ones(1, 1)}
        with pytest.raises(FileFormatError, match="arithmetic of constants makes over"):
            read(model([one, node("Add", "x", "c")], (1, 4), stored))


def test_names_of_the_file_are_printed_on_one_line() -> None:
    made = model([helper.make_node("Bad\nName", ["x"], ["y"], name="a\x1b[31m\nb")])
    with pytest.raises(PyexportError) as error:
        read(made)
    text = str(error.value)
    assert re.search(r"Bad\\nName at node a\\x1b\[31m\\nb", text) and text.isprintable()


def test_a_graph_is_there_once() -> None:
    data = model([node("Relu", "x")]).SerializeToString()
    with pytest.raises(FileFormatError, match="two graphs"):
        parse_model(data + data, WHERE)
    with pytest.raises(FileFormatError, match="no graph"):
        parse_model(b"\x08\x0a", WHERE)


def test_attributes_and_initializers_are_there_once() -> None:
    one = node("Softmax", "x", axis=1)
    one.attribute.append(one.attribute[0])
    with pytest.raises(FileFormatError, match="the attribute axis twice"):
        read(model([one]))
    made = model([node("Gemm", "x", "w")], (1, 4), {"w": ones(4, 3)})
    made.graph.initializer.append(made.graph.initializer[0])
    with pytest.raises(FileFormatError, match="the initializer w twice"):
        read(made)
