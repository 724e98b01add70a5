"""Which models run one step at a time: what treats all steps alike, and what is refused by name."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import pyexport
from pyexport.errors import UnsupportedModelError
from pyexport.ir import (
    Activation,
    Add,
    Constant,
    Dataset,
    Graph,
    Gru,
    LayerNorm,
    Linear,
    LogSoftmax,
    Model,
    Node,
    Op,
    Permute,
    Reduce,
    Reshape,
    Slice,
    Tensor,
)
from pyexport.operators import output_shapes
from pyexport.pipeline import ExportOptions, export_model
from pyexport.simulator.fast import FastSimulator
from tests.stream.models import N_IN, STEPS, sequence_model

N = 4
RANDOM = np.random.default_rng(2)


class Builder:
    """A graph that grows operator by operator from a sequence."""

    def __init__(self, shape: tuple[int, ...] = (STEPS, N_IN)) -> None:
        self.tensors = [Tensor("x", shape)]
        self.nodes: list[Node] = []

    def add(self, op: Op, *inputs: str) -> str:
        shapes = {t.name: t.shape for t in self.tensors}
        made = output_shapes(op, *(shapes[name] for name in inputs))
        names = tuple(f"t{len(self.nodes)}_{i}" for i in range(len(made)))
        self.tensors += [Tensor(n, s) for n, s in zip(names, made, strict=True)]
        self.nodes.append(Node(f"n{len(self.nodes)}", op, inputs, names, f"net.{len(self.nodes)}"))
        return names[0]

    def gru(self, source: str, n_in: int) -> str:
        zero = self.add(Constant(np.zeros(N)))
        shapes = ((3 * N, n_in), (3 * N, N), (3 * N,), (3 * N,))
        return self.add(Gru(*(RANDOM.normal(size=s) for s in shapes)), source, zero)

    def model(self, output: str) -> Model:
        base = sequence_model("gru")
        graph = Graph(tuple(self.tensors), tuple(self.nodes), ("x",), (output,))
        stated = replace(base.metadata.statements, labels=None)
        data = base.metadata.calibration
        return Model(
            graph, replace(base.metadata, statements=stated, evaluation=None, calibration=data)
        )


def on_every_step(b: Builder) -> str:
    wide = b.add(Reshape((STEPS, 1, N_IN)), "x")
    scaled = b.add(Activation("tanh"), b.add(Reshape((STEPS, N_IN)), wide))
    every = b.gru(scaled, N_IN)
    shifted = b.add(Add(), every, b.add(Constant(RANDOM.normal(size=(1, N)))))
    normal = b.add(LayerNorm(RANDOM.normal(size=N), RANDOM.normal(size=N), 1e-5), shifted)
    return b.add(LogSoftmax(), normal)


def residual(b: Builder) -> str:
    every = b.gru("x", N_IN)
    return b.gru(b.add(Add(), every, b.gru(every, N)), N)


def turned(b: Builder) -> str:
    return b.add(Permute((1, 0)), b.gru("x", N_IN))


def mean_of_features(b: Builder) -> str:
    return b.add(Reduce("mean", (1,), False), b.gru("x", N_IN))


@pytest.mark.parametrize("net", [on_every_step, residual, turned, mean_of_features])
def test_what_treats_the_steps_alike_gives_the_bytes_of_the_sequence(net: Any) -> None:
    b = Builder()
    model = b.model(net(b))
    whole = export_model(model, ExportOptions("net")).artifact.graph
    step = export_model(model, ExportOptions("net", stream=True)).artifact.graph
    rows = np.random.default_rng(4).integers(-128, 128, (9 * STEPS, N_IN)).astype(np.int8)
    wanted = FastSimulator(whole).run(rows.reshape(9, -1)).reshape(9, *whole.output.shape)
    axis = 1 + whole.output.shape.index(STEPS)
    wanted = np.moveaxis(wanted, axis, 1).reshape(9 * STEPS, -1)
    assert math.prod(step.output.shape) * STEPS == math.prod(whole.output.shape)
    assert np.array_equal(FastSimulator(step, STEPS).run(rows), wanted)


def test_features_before_steps_are_transposed_by_the_export() -> None:
    """A net that takes (features, steps) and turns them: a step has the features in their order."""
    b = Builder((N_IN, STEPS))
    model = b.model(b.gru(b.add(Permute((1, 0)), "x"), N_IN))
    data = model.metadata.calibration
    assert data is not None
    turned = Dataset(data.inputs.swapaxes(1, 2), np.zeros(len(data.inputs), int))
    model = replace(model, metadata=replace(model.metadata, calibration=turned, evaluation=turned))
    artifact = export_model(model, ExportOptions("net", stream=True)).artifact
    assert artifact.samples is not None
    assert artifact.samples.inputs.shape == (len(data.inputs) * STEPS, N_IN)
    assert np.array_equal(
        pyexport.simulate(artifact, data.inputs).reshape(-1, N),
        FastSimulator(artifact.graph, STEPS).run(artifact.samples.inputs),
    )


def mean_of_steps(b: Builder) -> str:
    return b.add(Reduce("mean", (0,), False), b.gru("x", N_IN))


def flattened(b: Builder) -> str:
    flat = b.add(Reshape((STEPS * N,)), b.gru("x", N_IN))
    return b.add(Linear(RANDOM.normal(size=(2, STEPS * N)), np.zeros(2)), flat)


def first_step(b: Builder) -> str:
    return b.add(Slice((0, 0), (1, N), (1, 1)), b.gru("x", N_IN))


def places(b: Builder) -> str:
    codes = b.add(Constant(RANDOM.normal(size=(STEPS, N_IN))))
    return b.gru(b.add(Add(), "x", codes), N_IN)


def features_as_steps(b: Builder) -> str:
    """Transposed, read as if the features were the steps."""
    return b.gru(b.add(Permute((1, 0)), b.gru("x", N_IN)), STEPS)


@pytest.mark.parametrize(
    ("net", "line"),
    [
        (mean_of_steps, r"net\.2\): reduce needs more than one step of the sequence at once"),
        (flattened, r"net\.3\): linear needs more than one step"),
        (first_step, r"net\.2\): gather needs more than one step"),
        (places, r"net\.1\): add needs more than one step"),
        (features_as_steps, r"net\.4\): gru does not read the steps of the input one by one"),
    ],
)
def test_what_needs_several_steps_is_refused_by_name(net: Any, line: str) -> None:
    b = Builder()
    model = b.model(net(b))
    export_model(model, ExportOptions("net"))  # the whole sequence is fine
    with pytest.raises(UnsupportedModelError, match=r"^net\.pt: .*" + line):
        export_model(model, ExportOptions("net", stream=True))


def test_a_model_without_recurrent_layers_has_no_steps() -> None:
    b = Builder()
    model = b.model(b.add(Activation("tanh"), "x"))
    with pytest.raises(UnsupportedModelError, match="no LSTM, GRU or spiking layer"):
        export_model(model, ExportOptions("net", stream=True))


def test_an_input_that_is_no_sequence_is_refused() -> None:
    b = Builder((2, STEPS // 2, N_IN))
    model = b.model(b.gru(b.add(Reshape((STEPS, N_IN)), "x"), N_IN))
    data = model.metadata.calibration
    assert data is not None
    shaped = replace(data, inputs=data.inputs.reshape(-1, 2, STEPS // 2, N_IN))
    model = replace(model, metadata=replace(model.metadata, calibration=shaped))
    with pytest.raises(UnsupportedModelError, match=re.escape("the input of 2x3x3 is no sequence")):
        export_model(model, ExportOptions("net", stream=True))
