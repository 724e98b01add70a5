"""ONNX operators in the forms that real files have compute what ONNX Runtime computes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from pyexport.frontends.onnx.graph import OPSETS
from pyexport.frontends.onnx.operators import INPUTS, OPERATORS
from pyexport.ir import Activation, Affine, Clamp, Conv2d, Linear, Reduce
from tests.frontends.onnx_files import disagreement, kinds, model, node, read

ROOT = Path(__file__).resolve().parents[2]
RANDOM = np.random.default_rng(3)
TOLERANCE = 2e-6


def some(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


W, B = some(4, 3), some(3)
IMAGE = (2, 4, 6, 5)  # a batch of 2, which is not part of the IR
CONV_WEIGHT = some(6, 4, 3, 2)
CASES: dict[str, tuple[onnx.NodeProto, tuple[int, ...], dict[str, np.ndarray]]] = {
    "Gemm": (node("Gemm", "x", "w", "b"), (2, 4), {"w": W, "b": B}),
    "Gemm of a turned weight": (
        node("Gemm", "x", "w", "b", transB=1, alpha=0.5, beta=2.0), (2, 4), {"w": W.T, "b": B},
    ),
    "Gemm with one number": (node("Gemm", "x", "w", "b"), (2, 4), {"w": W, "b": some(1)}),
    "Gemm without bias": (node("Gemm", "x", "w"), (2, 4), {"w": W}),
    "MatMul of rows": (node("MatMul", "x", "w"), (2, 4), {"w": W}),
    "MatMul of sequences": (node("MatMul", "x", "w"), (2, 5, 4), {"w": W}),
    "MatMul of images": (node("MatMul", "x", "w"), (2, 3, 5, 4), {"w": W}),
    "MatMul of 5 axes": (node("MatMul", "x", "w"), (2, 2, 3, 5, 4), {"w": W}),
    "MatMul with weights in front": (node("MatMul", "w", "x"), (2, 3, 5), {"w": W}),
    "MatMul of one square": (node("MatMul", "x", "x"), (2, 4, 4), {}),
    "BatchNormalization of rows": (
        node("BatchNormalization", "x", "s", "b", "m", "v"), (2, 3),
        {"s": some(3), "b": B, "m": some(3), "v": abs(some(3))},
    ),
    "BatchNormalization of images": (
        node("BatchNormalization", "x", "s", "b", "m", "v", epsilon=0.01), IMAGE,
        {"s": some(4), "b": some(4), "m": some(4), "v": abs(some(4))},
    ),
    "Add of a channel": (node("Add", "x", "c"), IMAGE, {"c": some(4, 1, 1)}),
    "Add of a column": (node("Add", "c", "x"), IMAGE, {"c": some(1, 5)}),
    "Add of everything": (node("Add", "x", "c"), IMAGE, {"c": some(1, 4, 6, 5)}),
    "Add of a middle axis": (node("Add", "x", "c"), IMAGE, {"c": some(6, 1)}),
    "Add that enlarges": (node("Add", "x", "c"), (2, 1, 4), {"c": some(3, 1)}),
    "Sub from a constant": (node("Sub", "c", "x"), (2, 4), {"c": some(4)}),
    "Sub of a constant": (node("Sub", "x", "c"), (2, 4), {"c": some(1)}),
    "Sub that enlarges": (node("Sub", "c", "x"), (2, 1, 4), {"c": some(3, 1)}),
    "Mul": (node("Mul", "x", "c"), (2, 4), {"c": some(1, 4)}),
    "Div": (node("Div", "x", "c"), (2, 4), {"c": some(4) + 3}),
    "Neg": (node("Neg", "x"), IMAGE, {}),
    "Sum": (node("Sum", "x", "c", "x"), (2, 4), {"c": some(4)}),
    "Mean": (node("Mean", "x", "c"), (2, 4), {"c": some(4)}),
    "Pow": (node("Pow", "x", "c"), (2, 4), {"c": np.array(2.0, np.float32)}),
    "Max": (node("Max", "x", "c"), (2, 4), {"c": some(1)}),
    "Min": (node("Min", "c", "x", "c"), (2, 4), {"c": some(1)}),
    "PRelu of channels": (node("PRelu", "x", "c"), IMAGE, {"c": some(4, 1, 1)}),
    "PRelu of one": (node("PRelu", "x", "c"), (2, 4), {"c": some(1)}),
    "PRelu of everything": (node("PRelu", "x", "c"), (2, 3, 4), {"c": some(3, 4)}),
    "HardSigmoid": (node("HardSigmoid", "x"), (2, 4), {}),
    "HardSigmoid of PyTorch": (node("HardSigmoid", "x", alpha=1 / 6), (2, 4), {}),
    "Clip without limits": (node("Clip", "x"), (2, 4), {}),
    "Clip from above": (
        node("Clip", "x", "", "c"), (2, 4), {"c": np.array(0.3, np.float32)},
    ),
    "Conv": (
        node("Conv", "x", "w", "b", pads=[1, 0, 2, 1], strides=[2, 1]), IMAGE,
        {"w": CONV_WEIGHT, "b": some(6)},
    ),
    "Conv in groups": (
        node("Conv", "x", "w", group=2, dilations=[2, 1]), IMAGE, {"w": some(6, 2, 2, 3)},
    ),
    "Conv of depth": (node("Conv", "x", "w", group=4), IMAGE, {"w": some(8, 1, 3, 3)}),
    "Conv of signals": (
        node("Conv", "x", "w", "b", pads=[2, 1], dilations=[2]), (2, 4, 9),
        {"w": some(5, 4, 3), "b": some(5)},
    ),
    "Conv SAME_UPPER": (
        node("Conv", "x", "w", auto_pad="SAME_UPPER", strides=[2, 2]), (1, 4, 6, 5),
        {"w": some(2, 4, 3, 2)},
    ),
    "Conv SAME_LOWER": (
        node("Conv", "x", "w", auto_pad="SAME_LOWER"), (1, 4, 6, 5), {"w": some(2, 4, 2, 2)},
    ),
    "ConvTranspose": (
        node("ConvTranspose", "x", "w", "b", strides=[2, 2], pads=[1, 0, 1, 1],
             output_padding=[1, 0]), (1, 4, 6, 5), {"w": some(4, 3, 3, 3), "b": B},
    ),
    "ConvTranspose in groups": (
        node("ConvTranspose", "x", "w", group=2), (1, 4, 6, 5), {"w": some(4, 3, 2, 3)},
    ),
    "ConvTranspose of signals": (
        node("ConvTranspose", "x", "w", strides=[3]), (1, 2, 5), {"w": some(2, 3, 4)},
    ),
    "MaxPool": (
        node("MaxPool", "x", kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1]), IMAGE, {},
    ),
    "MaxPool with a cut window": (
        node("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1), (1, 2, 6, 6), {},
    ),
    "MaxPool of signals": (node("MaxPool", "x", kernel_shape=[2], strides=[2]), (2, 3, 9), {}),
    "AveragePool": (
        node("AveragePool", "x", kernel_shape=[2, 2], pads=[1, 1, 0, 0]), IMAGE, {},
    ),
    "AveragePool with padding counted": (
        node("AveragePool", "x", kernel_shape=[2, 2], pads=[1, 1, 0, 0], count_include_pad=1),
        IMAGE, {},
    ),
    "GlobalAveragePool": (node("GlobalAveragePool", "x"), IMAGE, {}),
    "GlobalMaxPool of signals": (node("GlobalMaxPool", "x"), (2, 3, 7), {}),
    "ReduceMean": (node("ReduceMean", "x", "a", keepdims=0), IMAGE, {"a": ints(2, -1)}),
    "ReduceSum": (node("ReduceSum", "x", "a"), IMAGE, {"a": ints(1)}),
    "ReduceMax": (node("ReduceMax", "x", "a", keepdims=0), (2, 5), {"a": ints(1)}),
    "Softmax of channels": (node("Softmax", "x", axis=1), IMAGE, {}),
    "LogSoftmax": (node("LogSoftmax", "x"), (2, 3, 4), {}),
    "ArgMax": (node("ArgMax", "x", axis=-1, keepdims=0), (2, 3, 4), {}),
    "LayerNormalization": (
        node("LayerNormalization", "x", "w", "b"), (2, 3, 4), {"w": some(4), "b": some(4)},
    ),
    "LayerNormalization of two axes": (
        node("LayerNormalization", "x", "w", axis=-2), (2, 3, 4), {"w": some(3, 4)},
    ),
    "Resize": (
        node("Resize", "x", "", "s", mode="nearest"), IMAGE,
        {"s": np.array([1, 1, 2, 3], np.float32)},
    ),
    "Resize to a size": (
        node("Resize", "x", "", "", "s", mode="nearest"), (1, 2, 3, 4), {"s": ints(1, 2, 6, 4)},
    ),
    "Resize downwards": (
        node("Resize", "x", "", "s", mode="nearest", nearest_mode="floor",
             coordinate_transformation_mode="asymmetric"), (1, 2, 6, 4),
        {"s": np.array([1, 1, 0.5, 0.5], np.float32)},
    ),
    "Resize of signals": (
        node("Resize", "x", "", "s", mode="nearest"), (1, 2, 5),
        {"s": np.array([1, 1, 4], np.float32)},
    ),
    "Flatten": (node("Flatten", "x"), IMAGE, {}),
    "Reshape": (node("Reshape", "x", "s"), IMAGE, {"s": ints(0, -1, 5)}),
    "Reshape of a batch": (node("Reshape", "x", "s"), IMAGE, {"s": ints(2, 20, 6)}),
    "Squeeze": (node("Squeeze", "x", "a"), (2, 3, 1, 4), {"a": ints(2)}),
    "Squeeze of all": (node("Squeeze", "x"), (2, 1, 4, 1), {}),
    "Unsqueeze": (node("Unsqueeze", "x", "a"), (2, 3), {"a": ints(3, 1)}),
    "Transpose": (node("Transpose", "x", perm=[0, 2, 3, 1]), IMAGE, {}),
    "Concat": (node("Concat", "x", "x", axis=-1), (2, 4), {}),
    "Concat with a constant": (node("Concat", "x", "c", axis=-1), (1, 4), {"c": some(1, 3)}),
    "Slice": (
        node("Slice", "x", "s", "e", "a", "t"), IMAGE,
        {"s": ints(1, -3), "e": ints(99, -1), "a": ints(2, 3), "t": ints(2, 1)},
    ),
    "Gather of one": (node("Gather", "x", "i", axis=1), IMAGE, {"i": np.array(-1)}),
    "Gather of a step": (node("Gather", "x", "i", axis=3), IMAGE, {"i": ints(0, 2, 4)}),
    "Gather of any order": (node("Gather", "x", "i", axis=1), IMAGE, {"i": ints(3, 0, 1)}),
    "Pad": (
        node("Pad", "x", "p", "v"), (2, 3, 4),
        {"p": ints(0, 1, 0, 0, 0, 2), "v": np.array(0.5, np.float32)},
    ),
    "Pad that cuts": (node("Pad", "x", "p"), (2, 3, 4), {"p": ints(0, 0, -1, 0, 2, -1)}),
    "Pad of some axes": (
        node("Pad", "x", "p", "", "a"), (2, 3, 4), {"p": ints(1, 2), "a": ints(-1)},
    ),
    "Expand": (node("Expand", "x", "s"), (2, 1, 4), {"s": ints(2, 3, 4)}),
    "Tile": (node("Tile", "x", "s"), (2, 3), {"s": ints(1, 3)}),
    "Expand of leading ones": (node("Expand", "x", "s"), (2, 4), {"s": ints(1, 2, 4)}),
    "DepthToSpace": (node("DepthToSpace", "x", blocksize=2, mode="CRD"), (2, 8, 2, 3), {}),
    "SpaceToDepth": (node("SpaceToDepth", "x", blocksize=2), (2, 2, 4, 6), {}),
}  # fmt: skip


FIXED = ("Reshape of a batch", "Expand", "Expand of leading ones")  # these state the batch of 2


@pytest.mark.parametrize("name", CASES)
def test_an_operator_computes_what_onnx_runtime_computes(name: str) -> None:
    one, shape, stored = CASES[name]
    assert disagreement(model([one], shape, stored), some(*shape)) <= TOLERANCE


@pytest.mark.parametrize("name", [n for n in CASES if CASES[n][1][0] == 2 and n not in FIXED])
def test_a_dynamic_batch_is_left_out_of_the_graph(name: str) -> None:
    one, shape, stored = CASES[name]
    fixed = read(model([one], (1, *shape[1:]), stored)).graph
    dynamic = read(model([one], ("batch", *shape[1:]), stored)).graph
    assert [t.shape for t in dynamic.tensors] == [t.shape for t in fixed.tensors]
    assert [n.op.kind for n in dynamic.nodes] == [n.op.kind for n in fixed.nodes]


NOTHING = {
    "Identity": (node("Identity", "x"), {}),
    "Cast": (node("Cast", "x", to=1), {}),
    "Sum": (node("Sum", "x"), {}),
    "Transpose": (node("Transpose", "x", perm=[1, 0, 2, 3]), {}),  # of the batch
    "ReduceMean": (node("ReduceMean", "x", noop_with_empty_axes=1), {}),
    "Slice": (node("Slice", "x", "a", "b"), {"a": ints(0), "b": ints(1 << 62)}),
    "Pad": (node("Pad", "x", "a"), {"a": ints(0, 0, 0, 0, 0, 0, 0, 0)}),
    "Resize": (
        node("Resize", "x", "", "s", mode="linear"), {"s": np.array([1, 1, 1, 1], np.float32)},
    ),
    "Expand": (node("Expand", "x", "a"), {"a": ints(1)}),
}  # fmt: skip


@pytest.mark.parametrize("name", NOTHING)
def test_an_operator_that_does_nothing_adds_no_node(name: str) -> None:
    one, stored = NOTHING[name]
    one.output[0] = "same"
    made = model([one, node("Relu", "same")], IMAGE, stored)
    assert kinds(made) == ["clamp"]
    assert disagreement(made, some(*IMAGE)) == 0.0


RECURRENT = {
    "LSTM": (4, ("", "h", "c")),
    "GRU": (3, ("", "h")),
}


def recurrent(operator: str, starts: Sequence[str], **attributes: object) -> onnx.NodeProto:
    outputs = ["y", "last", "cell"][: 1 + len(starts[1:])] if starts else ["y", "last"]
    if operator == "GRU":
        attributes["linear_before_reset"] = 1
    return helper.make_node(
        operator, ["x", "w", "r", "b", *starts], outputs, name="rnn", hidden_size=5, **attributes
    )


@pytest.mark.parametrize("operator", ["LSTM", "GRU"])
@pytest.mark.parametrize("starts", [True, False], ids=["from a state", "from zeros"])
def test_a_recurrent_layer_computes_what_onnx_runtime_computes(operator: str, starts: bool) -> None:
    gates, names = RECURRENT[operator]
    one = recurrent(operator, names if starts else ())
    stored = {"w": some(1, gates * 5, 3), "r": some(1, gates * 5, 5), "b": some(1, 2 * gates * 5)}
    state = np.repeat(some(1, 1, 5), 2, axis=1)  # the same for both rows of the batch
    if starts:
        stored |= {name: state for name in names if name}
    steps_first = helper.make_node("Transpose", ["rows"], ["x"], perm=[1, 0, 2])
    made = model(
        [steps_first, one], (), stored, outputs=list(one.output), inputs={"rows": (2, 7, 3)}
    )
    assert disagreement(made, some(2, 7, 3)) <= TOLERANCE


def test_a_recurrent_layer_takes_its_state_as_an_input() -> None:
    stored = {"w": some(1, 20, 3), "r": some(1, 20, 5), "b": some(1, 40)}
    nodes = [
        helper.make_node("Transpose", [f"{name}_first"], [name], perm=[1, 0, 2]) for name in "xhc"
    ]
    shapes = {"x_first": (1, 4, 3), "h_first": (1, 1, 5), "c_first": (1, 1, 5)}
    outputs = ["y", "last", "cell"]
    made = model(
        [*nodes, recurrent("LSTM", ("", "h", "c"))], (), stored, outputs=outputs, inputs=shapes
    )
    arrays = [some(*shape) for shape in shapes.values()]
    assert disagreement(made, *arrays) <= TOLERANCE


def test_lstm_and_gru_without_a_bias_are_read() -> None:
    for operator, (gates, _) in RECURRENT.items():
        one = recurrent(operator, ())
        del one.input[3]
        stored = {"w": some(1, gates * 5, 3), "r": some(1, gates * 5, 5)}
        first = helper.make_node("Transpose", ["rows"], ["x"], perm=[1, 0, 2])
        shape = {"rows": (1, 7, 3)}
        made = model([first, one], (), stored, outputs=["y", "last"], inputs=shape)
        assert disagreement(made, some(1, 7, 3)) <= TOLERANCE


def test_several_inputs_and_outputs_keep_their_order() -> None:
    nodes = [node("Sub", "b", "a", out="y"), node("Mul", "a", "b", out="z")]
    made = model(nodes, inputs={"a": (2, 3), "b": (2, 3)}, outputs=["z", "y"])
    assert disagreement(made, some(2, 3), some(2, 3)) <= TOLERANCE


def test_split_gives_several_tensors() -> None:
    for inputs in (["x"], ["x", "s"]):
        one = helper.make_node("Split", inputs, ["y", "z"], name="split", axis=1)
        if len(inputs) == 1:
            one.attribute.append(helper.make_attribute("num_outputs", 2))
        made = model([one], (2, 5), {"s": ints(1, 4)} if inputs[1:] else {}, outputs=["y", "z"])
        assert disagreement(made, some(2, 5)) <= TOLERANCE


def test_shapes_that_the_file_computes_are_folded() -> None:
    """x.view(x.size(0), -1) and x.reshape(n // 2, 2, ...) as exporters write them."""
    nodes = [
        node("Shape", "x", out="shape"),
        node("Gather", "shape", "zero", out="n", axis=0),
        node("Unsqueeze", "n", "axis", out="n1"),
        node("Slice", "shape", "one", "four", out="rest"),
        node("ReduceProd", "rest", out="all", keepdims=0),
        node("Concat", "n1", "minus", out="target", axis=0),
        node("Reshape", "x", "target"),
    ]
    stored = {
        "zero": np.array(0), "axis": ints(0), "one": ints(1), "four": ints(4), "minus": ints(-1),
    }  # fmt: skip
    made = model([n for n in nodes if n.op_type != "ReduceProd"], IMAGE, stored)
    assert disagreement(made, some(*IMAGE)) == 0.0
    assert kinds(made) == ["reshape"]


def test_arithmetic_of_stored_tensors_is_folded_in_float64() -> None:
    nodes = [
        node("Constant", out="c", value_float=0.1),
        node("Mul", "w", "c", out="w1"),
        node("Transpose", "w1", out="w2", perm=[1, 0]),
        node("Cast", "i", out="f", to=1),
        node("Add", "b", "f", out="b1"),
        node("Gemm", "x", "w2", "b1", transB=1),
    ]
    made = model(nodes, (1, 4), {"w": W, "b": B, "i": ints(1, 2, 3)})
    (linear,) = [one.op for one in read(made).graph.nodes]
    assert isinstance(linear, Linear)
    assert np.array_equal(linear.weight, (W.astype(np.float64) * np.float32(0.1)).T)
    assert np.array_equal(linear.bias, B.astype(np.float64) + np.arange(1, 4))


def test_a_number_of_the_file_is_the_decimal_that_its_author_wrote() -> None:
    made = model([node("LeakyRelu", "x", alpha=0.1)])
    (op,) = [one.op for one in read(made).graph.nodes]
    assert op == Activation("leaky_relu", (0.1,))
    limit = {"a": np.array(-0.3, np.float32), "b": np.array(6.1, np.float32)}
    (op,) = [
        one.op for one in read(model([node("Clip", "x", "a", "b")], (1, 4), limit)).graph.nodes
    ]
    assert op == Clamp(-0.3, 6.1)


def test_a_tensor_used_twice_is_one_object() -> None:
    square = some(4, 4)
    nodes = [node("Gemm", "x", "w", out="h"), node("Gemm", "h", "w")]
    first, second = (one.op for one in read(model(nodes, (1, 4), {"w": square})).graph.nodes)
    assert isinstance(first, Linear) and isinstance(second, Linear)
    assert first.weight is second.weight and first.bias is second.bias


def test_half_precision_models_are_read_as_float32() -> None:
    half = {"w": W.astype(np.float16), "b": B.astype(np.float16)}
    nodes = [
        node("Cast", "x", out="h", to=10), node("Gemm", "h", "w", "b", out="z"),
        node("Cast", "z", to=1),
    ]  # fmt: skip
    (linear,) = [one.op for one in read(model(nodes, (1, 4), half)).graph.nodes]
    assert isinstance(linear, Linear) and linear.weight.dtype == np.float32
    assert np.array_equal(linear.weight, half["w"].astype(np.float32).T)


def test_ops_name_the_module_of_the_pytorch_model() -> None:
    one = node("Relu", "x")
    scopes = one.metadata_props.add()
    scopes.key, scopes.value = "pkg.torch.onnx.name_scopes", "['', 'net', 'net.0', 'relu']"
    assert [n.source for n in read(model([one])).graph.nodes] == ["net.0"]
    assert [n.source for n in read(model([node("Relu", "x")])).graph.nodes] == ["the_Relu"]


def test_a_channel_affine_needs_no_number_an_element() -> None:
    made = model([node("Add", "x", "c")], IMAGE, {"c": some(4, 1, 1)})
    found = [one.op for one in read(made).graph.nodes if isinstance(one.op, Affine)]
    assert [len(op.shift) for op in found] == [4]


def test_weights_on_every_step_are_a_pointwise_convolution() -> None:
    found = [
        one.op for one in read(model([node("MatMul", "x", "w")], (1, 5, 4), {"w": W})).graph.nodes
    ]
    assert [op.weight.shape for op in found if isinstance(op, Conv2d)] == [(3, 1, 1, 4)]


def test_one_number_a_row_keeps_an_axis_at_the_output() -> None:
    made = model([node("ReduceSum", "x", "a", keepdims=0)], (2, 4), {"a": ints(1)})
    graph = read(made).graph
    assert graph.output.shape == (1,)
    assert type(graph.nodes[0].op) is Reduce
    assert disagreement(made, some(2, 4)) <= TOLERANCE


def test_every_operator_that_is_read_is_tested_here_or_by_the_conformance_suite() -> None:
    tested = {one.op_type for one, _, _ in CASES.values()} | set(RECURRENT) | {"Split", "Cast"}
    elementary = {
        "Relu", "LeakyRelu", "Elu", "Celu", "Selu", "Gelu", "Sigmoid", "Tanh", "HardSwish",
        "Mish", "Softplus", "Softsign", "Exp", "Abs", "Swish", "Identity", "Dropout",
    }  # fmt: skip
    assert set(OPERATORS) <= tested | elementary, "one node case each in onnx.backend.test"


def test_the_documentation_lists_the_operators_that_are_read() -> None:
    text = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    listed = text.partition("Operators that are read: ")[2].partition(".")[0]
    assert [name.strip() for name in listed.split(",")] == sorted(OPERATORS)


def test_the_number_of_inputs_is_that_of_the_standard() -> None:
    every = [schema for schema in onnx.defs.get_all_schemas_with_history() if not schema.domain]
    for name in OPERATORS:
        versions = sorted({s.since_version for s in every if s.name == name})
        first = max((v for v in versions if v <= OPSETS[0]), default=versions[0])
        read = [s for s in every if s.name == name and first <= s.since_version <= OPSETS[1]]
        least, most = min(s.min_input for s in read), max(s.max_input for s in read)
        assert INPUTS.get(name, (1, 1)) == (least, min(most, 1_000)), name
