"""Models over whole sequences that are exported one step at a time, without PyTorch."""

from __future__ import annotations

from functools import cache

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
from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.statements import Statements

STEPS, N_IN, N, CLASSES = 6, 3, 5, 4


def sequence_model(kind: str, *, gain: float = 1.0, n: int = N, rows: int = 12) -> Model:
    """Return "gru", "lstm" or "two" (a GRU reads every step of an LSTM), and a linear head."""
    random = np.random.default_rng(7)

    def weights(gates: int, n_in: int) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
        shapes = ((gates * n, n_in), (gates * n, n))
        return tuple(gain * random.normal(size=s) / np.sqrt(n) for s in shapes)  # type: ignore[return-value]

    tensors, nodes = [Tensor("x", (STEPS, N_IN)), Tensor("zero", (n,))], []
    nodes.append(Node("z", Constant(np.zeros(n)), (), ("zero",)))
    source, width = "x", N_IN
    for number, name in enumerate({"two": ("lstm", "gru")}.get(kind, (kind,))):
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
        tensors += [Tensor(outputs[0], (STEPS, n)), *(Tensor(o, (n,)) for o in outputs[1:])]
        source, width = outputs[0], n
    nodes.append(Node("s", Slice((STEPS - 1, 0), (1, n), (1, 1)), (source,), ("last",), "net"))
    head = Linear(random.normal(size=(CLASSES, n)), random.normal(size=CLASSES))
    nodes.append(Node("l", head, ("last",), ("y",), "net.head"))
    tensors += [Tensor("last", (1, n)), Tensor("y", (CLASSES,))]
    graph = Graph(tuple(tensors), tuple(nodes), ("x",), ("y",))
    inputs = random.uniform(-2.0, 2.0, size=(rows, STEPS, N_IN))
    data = Dataset(inputs)
    targets = Dataset(inputs, np.arange(rows) % CLASSES)
    stated = Statements(input_range=(-2.0, 2.0), labels=tuple("abcd"))
    return Model(
        graph, Metadata("net.pt", "ab" * 32, "test", stated, calibration=data, evaluation=targets)
    )


@cache
def exported(kind: str, *, stream: bool = True, gain: float = 1.0, n: int = N) -> Export:
    """Return the export of a model, one step at a time or of the whole sequence."""
    return export_model(sequence_model(kind, gain=gain, n=n), ExportOptions("net", stream=stream))


KINDS = ("gru", "lstm", "two")
