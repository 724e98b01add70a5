"""Collects float nodes while a frontend walks a model, and names them canonically at the end."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pyexport.errors import UnsupportedModelError
from pyexport.ir import Array, Constant, Graph, Node, Op, Tensor, output_shapes
from pyexport.untrusted import MAX_WIDTH

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Value:
    """A tensor of the graph being built."""

    index: int  # in the order in which inputs and results came up
    shape: Shape  # without the batch dimension


@dataclass(frozen=True)
class _Added:
    op: Op
    operands: tuple[int, ...]
    results: tuple[Value, ...]
    source: str


class GraphBuilder:
    """Inputs, then operators on them and on each other's results."""

    def __init__(self, input_shape: Shape, where: str = "the model") -> None:
        self._where = where
        self._inputs: list[Value] = []
        self._added: list[_Added] = []
        self._count = 0
        self.input = self.add_input(input_shape)

    def add_input(self, shape: Shape) -> Value:
        """Declare one more input and return it."""
        self._inputs.append(self._value(shape, "the input"))
        return self._inputs[-1]

    def add(self, op: Op, operand: Value, shape: Shape, source: str) -> Value:
        """Append an operator of one operand and one result of a known shape; return its result."""
        return self._append(op, (operand,), (shape,), source)[0]

    def apply(self, op: Op, operands: Sequence[Value], source: str) -> tuple[Value, ...]:
        """Append an operator and return its results; raises ValueError if operands do not fit."""
        shapes = output_shapes(op, *(operand.shape for operand in operands))
        return self._append(op, operands, shapes, source)

    def constant(self, array: Array, source: str) -> Value:
        """Append a stored tensor."""
        return self.apply(Constant(array), (), source)[0]

    def finish(self, *outputs: Value) -> Graph:
        """Return the graph of what the outputs need: input, t1, t2, ...; linear0, clamp0, ..."""
        names = {value.index: _numbered("input", i, self._inputs) for i, value in
                 enumerate(self._inputs)}  # fmt: skip
        tensors = [Tensor(names[value.index], value.shape) for value in self._inputs]
        nodes: list[Node] = []
        counts: Counter[str] = Counter()
        for added in self._needed(outputs):
            for result in added.results:
                names[result.index] = f"t{len(tensors) - len(self._inputs) + 1}"
                tensors.append(Tensor(names[result.index], result.shape))
            kind = added.op.kind
            node = Node(
                f"{kind}{counts[kind]}",
                added.op,
                tuple(names[i] for i in added.operands),
                tuple(names[result.index] for result in added.results),
                added.source,
            )
            counts[kind] += 1
            nodes.append(node)
        inputs = tuple(names[value.index] for value in self._inputs)
        return Graph(tuple(tensors), tuple(nodes), inputs, tuple(names[o.index] for o in outputs))

    def _needed(self, outputs: Sequence[Value]) -> list[_Added]:
        wanted = {output.index for output in outputs}
        needed = []
        for added in reversed(self._added):
            if wanted & {result.index for result in added.results}:
                needed.append(added)
                wanted.update(added.operands)
        return needed[::-1]

    def _append(
        self, op: Op, operands: Sequence[Value], shapes: Sequence[Shape], source: str
    ) -> tuple[Value, ...]:
        results = tuple(self._value(shape, source or op.kind) for shape in shapes)
        indices = tuple(operand.index for operand in operands)
        self._added.append(_Added(op, indices, results, source))
        return results

    def _value(self, shape: Shape, what: str) -> Value:
        if math.prod(shape) > MAX_WIDTH:
            raise UnsupportedModelError(
                f"{self._where}: {what} has {math.prod(shape)} elements, over the limit "
                f"{MAX_WIDTH}; make the network narrower"
            )
        self._count += 1
        return Value(self._count - 1, shape)


def _numbered(name: str, number: int, all_of_them: Sequence[Value]) -> str:
    return name if len(all_of_them) == 1 else f"{name}{number}"
