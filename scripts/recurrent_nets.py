"""Recurrent networks over whole sequences, without PyTorch and without training."""

from __future__ import annotations

import numpy as np

from pyexport.ir import (
    Constant,
    Dataset,
    Graph,
    Gru,
    Linear,
    Lstm,
    Metadata,
    Model,
    Node,
    Slice,
    Tensor,
)
from pyexport.statements import Statements

STEPS, N_IN, N, CLASSES = 6, 3, 5, 4
LIMIT = 2.0  # inputs lie in -LIMIT..LIMIT


def sequence_model(
    layers: str, *, steps: int = STEPS, gain: float = 1.0, n: int = N, rows: int = 12
) -> Model:
    """Return recurrent layers ("gru", "lstm", "lstm-gru") and a linear head on the last step.

    Nothing is trained; gain multiplies the recurrent weights, and 8 drives gates to their ends.
    """
    random = np.random.default_rng(7)

    def weights(gates: int, n_in: int) -> tuple[np.ndarray, np.ndarray]:
        shapes = ((gates * n, n_in), (gates * n, n))
        return tuple(gain * random.normal(size=s) / np.sqrt(n) for s in shapes)

    tensors, nodes = [Tensor("x", (steps, N_IN)), Tensor("zero", (n,))], []
    nodes.append(Node("z", Constant(np.zeros(n)), (), ("zero",)))
    source, width = "x", N_IN
    for number, name in enumerate(layers.split("-")):
        outputs = tuple(
            f"{name}{number}_{word}" for word in ("all", "h", "c")[: 3 - (name == "gru")]
        )
        op: Lstm | Gru
        if name == "lstm":
            op = Lstm(*weights(4, width), random.normal(size=4 * n))
        else:
            op = Gru(*weights(3, width), *random.normal(size=(2, 3 * n)))
        zeros = ("zero",) * (len(outputs) - 1)
        nodes.append(Node(f"r{number}", op, (source, *zeros), outputs, f"net.{name}"))
        tensors += [Tensor(outputs[0], (steps, n)), *(Tensor(o, (n,)) for o in outputs[1:])]
        source, width = outputs[0], n
    nodes.append(Node("s", Slice((steps - 1, 0), (1, n), (1, 1)), (source,), ("last",), "net"))
    head = Linear(random.normal(size=(CLASSES, n)), random.normal(size=CLASSES))
    nodes.append(Node("l", head, ("last",), ("y",), "net.head"))
    tensors += [Tensor("last", (1, n)), Tensor("y", (CLASSES,))]
    graph = Graph(tuple(tensors), tuple(nodes), ("x",), ("y",))
    inputs = random.uniform(-LIMIT, LIMIT, size=(rows, steps, N_IN))
    data = Dataset(inputs)
    targets = Dataset(inputs, np.arange(rows) % CLASSES)
    stated = Statements(input_range=(-LIMIT, LIMIT), labels=tuple("abcd"))
    return Model(
        graph, Metadata("net.pt", "ab" * 32, "test", stated, calibration=data, evaluation=targets)
    )
