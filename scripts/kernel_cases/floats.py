"""Chains of float32 layers: every sum in the order, with the roundings, of the definition."""

from __future__ import annotations

import math
from random import Random

import numpy as np

from pyexport.choices import DEFAULT_GOAL
from pyexport.graph_check import check_graph
from pyexport.ir import Affine, Array, Graph, Linear, Node, Op, Softmax, Tensor
from scripts.kernel_cases.bench import generator

GAINS = (1e-6, 0.1, 1.0, 1.0, 30.0)


class FloatBench:
    """A chain of linear layers and affine maps, with a softmax at its end."""

    goal = DEFAULT_GOAL
    kernels: tuple[str, ...] = ()

    def __init__(self, random: Random, layers: int) -> None:
        self.random = random
        size = random.choice([1, 2, 7, 40, 300])
        self.tensors = [Tensor("input", (size,), declared_range=(-1e3, 1e3))]
        self.nodes: list[Node] = []
        for _ in range(layers):
            self._add(random.choice([self._linear, self._affine])())
        self._add(self._linear())
        self._add(self._affine())
        self._add(Softmax())

    def graph(self) -> Graph:
        """Return the checked chain."""
        output = self.tensors[-1].name
        graph = Graph(tuple(self.tensors), tuple(self.nodes), ("input",), (output,))
        check_graph(graph, "float32")
        return graph

    def rows(self) -> Array:
        """Return zeros, both ends, ties, tiny values and random ones."""
        size, draws = self.tensors[0].size, generator(self.random)
        fixed = [np.full(size, value) for value in (0.0, -0.0, 1e3, -1e3, 1.0, 1e-30)]
        values = draws.normal(size=(12, size)) * draws.choice([1e-3, 1.0, 100.0], (12, 1))
        return np.concatenate([fixed, np.clip(values, -1e3, 1e3)]).astype(np.float32)

    def _linear(self) -> Op:
        n_in, n_out = self.tensors[-1].size, self.random.choice([1, 2, 3, 9, 17])
        gain = self.random.choice(GAINS) / math.sqrt(n_in)
        weight = (self._values(n_out, n_in) * gain).astype(np.float32)
        return Linear(weight, self._values(n_out).astype(np.float32), *self._limits())

    def _affine(self) -> Op:
        n = self.tensors[-1].size
        scale = (self._values(n) * self.random.choice(GAINS)).astype(np.float32)
        return Affine(scale, self._values(n).astype(np.float32), *self._limits())

    def _values(self, *shape: int) -> Array:
        values = generator(self.random).normal(size=shape)
        if self.random.random() < 0.3:
            values[..., 0] = self.random.choice([0.0, -0.0, 1e-30, -1.0])
        return values

    def _limits(self) -> tuple[float, float]:
        return self.random.choice(
            [(-math.inf, math.inf), (0.0, math.inf), (0.0, 6.0), (-1.0, 1.0), (-math.inf, 0.5)]
        )

    def _add(self, op: Op) -> None:
        number, source = len(self.nodes), self.tensors[-1]
        size = len(op.bias) if isinstance(op, Linear) else source.size
        name = f"t{number}"
        self.nodes.append(Node(f"n{number}", op, (source.name,), (name,), f"net.{number}"))
        self.tensors.append(Tensor(name, (size,)))
