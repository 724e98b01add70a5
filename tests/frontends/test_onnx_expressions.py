"""Activations that a file spells out in other operators are known by what they compute."""

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import helper

from pyexport.errors import UnsupportedOperatorError
from pyexport.ir import Activation, Clamp
from tests.frontends.onnx_files import disagreement, kinds, model, node, read

NUMBERS = {
    "half": 0.5, "one": 1.0, "two": 2.0, "three": 3.0, "six": 6.0, "zero": 0.0, "twenty": 20.0,
    "root": 2.0**0.5, "root_half": 0.5**0.5, "cubic": 0.044715, "factor": (2.0 / np.pi) ** 0.5,
    "beta": 1.702,
}  # fmt: skip
STORED = {name: np.array(value, np.float32) for name, value in NUMBERS.items()}


def chain(text: str) -> list[onnx.NodeProto]:
    """Return the nodes of "a = Sigmoid x; y = Mul x a"."""
    nodes = []
    for line in text.split(";"):
        out, _, call = line.strip().partition(" = ")
        operator, *inputs = call.split()
        nodes.append(helper.make_node(operator, inputs, [out], name=out))
    return nodes


SPELLED: dict[str, tuple[str, ...]] = {
    "silu": ("a = Sigmoid x; y = Mul x a", "a = Sigmoid x; y = Mul a x"),
    "gelu": (
        "a = Div x root; b = Erf a; c = Add b one; d = Mul x c; y = Mul d half",
        "a = Mul x half; b = Mul x root_half; c = Erf b; d = Add c one; y = Mul a d",
    ),
    "gelu_tanh": (
        "a = Pow x three; b = Mul a cubic; c = Add x b; d = Mul c factor; e = Tanh d;"
        "f = Add e one; g = Mul x f; y = Mul g half",
        "a = Mul x x; b = Mul a x; c = Mul b cubic; d = Add x c; e = Mul d factor; f = Tanh e;"
        "g = Add one f; h = Mul x half; y = Mul h g",
    ),
    "softsign": ("a = Abs x; b = Add a one; y = Div x b",),
    "log_sigmoid": ("a = Sigmoid x; y = Log a", "a = Neg x; b = Softplus a; y = Neg b"),
    "softplus": (
        "a = Exp x; b = Add a one; y = Log b",
        "a = Softplus x; b = Greater x twenty; y = Where b x a",
    ),
    "mish": ("a = Softplus x; b = Tanh a; y = Mul x b",),
    "hardswish": (
        "a = Add x three; b = Clip a zero six; c = Mul x b; y = Div c six",
        "a = Add x three; b = Clip a zero six; c = Div b six; y = Mul c x",
    ),
    "hardsigmoid": ("a = Add x three; b = Clip a zero six; y = Div b six",),
    "sigmoid": ("a = Neg x; b = Exp a; c = Add b one; y = Reciprocal c",),
    "tanh": ("a = Mul x two; b = Sigmoid a; c = Mul b two; y = Sub c one",),
}
VARIANTS = [(function, text) for function, texts in SPELLED.items() for text in texts]


def functions(nodes: Sequence[onnx.NodeProto]) -> list[str]:
    ops = [one.op for one in read(model(nodes, (1, 4), STORED)).graph.nodes]
    return [op.function if isinstance(op, Activation) else op.kind for op in ops]


@pytest.mark.parametrize(("function", "text"), VARIANTS, ids=[f for f, _ in VARIANTS])
def test_a_spelled_out_function_is_one_operator(function: str, text: str) -> None:
    assert functions(chain(text)) == [function]
    x = np.linspace(-8.0, 8.0, 401, dtype=np.float32)[None]
    tolerance = 3e-4 if "Log a" in text else 2e-6  # the logarithm of a float32 sigmoid
    assert disagreement(model(chain(text), (1, 401), STORED), x) <= tolerance


@pytest.mark.parametrize("before", ["Relu", "Tanh", "Sigmoid", "HardSwish"])
def test_a_function_is_known_behind_another_one(before: str) -> None:
    nodes = [node(before, "x0", out="x"), *chain("a = Sigmoid x; y = Mul x a")]
    made = model(nodes, stored=STORED, inputs={"x0": (1, 4)})
    found = [one.op for one in read(made).graph.nodes]
    assert len(found) == 2 and found[1] == Activation("silu")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = Mul x beta; b = Sigmoid a; y = Mul x b", ["affine", "sigmoid", "mul"]),
        ("a = Relu x; y = Add x a", ["clamp", "add"]),
        ("a = Sigmoid x; b = Tanh x; y = Mul a b", ["sigmoid", "tanh", "mul"]),
    ],
)
def test_a_function_that_only_looks_like_one_stays_as_it_is(text: str, expected: list[str]) -> None:
    assert functions(chain(text)) == expected
    x = np.linspace(-4.0, 4.0, 33, dtype=np.float32)[None]
    assert disagreement(model(chain(text), (1, 33), STORED), x) <= 2e-6


def test_a_gate_of_another_tensor_is_no_silu() -> None:
    made = model(chain("a = Sigmoid g; y = Mul x a"), inputs={"x": (1, 4), "g": (1, 4)})
    assert kinds(made) == ["activation", "mul"]


def test_one_number_an_element_is_no_scalar_function() -> None:
    stored = STORED | {"one": np.array([1, 1, 2, 1], np.float32)}
    with pytest.raises(UnsupportedOperatorError, match="Div at node y divides by a computed"):
        read(model(chain("a = Abs x; b = Add a one; y = Div x b"), (1, 4), stored))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a = Erf x; y = Relu a", "Erf at node a is not supported"),
        ("a = Log x; b = Add a one; y = Mul b x", "Log at node a is not supported"),
        ("y = Sqrt x", "Sqrt at node y is not supported"),
        ("a = Greater x one; y = Where a x one", "Greater at node a is not supported"),
    ],
)
def test_a_part_that_completes_no_function_is_refused_by_its_own_name(
    text: str, problem: str
) -> None:
    with pytest.raises(UnsupportedOperatorError, match=problem):
        read(model(chain(text), (1, 4), STORED))


def test_limits_of_a_clip_are_part_of_the_function() -> None:
    text = "a = Add x three; b = Clip a zero three; y = Div b six"
    assert functions(chain(text)) == ["affine", "clamp", "affine"]
    (_, clamp, _) = [one.op for one in read(model(chain(text), (1, 4), STORED)).graph.nodes]
    assert clamp == Clamp(0.0, 3.0)
