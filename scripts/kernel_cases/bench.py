"""A zoo whose branches have inputs of their own, so that rows can put wanted bytes into each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random

import numpy as np

from pyexport.choices import DEFAULT_GOAL
from pyexport.graph_check import check_graph
from pyexport.integer.shape import QuantizedGather
from pyexport.integer.table import QuantizedTable
from pyexport.ir import Array, Graph, Node, Op, QuantParams, Tensor
from scripts.kernel_cases.zoo import BYTES, Zoo

RANDOM_ROWS = 8
MAX_WISHES = 10  # rows that a branch asks for


@dataclass(frozen=True, eq=False)
class Feed:
    """Where a source's bytes lie in the input, and which input byte gives which of its own."""

    offset: int
    size: int
    low: int
    inverse: Array  # (high - low + 1,), of the input


@dataclass
class Bench(Zoo):
    """A zoo for hand-made integer operators; sources do not overlap."""

    input_quant: QuantParams = BYTES  # another one for a raw input of 16 bits
    input_shape: tuple[int, ...] = ()  # of such an input
    feeds: dict[str, Feed] = field(default_factory=dict)
    wishes: list[tuple[Feed, Array]] = field(default_factory=list)  # (rows, size) of the input
    goal: str = DEFAULT_GOAL  # that kernels are chosen for
    kernels: tuple[str, ...] = ()  # that are taken before others
    sole_output: str = ""  # a tensor that no table can lead to the others

    def __post_init__(self) -> None:
        size = self.input_shape or (1,)
        self.tensors.append(Tensor("input", size, self.input_quant.dtype, self.input_quant))

    def source(self, shape: tuple[int, ...], q: QuantParams | None = None) -> str:
        """Return a tensor of this shape whose bytes come from a part of the input of its own."""
        size, offset = math.prod(shape), sum(feed.size for feed in self.feeds.values())
        self.tensors[0] = replace(self.tensors[0], shape=(offset + size,))
        name = self.add(QuantizedGather((size,), (1,), offset, "slice"), ("input",), shape, BYTES)
        q = q or self.params()
        codes = np.arange(256)
        if q != BYTES:
            values = q.low + codes % (q.high - q.low + 1)
            table = values.astype(np.uint8 if q.dtype == "u8" else np.int8)
            name = self.add(QuantizedTable(table, "source"), (name,), shape, q)
        self.feeds[name] = Feed(offset, size, q.low, codes[: q.high - q.low + 1])
        return name

    def several(
        self, op: Op, inputs: tuple[str, ...], made: Sequence[tuple[tuple[int, ...], QuantParams]]
    ) -> tuple[str, ...]:
        """Add a node of several outputs; returns the names of its tensors."""
        number = len(self.nodes)
        names = tuple(f"t{number}_{i}" for i in range(len(made)))
        self.nodes.append(Node(f"n{number}", op, inputs, names, f"net.{number}"))
        for name, (shape, quant) in zip(names, made, strict=True):
            self.tensors.append(Tensor(name, shape, quant.dtype, quant))
        return names

    def wish(self, source: str, values: Array) -> None:
        """Ask for rows (n, *shape) of a source's own bytes."""
        feed = self.feeds[source]
        rows = feed.inverse[np.asarray(values).reshape(len(values), feed.size) - feed.low]
        self.wishes.append((feed, rows[:MAX_WISHES]))

    def range_of(self, source: str) -> QuantParams:
        """Return a tensor's bytes."""
        quant = self.tensor(source).quant
        assert quant is not None  # a bench holds integers
        return quant

    def graph(self) -> Graph:
        """Return the whole graph, with the proof of every operator."""
        if not self.sole_output:
            return super().graph()
        graph = Graph(tuple(self.tensors), tuple(self.nodes), ("input",), (self.sole_output,))
        check_graph(graph, "int8")
        return graph

    def rows(self) -> Array:
        """Return all least, all greatest and all middle values, then wishes, then random ones."""
        quant, size = self.input_quant, self.tensors[0].size
        random = np.random.default_rng(self.random.randrange(1 << 30))
        low, high = quant.low, quant.high
        wanted = max((len(rows) for _, rows in self.wishes), default=0)
        fixed = np.array([[low] * size, [high] * size, [(low + high + 1) // 2] * size])
        corners = np.where(random.random((2, size)) < 0.5, low, high)
        values = random.integers(low, high + 1, size=(wanted + RANDOM_ROWS, size))
        for feed, rows in self.wishes:
            values[: len(rows), feed.offset : feed.offset + feed.size] = rows
        dtype = {"u8": np.uint8, "s8": np.int8, "u16": np.uint16, "s16": np.int16}[quant.dtype]
        return np.concatenate([fixed, corners, values]).astype(dtype)


def generator(random: Random) -> np.random.Generator:
    """Return a NumPy generator of a drawn seed."""
    return np.random.default_rng(random.randrange(1 << 30))
