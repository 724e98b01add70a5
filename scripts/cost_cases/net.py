"""A float network that grows operator by operator, and the input rows it is counted on."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import numpy as np

from pyexport.ir import (
    Array,
    Constant,
    Dataset,
    Graph,
    Gru,
    Lstm,
    Metadata,
    Model,
    Node,
    Op,
    Tensor,
    output_shapes,
)
from pyexport.statements import Statements

CALIBRATION_ROWS = 24
SHARES = (1.0, 0.55, 0.15)  # of the values of a row that are not zero


@dataclass
class Net:
    """A growing graph with one input."""

    random: Random
    shape: tuple[int, ...]
    input_range: tuple[float, float] = (0.0, 15.0)
    lanes: int = 32
    weights: int = 8  # bits of the weights of linear layers
    scheme: str = "int8"
    tensors: list[Tensor] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tensors.append(Tensor("x", self.shape))

    @property
    def last(self) -> str:
        """The tensor that was added last."""
        return self.tensors[-1].name

    def shape_of(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor."""
        return next(t.shape for t in self.tensors if t.name == name)

    def add(self, op: Op, *inputs: str) -> str:
        """Add an operator of one output, on the last tensor unless others are named."""
        names = inputs or (() if isinstance(op, Constant) else (self.last,))
        (shape,) = output_shapes(op, *map(self.shape_of, names))
        number = len(self.nodes)
        self.nodes.append(Node(f"n{number}", op, names, (f"t{number}",), f"layer {number}"))
        self.tensors.append(Tensor(f"t{number}", shape))
        return f"t{number}"

    def recurrent(self, op: Lstm | Gru, all_steps: bool) -> None:
        """Add a recurrent layer that starts from zeros; its last state, or all, come last."""
        source = self.last
        zero = self.add(Constant(np.zeros(op.size)))
        states = (zero,) * (2 if isinstance(op, Lstm) else 1)
        shapes = output_shapes(op, self.shape_of(source), *map(self.shape_of, states))
        number = len(self.nodes)
        names = tuple(f"t{number}_{i}" for i in range(len(shapes)))
        self.nodes.append(Node(f"n{number}", op, (source, *states), names, f"layer {number}"))
        made = [Tensor(n, s) for n, s in zip(names, shapes, strict=True)]
        kept = 0 if all_steps else 1
        self.tensors += [t for i, t in enumerate(made) if i != kept]
        self.tensors.append(made[kept])

    def normal(self, *shape: int) -> Array:
        """Return reproducible normal numbers."""
        draws = np.random.default_rng(self.random.randrange(1 << 30))
        return draws.normal(size=shape)

    def model(self) -> Model:
        """Return the model; its output is the tensor that was added last."""
        rows = np.concatenate([self._reals(CALIBRATION_ROWS - 2), self._ends()])
        graph = Graph(tuple(self.tensors), tuple(self.nodes), ("x",), (self.last,))
        data = Dataset(rows.reshape(len(rows), *self.shape))
        stated = Statements(input_range=self.input_range)
        return Model(graph, Metadata("case.pt", "ab" * 32, "cases", stated, calibration=data))

    def _ends(self) -> Array:
        return np.stack([np.full(self.shape, end).ravel() for end in self.input_range])

    def _reals(self, count: int) -> Array:
        low, high = self.input_range
        draws = np.random.default_rng(self.random.randrange(1 << 30))
        size = int(np.prod(self.shape))
        rows = np.round(low + (high - low) * draws.random((count, size)))
        for i in range(count):
            rows[i, draws.random(size) > SHARES[i % len(SHARES)]] = max(low, 0.0)
        return rows

    def rows(self) -> Array:
        """Return real input rows: a few shares of zeros, evenly spread."""
        low, high = self.input_range
        rows = self._reals(len(SHARES))
        rows[0] = np.where(rows[0] == 0.0, high if low >= 0 else 1.0, rows[0])  # none is zero
        return rows
