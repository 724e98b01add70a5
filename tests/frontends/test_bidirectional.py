"""LSTM and GRU in both directions, and reversed sequences, on whole sequences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyexport
from pyexport.errors import UnsupportedModelError
from pyexport.reference import forward, value_and_gradient

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

STEPS, N_IN, N = 5, 3, 4


class Both(nn.Module):  # type: ignore[misc]
    def __init__(self, kind: Any, layers: int) -> None:
        super().__init__()
        self.r = kind(N_IN, N, layers, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * N, 3)

    def forward(self, x: Any) -> Any:
        y, _ = self.r(x)
        return self.head(y[:, -1])


class Ends(nn.Module):  # type: ignore[misc]
    """Reads the last states of both directions instead of the sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.r, self.head = nn.GRU(N_IN, N, batch_first=True, bidirectional=True), nn.Linear(N, 3)

    def forward(self, x: Any) -> Any:
        _, h = self.r(torch.flip(x, [1]))
        return self.head(h[0] - h[1])


NETS = {
    "lstm": lambda: Both(nn.LSTM, 1),
    "gru": lambda: Both(nn.GRU, 1),
    "two layers": lambda: Both(nn.LSTM, 2),
    "states": Ends,
}


def pair(name: str) -> tuple[Any, Any, Any]:
    torch.manual_seed(4)
    net = NETS[name]().eval()
    rows = np.random.default_rng(1).uniform(-2, 2, (30, STEPS, N_IN))
    model = pyexport.from_torch(
        net, torch.zeros(1, STEPS, N_IN), input_range=(-2, 2), calibration=rows
    )
    return net, rows, model


@pytest.mark.parametrize("name", NETS)
def test_values_and_gradients_are_those_of_pytorch(name: str) -> None:
    net, rows, model = pair(name)
    x = torch.tensor(rows, dtype=torch.float32, requires_grad=True)
    y = net(x)
    y.sum().backward()
    ours, gradient = value_and_gradient(model.graph, rows, np.ones((len(rows), 3)))
    assert np.allclose(ours, y.detach().numpy(), atol=1e-5)
    assert np.allclose(gradient, x.grad.numpy(), atol=1e-5)


@pytest.mark.parametrize("name", ["lstm", "states"])
def test_integers_follow_the_floats_and_the_c_follows_them(name: str, tmp_path: Path) -> None:
    _, rows, model = pair(name)
    export = pyexport.export(model, tmp_path, "both")
    outputs = pyexport.simulate(export.artifact, rows)
    quant = export.artifact.graph.output.quant
    assert quant is not None
    assert np.abs(quant.dequantize(outputs) - forward(model.graph, rows)).max() < 0.05
    assert pyexport.verify(export, random_rows=100).problems == ()


def test_backwards_has_no_single_step() -> None:
    with pytest.raises(UnsupportedModelError, match="more than one step"):
        pyexport.quantize(pair("gru")[2], stream=True)
