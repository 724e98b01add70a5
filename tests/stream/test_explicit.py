"""Modules that take and give back their states: nn.GRUCell, nn.LSTMCell, nn.GRU with h."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyexport
from pyexport.artifact import Artifact
from pyexport.errors import PyexportError
from pyexport.ir import Dataset
from pyexport.reference import evaluate
from pyexport.simulator.fast import FastSimulator

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

N_IN, N = 3, 6


class GruCell(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.GRUCell(N_IN, N), nn.Linear(N, 4)

    def forward(self, x: Any, h: Any) -> Any:
        h = self.cell(x, h)
        return self.head(h), h


class LstmCell(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.LSTMCell(N_IN, N), nn.Linear(N, 4)

    def forward(self, x: Any, h: Any, c: Any) -> Any:
        h, c = self.cell(x, (h, c))
        return self.head(h), h, c


class GruStep(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.gru, self.head = nn.GRU(N_IN, N, batch_first=True), nn.Linear(N, 4)

    def forward(self, x: Any, h: Any) -> Any:
        y, h = self.gru(x, h)
        return self.head(y[:, -1]), h


class Elman(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.x, self.h, self.head = nn.Linear(N_IN, N), nn.Linear(N, N), nn.Linear(N, 4)

    def forward(self, x: Any, h: Any) -> Any:
        h = torch.tanh(self.x(x) + self.h(h))
        return self.head(h), h


class Unrolled(nn.Module):  # type: ignore[misc]
    """A loop over a whole sequence: the same cell again and again."""

    def __init__(self, cell: Any) -> None:
        super().__init__()
        self.cell, self.head = cell(N_IN, N), nn.Linear(N, 4)

    def forward(self, x: Any) -> Any:
        state = torch.zeros(x.shape[0], N)
        if isinstance(self.cell, nn.LSTMCell):
            c = torch.zeros(x.shape[0], N)
            for t in range(x.shape[1]):
                state, c = self.cell(x[:, t], (state, c))
        else:
            for t in range(x.shape[1]):
                state = self.cell(x[:, t], state)
        return self.head(state)


zeros = torch.zeros
CASES = {
    "gru cell": (GruCell, (zeros(1, N_IN), zeros(1, N)), ["h"]),
    "lstm cell": (LstmCell, (zeros(1, N_IN), zeros(1, N), zeros(1, N)), ["h", "c"]),
    "gru": (GruStep, (zeros(1, 1, N_IN), zeros(1, 1, N)), ["h"]),
}


def model_of(case: str, **more: Any) -> tuple[Any, pyexport.ir.Model]:
    module, example, states = CASES[case]
    torch.manual_seed(3)
    net = module().eval()
    return net, pyexport.from_torch(net, example, input_range=(-2, 2), states=states, **more)


@pytest.mark.parametrize("case", CASES)
def test_the_float_graph_steps_like_the_module(case: str) -> None:
    net, model = model_of(case)
    shapes = [tuple(e.shape) for e in CASES[case][1][1:]]
    rows = np.random.default_rng(1).uniform(-2, 2, (5, *CASES[case][1][0].shape[1:]))
    kept, states = [zeros(s) for s in shapes], None
    for row in rows:
        with torch.no_grad():
            y, *kept = net(torch.tensor(row[None], dtype=torch.float32), *kept)
        values = evaluate(model.graph, row[None], states=states)
        states = {s.name: values[s.write] for s in model.graph.states}
        assert np.allclose(values[model.graph.output.name], y.numpy(), atol=1e-5)


@pytest.mark.parametrize("calibrated", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_the_integer_steps_follow_the_float_ones(case: str, calibrated: bool) -> None:
    rows = np.random.default_rng(1).uniform(-2, 2, (60, *CASES[case][1][0].shape[1:]))
    _, model = model_of(case, calibration=rows) if calibrated else model_of(case)
    artifact = pyexport.quantize(model)
    outputs = artifact.graph.output.quant.dequantize(pyexport.simulate(artifact, rows))  # type: ignore[union-attr]
    outputs = outputs.reshape(len(rows), -1)
    states, wanted = None, []
    for row in rows:
        values = evaluate(model.graph, row[None], states=states)
        states = {s.name: values[s.write] for s in model.graph.states}
        wanted.append(values[model.graph.output.name][0])
    assert np.abs(outputs - np.array(wanted)).max() < (0.04 if calibrated else 0.08)


@pytest.mark.parametrize("case", CASES)
def test_a_saved_file_is_exported_and_verified(case: str, tmp_path: Path) -> None:
    module, example, states = CASES[case]
    pyexport.save(module(), example, tmp_path / "m.pt", input_range=(-2, 2), states=states)
    export = pyexport.export(tmp_path / "m.pt", tmp_path, "m")
    assert "m_step(m_state_t *state," in export.header
    assert pyexport.verify(export, random_rows=200).problems == ()


def test_names_of_states_follow_the_layers() -> None:
    artifact: Artifact = pyexport.quantize(model_of("lstm cell")[1])
    assert [s.name for s in artifact.graph.states] == ["lstm0_h", "lstm0_c"]


@pytest.mark.parametrize("cell", [nn.GRUCell, nn.LSTMCell])
def test_a_loop_of_cells_is_a_whole_sequence(cell: Any) -> None:
    torch.manual_seed(1)
    net = Unrolled(cell).eval()
    rows = np.random.default_rng(2).uniform(-2, 2, (20, 5, N_IN))
    model = pyexport.from_torch(net, zeros(1, 5, N_IN), input_range=(-2, 2), calibration=rows)
    artifact = pyexport.quantize(model)
    with torch.no_grad():
        wanted = net(torch.tensor(rows, dtype=torch.float32)).numpy()
    outputs = artifact.graph.output.quant.dequantize(pyexport.simulate(artifact, rows))  # type: ignore[union-attr]
    assert np.abs(outputs - wanted).max() < 0.04
    report = pyexport.verify(artifact, random_rows=100)
    assert report.problems == ()


REFUSED = [
    (
        GruCell,
        (zeros(1, N_IN), zeros(1, N)),
        {"states": ["hidden"]},
        "no input hidden to be a state",
    ),
    (GruCell, (zeros(1, N_IN), zeros(1, N)), {"states": ["x", "h"]}, "at least one input"),
    (Unrolled, (zeros(1, 5, N_IN),), {"states": ["x"]}, "at least one input"),
]


@pytest.mark.parametrize(("module", "example", "stated", "line"), REFUSED)
def test_wrong_states_are_refused_by_name(
    module: Any, example: Any, stated: Any, line: str
) -> None:
    net = module(nn.GRUCell) if module is Unrolled else module()
    with pytest.raises(PyexportError, match=line):
        pyexport.from_torch(net, example, input_range=(-2, 2), **stated)


def test_a_state_that_is_no_layers_is_refused_by_name() -> None:
    model = pyexport.from_torch(
        Elman(), (zeros(1, N_IN), zeros(1, N)), input_range=(-2, 2), states=["h"]
    )
    with pytest.raises(PyexportError, match=r"Elman: state h is read by .*h.* and does not come"):
        pyexport.quantize(model)


def test_the_state_of_a_chain_is_that_of_its_last_step() -> None:
    rows = Dataset(np.random.default_rng(1).uniform(-2, 2, (8, N_IN)))
    _, model = model_of("gru cell")
    artifact = pyexport.quantize(model)
    quantized = artifact.graph.input.quant.quantize(rows.inputs)  # type: ignore[union-attr]
    once = FastSimulator(artifact.graph).run(quantized)
    assert not np.array_equal(once[-1], FastSimulator(artifact.graph, 1).run(quantized)[-1])
