"""Random expression graphs, and their derivatives by dual numbers: an oracle without a graph."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hypothesis import strategies as st

from pyexport.scratch import Value


@dataclass(frozen=True)
class Dual:
    """A number with its derivative with respect to one input, carried forwards."""

    data: float
    slope: float


@dataclass(frozen=True)
class Operation:
    """One node: an operation on earlier nodes, given by their number."""

    name: str
    left: int
    right: int


BINARY = ("add", "sub", "mul", "div")
UNARY = ("neg", "square", "tanh", "sigmoid", "relu", "leaky", "exp", "log")


@st.composite
def programs(draw: st.DrawFn) -> tuple[list[float], list[Operation]]:
    """Return inputs, and operations that each may use any earlier node, more than once too."""
    inputs = draw(
        st.lists(st.floats(-2, 2).filter(lambda x: abs(x) > 1e-3), min_size=1, max_size=3)
    )
    operations = []
    for count in range(len(inputs), len(inputs) + draw(st.integers(1, 12))):
        near = st.integers(max(0, count - 4), count - 1)  # near ones make deep, diamond-rich graphs
        operations.append(Operation(draw(st.sampled_from(BINARY + UNARY)), draw(near), draw(near)))
    return inputs, operations


def run_values(inputs: list[float], operations: list[Operation]) -> tuple[Value, list[Value]]:
    """Return the last node of the program, and its inputs."""
    leaves = [Value(x) for x in inputs]
    nodes = list(leaves)
    for operation in operations:
        nodes.append(_apply_value(operation.name, nodes[operation.left], nodes[operation.right]))
    return nodes[-1], leaves


def run_duals(inputs: list[float], operations: list[Operation], wrt: int) -> Dual:
    """Return the result of the program and its derivative with respect to input `wrt`."""
    nodes = [Dual(x, float(k == wrt)) for k, x in enumerate(inputs)]
    for operation in operations:
        nodes.append(_apply_dual(operation.name, nodes[operation.left], nodes[operation.right]))
    return nodes[-1]


def _apply_value(name: str, a: Value, b: Value) -> Value:
    match name:
        case "add":
            return a + b
        case "sub":
            return a - b
        case "mul":
            return a * b
        case "div":
            return a / (b * b + 1.0)
        case "neg":
            return -a
        case "square":
            return a.tanh() ** 2
        case "tanh":
            return a.tanh()
        case "sigmoid":
            return a.sigmoid()
        case "relu":
            return a.relu()
        case "leaky":
            return a.leaky_relu(0.1)
        case "exp":
            return a.tanh().exp()
        case _:
            return (a * a + 0.5).log()


def _apply_dual(name: str, a: Dual, b: Dual) -> Dual:
    match name:
        case "add":
            return Dual(a.data + b.data, a.slope + b.slope)
        case "sub":
            return Dual(a.data - b.data, a.slope - b.slope)
        case "mul":
            return Dual(a.data * b.data, a.slope * b.data + a.data * b.slope)
        case "div":
            under = b.data * b.data + 1.0
            slope = a.slope / under - a.data * 2.0 * b.data * b.slope / under**2
            return Dual(a.data / under, slope)
        case "neg":
            return Dual(-a.data, -a.slope)
        case "square":
            t = math.tanh(a.data)
            return Dual(t**2, 2.0 * t * (1.0 - t * t) * a.slope)
        case "tanh":
            t = math.tanh(a.data)
            return Dual(t, (1.0 - t * t) * a.slope)
        case "sigmoid":
            half = math.tanh(a.data / 2.0)
            return Dual((1.0 + half) / 2.0, (1.0 - half * half) / 4.0 * a.slope)
        case "relu":
            return a if a.data > 0.0 else Dual(0.0, 0.0)
        case "leaky":
            return a if a.data > 0.0 else Dual(0.1 * a.data, 0.1 * a.slope)
        case "exp":
            t = math.tanh(a.data)
            return Dual(math.exp(t), math.exp(t) * (1.0 - t * t) * a.slope)
        case _:
            square = a.data * a.data + 0.5
            return Dual(math.log(square), 2.0 * a.data * a.slope / square)
