"""Spiking networks of pyexport.snn are read from .pt2 as what PyTorch computes, without PyTorch."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pyexport.errors import PyexportError
from pyexport.frontends import load_model
from pyexport.frontends.loading import parse_pt2
from pyexport.frontends.torch_save import from_torch
from pyexport.ir import Lif
from pyexport.reference import evaluate, value_and_gradient
from pyexport.snn import LIF, Encode, Readout
from tests.frontends.models import write_export

N_IN, HIDDEN, N_OUT, STEPS = 5, 8, 4, 9


def net(
    encoding: str | None = "direct",
    readout: str = "count",
    alpha: bool = False,
    **rule: Any,
) -> nn.Sequential:
    """Return encode, linear, LIF, linear, LIF, readout in float64; some neurons fire often."""
    torch.manual_seed(5)

    def lif(n: int, last: bool) -> LIF:
        more = {"alpha": torch.rand(n) * 0.6} if alpha else {}
        return LIF(torch.rand(n), torch.rand(n) + 0.5, **more, **rule, membranes=last)

    n_in = 2 * N_IN if encoding == "delta" else N_IN
    steps, threshold = (0, 0.3) if encoding == "delta" else (STEPS, 0.0)
    encode = [] if encoding is None else [Encode(encoding, steps, high=2.0, threshold=threshold)]
    layers = [nn.Linear(n_in, HIDDEN), lif(HIDDEN, False), nn.Linear(HIDDEN, N_OUT)]
    result = nn.Sequential(*encode, *layers, lif(N_OUT, True), Readout(readout)).double()
    with torch.no_grad():
        for linear in layers[::2]:
            linear.weight *= 4.0
    return result


NETS = {
    **{e: {"encoding": e} for e in ("direct", "rate", "latency", "delta")},
    "sequence": {"encoding": None},
    **{r: {"readout": r} for r in ("membrane_mean", "membrane_last", "first_spike")},
    "zero": {"reset": "zero"},
    "none": {"reset": "none"},
    "carry": {"reset": "carry", "reset_delay": False},
    "same_step": {"reset_delay": False, "compare": "ge"},
    "v_reset": {"reset": "zero", "reset_delay": False, "v_reset": -0.1, "refractory": 2},
    "synaptic": {"alpha": True},
    "synaptic_zero": {"alpha": True, "reset": "zero"},
    "synaptic_waiting": {"alpha": True, "reset_delay": False, "refractory": 1},
}


def example(encoding: str | None = "direct", **_: Any) -> torch.Tensor:
    shape = (6, STEPS, N_IN) if encoding in (None, "delta") else (6, N_IN)
    x = torch.rand(shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return x * 1.9 + 0.05


@pytest.mark.parametrize("name", NETS)
def test_spikes_scores_and_gradients_are_those_of_torch(name: str) -> None:
    module, x = net(**NETS[name]), example(**NETS[name]).requires_grad_()
    graph = from_torch(module, x[:1]).graph
    value: Any = x
    spikes: list[torch.Tensor] = []
    for layer in module:
        value = layer(value)
        if isinstance(layer, LIF):
            spikes.append(value[0] if layer.membranes else value)
    assert all(0 < s.mean() < 1 for s in spikes)
    values = evaluate(graph, x.detach().numpy())
    nodes = [node for node in graph.nodes if isinstance(node.op, Lif)]
    for node, wanted in zip(nodes, spikes, strict=True):
        assert np.array_equal(values[node.outputs[0]], wanted.detach().numpy())
    seed = torch.rand(value.shape, dtype=x.dtype)
    (wanted,) = torch.autograd.grad((value * seed).sum(), x)
    scores, gradient = value_and_gradient(graph, x.detach().numpy(), seed.numpy())
    np.testing.assert_allclose(scores, value.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(gradient, wanted.numpy(), rtol=1e-9, atol=1e-12)


def test_one_parameter_for_a_layer_becomes_one_a_neuron() -> None:
    module = nn.Sequential(nn.Linear(3, 2), LIF(0.875, 1.5, membranes=True), Readout())
    graph = from_torch(module, torch.zeros(1, 4, 3)).graph
    (op,) = [node.op for node in graph.nodes if isinstance(node.op, Lif)]
    assert op.beta.tolist() == [0.875] * 2
    assert op.threshold.tolist() == [1.5] * 2


def test_a_spiking_archive_is_read_without_torch(tmp_path: Path) -> None:
    path = write_export(tmp_path / "m.pt2", net(), example()[:1])
    code = (
        "import sys, pyexport; m = pyexport.load(sys.argv[1]); "
        "print([n.op.kind for n in m.graph.nodes], 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    linear = ["reshape", "conv2d", "reshape"]  # on every step
    kinds = ["encode", *linear, "constant", "lif", *linear, "constant", "lif", "readout"]
    assert done.stdout.strip() == f"{kinds} False"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('"subtract"', '"substract"', "lif: reset 'substract' is unknown"),
        ('"direct"', '"poisson"', "encode: 'poisson' is unknown"),
        ('"count"', '"counts"', "readout: 'counts' is unknown"),
        ('"as_int": 9', '"as_int": 99999999', "encode: 99999999 steps, not 1..4096"),
        ('"as_float": 2.0', '"as_float": "NaN"', "encode: range 0..nan"),
        ('"as_string": "count"', '"as_none": true', "its method is no text"),
    ],
)
def test_a_wrong_argument_is_refused_in_one_line(before: str, after: str, words: str) -> None:
    buffer = io.BytesIO()
    torch.export.save(torch.export.export(net(), (example()[:1],)), buffer)
    result = io.BytesIO()
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(result, "w") as target:
        for name in source.namelist():
            text = source.read(name)
            if name.endswith("models/model.json"):
                assert before.encode() in text
                text = text.replace(before.encode(), after.encode())
            target.writestr(name, text)
    with pytest.raises(PyexportError, match=words) as caught:
        parse_pt2(result.getvalue(), "m.pt2", "m.pt2")
    assert "\n" not in str(caught.value)


def test_neurons_on_the_steps_of_nothing_are_refused(tmp_path: Path) -> None:
    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lif = LIF(0.5)

        def forward(self, x: torch.Tensor) -> Any:
            return self.lif(x.reshape(1, 6, 2))

    path = write_export(tmp_path / "m.pt2", Flat(), torch.zeros(1, 6, 2))
    assert load_model(path).graph.output.shape == (6, 2)
    with pytest.raises(ValueError, match=r"give \(batch, steps, neurons"):
        LIF(0.5)(torch.zeros(6, 2))
