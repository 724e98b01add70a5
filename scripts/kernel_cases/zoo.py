"""Integer graphs with one branch an operator, drawn at random: many kernels in one header."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random

import numpy as np

from pyexport.artifact import Artifact, Vectors
from pyexport.graph_check import check_graph
from pyexport.integer.shape import QuantizedConcat, QuantizedGather
from pyexport.integer.table import QuantizedTable
from pyexport.ir import (
    Array,
    Calibration,
    Constant,
    Graph,
    Gru,
    Lstm,
    Node,
    Op,
    QuantParams,
    Tensor,
    output_shapes,
)
from pyexport.quantize.rules import RULES, Request

BYTES = QuantParams("u8", 1.0, 0, 0, 255)
INPUT_SIZE = 200


@dataclass
class Zoo:
    """A growing integer graph; every branch reads the input and ends in the output."""

    random: Random
    tensors: list[Tensor] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tensors.append(Tensor("input", (INPUT_SIZE,), "u8", BYTES))

    def tensor(self, name: str) -> Tensor:
        return next(t for t in self.tensors if t.name == name)

    def add(self, op: Op, inputs: tuple[str, ...], shape: tuple[int, ...], q: QuantParams) -> str:
        """Add a node; returns the name of its tensor."""
        number = len(self.nodes)
        name = f"t{number}"
        self.nodes.append(Node(f"n{number}", op, inputs, (name,), f"net.{number}"))
        self.tensors.append(Tensor(name, shape, q.dtype, q))
        return name

    def params(self) -> QuantParams:
        """Return random bytes: either type, any zero point, sometimes with limits."""
        dtype = self.random.choice(["u8", "s8"])
        low, high = (0, 255) if dtype == "u8" else (-128, 127)
        if self.random.random() < 0.4:
            low, high = sorted((self.random.randint(low, high), self.random.randint(low, high)))
        zero = 0 if dtype == "u8" else self.random.randint(-128, 127)
        return QuantParams(dtype, self.random.choice([0.01, 0.3, 1.0, 7.0]), zero, low, high)

    def source(self, shape: tuple[int, ...], q: QuantParams | None = None) -> str:
        """Return a tensor of this shape whose bytes come from the input and take every value."""
        size = math.prod(shape)
        offset = self.random.randint(0, INPUT_SIZE - size)
        gather = QuantizedGather((size,), (1,), offset, "slice")
        taken = self.add(gather, ("input",), shape, BYTES)
        q = q or self.params()
        step, start = self.random.randrange(1, 256, 2), self.random.randrange(256)
        values = q.low + (np.arange(256) * step + start) % 256 % (q.high - q.low + 1)
        table = QuantizedTable(values.astype(np.uint8 if q.dtype == "u8" else np.int8), "source")
        return self.add(table, (taken,), shape, q)

    def quantized(self, op: Op, inputs: tuple[str, ...], reach: float) -> str:
        """Add a float operator as integers; its output's range is about `reach` wide."""
        sources = [self.tensor(name) for name in inputs]
        (shape,) = output_shapes(op, *(t.shape for t in sources))
        number = len(self.nodes)
        node = Node(f"f{number}", op, inputs, (f"y{number}",), f"net.{number}")
        drawn = [*self.tensors, Tensor(node.outputs[0], shape)]
        graph = Graph(tuple(drawn), (*self.nodes, node), ("input",), node.outputs)
        low = self.random.choice([0.0, -0.3, -1.0]) * reach
        ranges = {node.outputs[0]: (low, self.random.choice([0.1, 1.0]) * reach)}
        quants = tuple(t.quant for t in sources if t.quant is not None)
        outcome = RULES[type(op)](Request(node, quants, graph, ranges, self.random.random() < 0.7))
        self.nodes += outcome.nodes
        for made in outcome.nodes:
            for name in made.outputs:
                q = outcome.params[name]
                known = next((t for t in outcome.tensors if t.name == name), None)
                self.tensors.append(Tensor(name, known.shape if known else shape, q.dtype, q))
        return node.outputs[0]

    def scale(self, name: str) -> float:
        """Return what one unit of a tensor is worth."""
        quant = self.tensor(name).quant
        assert quant is not None
        return quant.scale

    def recurrent(self, op: Lstm | Gru, source: str, all_steps: bool, cell: float) -> None:
        """Add a recurrent layer that starts from zeros; lead what is read of it to the output."""
        number = len(self.nodes)
        zero = Node(f"z{number}", Constant(np.zeros(op.size)), (), (f"zero{number}",))
        states = (zero.outputs[0],) * (2 if isinstance(op, Lstm) else 1)
        x = self.tensor(source)
        shapes = output_shapes(op, x.shape, *((op.size,) for _ in states))
        names = tuple(f"y{number}_{i}" for i in range(len(shapes)))
        node = Node(f"f{number}", op, (source, *states), names, f"net.{number}")
        made = [Tensor(n, s) for n, s in zip(names, shapes, strict=True)]
        drawn = [*self.tensors, Tensor(zero.outputs[0], (op.size,)), *made]
        outputs = names[:1] if all_steps else names[1:2]
        graph = Graph(tuple(drawn), (*self.nodes, zero, node), ("input",), outputs)
        assert x.quant is not None
        ranges = dict.fromkeys(names, (-cell, cell))
        per_channel = self.random.random() < 0.7
        sources = (x.quant, *(BYTES for _ in states))
        outcome = RULES[type(op)](Request(node, sources, graph, ranges, per_channel))
        self.nodes += outcome.nodes
        known = {t.name: t.shape for t in (*drawn, *outcome.tensors)}
        for name, q in outcome.params.items():
            self.tensors.append(Tensor(name, known[name], q.dtype, q))
        self.end(outputs[0])

    def end(self, name: str) -> None:
        """Lead a tensor to the output, every byte as another one."""
        tensor = self.tensor(name)
        assert tensor.quant is not None
        shift = 128 if tensor.quant.dtype == "s8" else 0
        table = QuantizedTable(((np.arange(256) + shift) % 256).astype(np.uint8), "end")
        self.ends.append(self.add(table, (name,), (tensor.size,), BYTES))

    def graph(self) -> Graph:
        """Return the whole graph, with the proof of every operator."""
        total = sum(self.tensor(name).size for name in self.ends)
        output = self.add(QuantizedConcat(0), tuple(self.ends), (total,), BYTES)
        graph = Graph(tuple(self.tensors), tuple(self.nodes), ("input",), (output,))
        check_graph(graph, "int8")
        return graph


def artifact_of(graph: Graph, name: str = "zoo", rows: Array | None = None) -> Artifact:
    """Return an artifact around a graph; the first two rows become its stored vectors."""
    from pyexport.simulator.fast import FastSimulator

    if rows is None:
        size, dtype = graph.input.size, np.uint8 if graph.input.dtype == "u8" else np.int8
        rows = np.arange(2 * size).reshape(2, size).astype(dtype)
    rows = rows[:2]
    scheme = "float32" if graph.input.quant is None else "int8"
    kind = "none" if scheme == "float32" else "declared range"
    return Artifact(
        name, scheme, graph, "zoo.pt", "ab" * 32, "test", Calibration(kind, 0),
        Vectors(rows, FastSimulator(graph).run(rows)),
    )  # fmt: skip


def rows_of(count: int, seed: int = 0) -> Array:
    """Return input rows: all low, all high, then random bytes and random ends."""
    random = np.random.default_rng(seed)
    ends = np.array([[0] * INPUT_SIZE, [255] * INPUT_SIZE])
    corners = np.where(random.random((count // 4, INPUT_SIZE)) < 0.5, 0, 255)
    values = random.integers(0, 256, size=(count, INPUT_SIZE))
    return np.concatenate([ends, corners, values]).astype(np.uint8)
