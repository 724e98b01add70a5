"""Float spiking networks as the readers make them, with fixed seeds: for tests and figures."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from pyexport.ir import (
    Array,
    Constant,
    Conv2d,
    Dataset,
    Encode,
    Graph,
    Lif,
    Linear,
    Metadata,
    Model,
    Node,
    Op,
    Readout,
    Reshape,
    Tensor,
    output_shapes,
)
from pyexport.statements import Statements


class Builder:
    """A growing float graph."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.tensors, self.nodes = [Tensor("x", shape)], list[Node]()

    def add(self, op: Op, *inputs: str) -> tuple[str, ...]:
        shapes = output_shapes(op, *(self.shape(name) for name in inputs))
        number = len(self.nodes)
        names = tuple(f"v{number}_{i}" for i in range(len(shapes)))
        self.tensors += [Tensor(n, s) for n, s in zip(names, shapes, strict=True)]
        self.nodes.append(Node(f"n{number}", op, inputs, names, f"net.{number}"))
        return names

    def shape(self, name: str) -> tuple[int, ...]:
        return next(t.shape for t in self.tensors if t.name == name)

    def linear(self, name: str, weight: Array, bias: Array) -> str:
        """A linear layer on a vector, or on every step, as the reader of ATen writes it."""
        shape = self.shape(name)
        if len(shape) == 1:
            return self.add(Linear(weight, bias), name)[0]
        (image,) = self.add(Reshape((1, *shape)), name)
        (y,) = self.add(Conv2d(weight[:, None, None], bias), image)
        return self.add(Reshape((shape[0], len(bias))), y)[0]

    def lif(self, name: str, op: Lif) -> tuple[str, ...]:
        zeros = [self.add(Constant(np.zeros(op.size)))[0] for _ in op.states]
        return self.add(op, name, *zeros)

    def graph(self, output: str) -> Graph:
        return Graph(tuple(self.tensors), tuple(self.nodes), ("x",), (output,))


def spiking_graph(
    layers: list[tuple[Array, Array]],
    encoding: str,
    steps: int,
    *,
    high: float = 16.0,
    method: str = "count",
    current_once: bool = False,
    events: float = 0.0,
    **neurons: Any,
) -> Graph:
    """Return encoder, layers of neurons, readout; encoding "" takes (steps, n) as they are.

    method "" gives the spikes of the last layer. events: the threshold of delta. neurons: fields of
    every Lif, beta a number.
    """
    n_in, delta = layers[0][0].shape[1], encoding == "delta"
    flat = encoding in ("direct", "rate", "latency")
    b = Builder((n_in,) if flat else (steps, n_in // 2 if delta else n_in))
    x = "x"
    if delta:
        (zero,) = b.add(Constant(np.zeros(n_in // 2)))
        x = b.add(Encode("delta", steps, 0.0, high, events), x, zero)[0]
    elif encoding and not current_once:
        (x,) = b.add(Encode(encoding, steps, 0.0, high), x)
    membranes = ""
    for number, (weight, bias) in enumerate(layers):
        x = b.linear(x, weight, bias)
        if number == 0 and current_once:
            (x,) = b.add(Encode(encoding, steps, 0.0, high), x)
        n = len(bias)
        fields: dict[str, Any] = {"threshold": np.ones(n)}
        for name, value in neurons.items():
            each = name in ("beta", "threshold", "alpha")
            fields[name] = np.full(n, value) if each else value
        op = Lif(**fields)
        x, membranes, *_ = b.lif(x, op)
    return b.graph(b.add(Readout(method), x, membranes)[0] if method else x)


def random_layers(
    sizes: tuple[int, ...], gain: float = 1.0, seed: int = 0
) -> list[tuple[Array, Array]]:
    random = np.random.default_rng(seed)
    return [
        (
            gain * random.normal(0.1, 1.0, (n_out, n_in)) / np.sqrt(n_in),
            random.normal(0.0, 0.1, n_out),
        )
        for n_in, n_out in pairwise(sizes)
    ]


def spiking_model(
    graph: Graph, rows: Array, high: float = 16.0, classes: Array | None = None
) -> Model:
    metadata = Metadata(
        "net.pt2", "ab" * 32, "test", Statements(input_range=(0.0, high)),
        calibration=Dataset(rows), evaluation=Dataset(rows, classes),
    )  # fmt: skip
    return Model(graph, metadata)


def bench_model(which: str) -> Model:
    """Return the networks that bugs are planted in: "rate", "latency", "direct", "delta"."""
    encoding = which
    layers = random_layers((16 if which == "delta" else 8, 12, 4), gain=1.6)
    if which == "direct":
        layers[0] = (layers[0][0] / 3, layers[0][1])
        layers[1] = (layers[1][0] - 0.3, layers[1][1])  # sums of membranes far below zero
    neurons: dict[str, Any] = {"beta": 0.875}
    if which == "latency":
        neurons = {
            "beta": 0.9,
            "reset": "zero",
            "reset_delay": False,
            "refractory": 2,
            "v_reset": -0.25,
        }
    if which == "delta":
        neurons = {"beta": 0.75, "alpha": 0.5, "reset_delay": False, "events": 3.0, "refractory": 1}
    method = {"latency": "first_spike", "delta": "membrane_mean"}.get(which, "count")
    graph = spiking_graph(layers, encoding, 6, method=method, **neurons)
    random = np.random.default_rng(5)
    rows = random.integers(0, 17, (200, *graph.input.shape)).astype(float)
    return spiking_model(graph, rows)
