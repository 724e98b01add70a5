"""Collects float nodes while a frontend walks a model, and names them canonically at the end."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from pyexport.errors import UnsupportedModelError
from pyexport.ir import Graph, Node, Op, Tensor
from pyexport.untrusted import MAX_WIDTH


@dataclass(frozen=True)
class Value:
    """A tensor of the graph being built."""

    index: int  # 0 is the input, n the result of the n-th added operator
    shape: tuple[int, ...]  # without the batch dimension


@dataclass(frozen=True)
class _Added:
    op: Op
    operand: int
    result: Value
    source: str


def _checked(value: Value, what: str) -> Value:
    if math.prod(value.shape) > MAX_WIDTH:
        raise UnsupportedModelError(
            f"{what} has {math.prod(value.shape)} elements, over the limit {MAX_WIDTH}; make the "
            "network narrower"
        )
    return value


class GraphBuilder:
    """One input, operators with one operand and one result each."""

    def __init__(self, input_shape: tuple[int, ...], where: str = "the model") -> None:
        self._where = where
        self.input = _checked(Value(0, input_shape), f"{where}: the input")
        self._added: list[_Added] = []

    def add(self, op: Op, operand: Value, shape: tuple[int, ...], source: str) -> Value:
        """Append an operator and return its result."""
        result = _checked(Value(len(self._added) + 1, shape), f"{self._where}: {source or op.kind}")
        self._added.append(_Added(op, operand.index, result, source))
        return result

    def finish(self, output: Value) -> Graph:
        """Return the graph of what the output needs: input, t1, t2, ...; linear0, clamp0, ..."""
        chain: list[_Added] = []
        index = output.index
        while index:
            chain.append(self._added[index - 1])
            index = chain[-1].operand
        chain.reverse()
        tensors = [Tensor("input", self.input.shape)]
        nodes: list[Node] = []
        counts: Counter[str] = Counter()
        for added in chain:
            operand, result = tensors[-1].name, f"t{len(tensors)}"
            kind = added.op.kind
            name = f"{kind}{counts[kind]}"
            counts[kind] += 1
            nodes.append(Node(name, added.op, (operand,), (result,), added.source))
            tensors.append(Tensor(result, added.result.shape))
        return Graph(tuple(tensors), tuple(nodes), ("input",), (tensors[-1].name,))
