"""Carries permutations to where they cancel out: images become channels last from end to end.

Frontends write a Permute around every operator on images. Here each is put off as long as the
operators behind it can work on the stored order instead: their axes are renumbered. Those left in
the end turn the weights of a linear layer, or the arrays of the user (layout.py), or stay.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pyexport.ir import (
    CHANNELS_FIRST,
    Add,
    Affine,
    Array,
    Concat,
    Constant,
    Graph,
    LayerNorm,
    Linear,
    Mul,
    Node,
    Permute,
    PRelu,
    Reshape,
    Sub,
)
from pyexport.passes.regrouped import regrouped
from pyexport.passes.rewriting import Rewriter, Shape
from pyexport.passes.turned import ALONG_AXES, ANYWHERE, Axes, is_identity, moves_nothing, turned


@dataclass(frozen=True)
class View:
    """A tensor of the old graph: a stored one with its axes in another order, maybe flattened."""

    stored: str  # a tensor of the new graph
    axes: Axes  # axis i is axis axes[i] of the stored tensor
    flat: bool = False  # then it has one axis, row by row in that order


def place_permutes(graph: Graph) -> Graph:
    """Return the same function with as few permutations as the operators allow.

    An input of two axes or more is turned channels last, and says so, if that saves some; so is an
    output that would need one.
    """
    turned_inputs: frozenset[str] = frozenset()
    best, cost = _Walk(graph, turned_inputs).run()
    for name in graph.inputs:
        tensor = graph.tensor(name)
        if len(tensor.shape) < 2 or tensor.layout:
            continue
        other, other_cost = _Walk(graph, turned_inputs | {name}).run()
        free = tensor.shape[0] == 1  # then the user's arrays are the same bytes
        fewer = other_cost == cost and free and len(other.nodes) < len(best.nodes)
        if (other_cost < cost or fewer) and name not in other.outputs:
            best, cost, turned_inputs = other, other_cost, turned_inputs | {name}
    return best


class _Walk:
    """One way through the graph, given which inputs are stored channels last."""

    def __init__(self, graph: Graph, turned_inputs: frozenset[str]) -> None:
        self._graph = graph
        self._new = Rewriter(graph)
        self._made: dict[View, str] = {}
        self._cost = 0  # elements that permutations move
        self._source = ""
        self._views: dict[str, View] = {}
        for name, tensor in self._new.tensors.items():
            rank = len(tensor.shape)
            axes = tuple(range(rank))
            if name in turned_inputs:
                shape = (*tensor.shape[1:], tensor.shape[0])
                self._new.set_tensor(name, shape=shape, layout=CHANNELS_FIRST)
                axes = (rank - 1, *range(rank - 1))
            self._views[name] = View(name, axes)

    def run(self) -> tuple[Graph, int]:
        """Return the new graph and the number of elements that its permutations move."""
        for node in self._graph.nodes:
            self._source = node.source
            self._node(node, [self._views[name] for name in node.inputs])
        self._source = ""
        outputs = [self._output(name) for name in self._graph.outputs]
        writes = [self._plain(self._views[s.write]) for s in self._graph.states]
        return self._new.finish(outputs, writes), self._cost

    def _node(self, node: Node, views: list[View]) -> None:
        op = node.op
        match op:
            case Permute():
                view = views[0]
                if view.flat:
                    self._views[node.outputs[0]] = view
                else:
                    axes = tuple(view.axes[axis] for axis in op.axes)
                    self._views[node.outputs[0]] = View(view.stored, axes)
            case Reshape():
                self._reshape(node, op.shape, views[0])
            case Linear():
                self._keep(node, [views[0].stored], _turned_columns(op, self._order(views[0])))
            case Affine() | PRelu():
                self._columns(node, op, views[0])
            case Add() | Sub() | Mul() | Concat():
                self._together(node, views)
            case _ if isinstance(op, ANYWHERE):
                view = views[0]
                self._new.keep(node, op, [view.stored])
                self._views[node.outputs[0]] = replace(view, stored=node.outputs[0])
            case _ if isinstance(op, ALONG_AXES) and not views[0].flat:
                other, axes = turned(op, views[0].axes)
                self._new.keep(node, other, [views[0].stored])
                self._views[node.outputs[0]] = View(node.outputs[0], axes)
            case LayerNorm() if self._keeps_last(views[0], op.weight.ndim):
                self._new.keep(node, op, [views[0].stored])
                self._views[node.outputs[0]] = replace(views[0], stored=node.outputs[0])
            case _:
                self._keep(node, [self._plain(view) for view in views])

    def _keep(self, node: Node, inputs: list[str], op: Linear | None = None) -> None:
        """Append a node whose results lie as they did in the old graph."""
        self._new.keep(node, op or node.op, inputs)
        for name in node.outputs:
            self._views[name] = View(name, tuple(range(len(self._new.shape(name)))))

    def _reshape(self, node: Node, shape: Shape, view: View) -> None:
        name = node.outputs[0]
        logical = self._unflattened(view)
        if shape == logical:
            self._views[name] = replace(view, flat=False)
        elif len(shape) == 1:
            self._views[name] = replace(view, flat=True)
        else:
            stored = self._new.shape(view.stored)
            found = regrouped(stored, view.axes, shape)
            if found is None:
                self._keep_reshape(node, shape, self._plain(view))
                return
            inner, axes = found
            if inner == stored:
                self._views[name] = View(view.stored, axes)
                return
            self._keep_reshape(node, inner, view.stored)
            self._views[name] = View(name, axes)

    def _keep_reshape(self, node: Node, shape: Shape, stored: str) -> None:
        name = node.outputs[0]
        self._new.keep(node, Reshape(shape), [stored])
        self._views[name] = View(name, tuple(range(len(shape))))

    def _columns(self, node: Node, op: Affine | PRelu, view: View) -> None:
        """Keep an operator with a number for each place along the last axis."""
        name, stored = node.outputs[0], self._new.shape(view.stored)
        arrays = {field: getattr(op, field) for field in _arrays_of(op)}
        placed: dict[str, Any] = {f: self._placed(a, view) for f, a in arrays.items()}
        columns: dict[str, Any] = {f: _as_columns(a) for f, a in placed.items()}
        if all(found is not None for found in columns.values()):
            last = not view.flat and view.axes[-1] == len(stored) - 1
            self._new.keep(node, op if last else replace(op, **columns), [view.stored])
            self._views[name] = replace(view, stored=name)
        elif view.flat:
            self._keep(node, [self._plain(view)])
        else:  # a number for each element, in the stored order
            flat = self._reshaped(view.stored, (math.prod(stored),))
            every = {f: a.reshape(-1) for f, a in placed.items()}
            result = self._new.insert(replace(op, **every), [flat], name, node.source)
            self._new.keep(node, Reshape(stored), [result])
            self._views[name] = replace(view, stored=name)

    def _placed(self, values: Array, view: View) -> Array:
        """Return the number for each element of the stored tensor."""
        stored = self._new.shape(view.stored)
        placed = np.empty(math.prod(stored), values.dtype)
        placed[self._order(view)] = np.broadcast_to(values, self._logical(view)).reshape(-1)
        return placed.reshape(stored)

    def _together(self, node: Node, views: list[View]) -> None:
        """Keep an operator on several tensors in the order of the one that is turned."""
        rank = max(len(self._logical(view)) for view in views)
        wide = [self._of_rank(view, rank) for view in views]
        axes = next((v.axes for v in wide if not is_identity(v.axes)), tuple(range(rank)))
        inputs = [self._in_order(view, axes) for view in wide]
        op, axes = turned(node.op, axes) if isinstance(node.op, Concat) else (node.op, axes)
        self._new.keep(node, op, inputs)
        self._views[node.outputs[0]] = View(node.outputs[0], axes)

    def _of_rank(self, view: View, rank: int) -> View:
        """Return the view unflattened by copying, with axes of size 1 in front."""
        shape = self._logical(view)
        if not view.flat and len(shape) == rank:
            return view
        name, wide = self._plain(view), (1,) * (rank - len(shape)) + shape
        if wide != shape:
            name = self._reshaped(name, wide)
        return View(name, tuple(range(rank)))

    def _in_order(self, view: View, axes: Axes) -> str:
        """Return a tensor whose axis axes[i] is axis i of the view."""
        order = tuple(view.axes[axes.index(i)] for i in range(len(axes)))
        return self._plain(View(view.stored, order))

    def _plain(self, view: View) -> str:
        """Return a tensor that lies as the view says, made if there is none."""
        if is_identity(view.axes) and not (view.flat and len(view.axes) > 1):
            return view.stored
        if view not in self._made:
            self._made[view] = self._make(view)
        return self._made[view]

    def _make(self, view: View) -> str:
        stored = self._new.shape(view.stored)
        if view.flat:
            return self._reshaped(self._plain(replace(view, flat=False)), (math.prod(stored),))
        constant = self._new.constants.get(view.stored)
        if constant is not None:
            value = Constant(constant.value.transpose(view.axes))
            return self._new.insert(value, (), view.stored, self._source)
        if moves_nothing(view.axes, stored):
            return self._reshaped(view.stored, tuple(stored[axis] for axis in view.axes))
        self._cost += math.prod(stored)
        return self._new.insert(Permute(view.axes), [view.stored], view.stored, self._source)

    def _reshaped(self, name: str, shape: Shape) -> str:
        constant = self._new.constants.get(name)
        if constant is not None:
            return self._new.insert(Constant(constant.value.reshape(shape)), (), name, self._source)
        return self._new.insert(Reshape(shape), [name], name, self._source)

    def _unflattened(self, view: View) -> Shape:
        stored = self._new.shape(view.stored)
        return tuple(stored[axis] for axis in view.axes)

    def _logical(self, view: View) -> Shape:
        shape = self._unflattened(view)
        return (math.prod(shape),) if view.flat else shape

    def _order(self, view: View) -> Array:
        """Return for each element of the view, in order, its place in the stored tensor."""
        stored = self._new.shape(view.stored)
        places = np.arange(math.prod(stored)).reshape(stored)
        return places.transpose(view.axes).reshape(-1)

    def _keeps_last(self, view: View, count: int) -> bool:
        rank = len(view.axes)
        return not view.flat and view.axes[rank - count :] == tuple(range(rank - count, rank))

    def _output(self, name: str) -> str:
        """Return the tensor of an output; one that is only turned says so instead."""
        view = self._views[name]
        rank = len(view.axes)
        stored = self._new.tensors[view.stored]
        taken = [v for n, v in self._views.items() if n in self._graph.outputs and n != name]
        given = {*self._graph.inputs, *self._new.constants, *(s.read for s in self._graph.states)}
        free = view.stored not in given and all(v.stored != view.stored for v in taken)
        if is_identity(view.axes) and view.flat and free:
            return view.stored
        if view.axes == (rank - 1, *range(rank - 1)) and rank > 1 and not view.flat and free:
            self._new.set_tensor(stored.name, layout=CHANNELS_FIRST)
            return view.stored
        return self._plain(view)


def _arrays_of(op: Affine | PRelu) -> Iterator[str]:
    yield from ("scale", "shift") if isinstance(op, Affine) else ("slope",)


def _as_columns(placed: Array) -> Array | None:
    """Return the numbers along the last axis, if nothing else matters."""
    rows = placed.reshape(-1, placed.shape[-1])
    return rows[0].copy() if (rows == rows[0]).all() else None


def _turned_columns(op: Linear, order: Array) -> Linear:
    """Return the layer for an input whose elements lie in another order."""
    if (np.diff(order) == 1).all():
        return op
    weight = np.empty_like(op.weight)
    weight[:, order] = op.weight
    return replace(op, weight=weight)
