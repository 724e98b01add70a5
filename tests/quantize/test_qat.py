"""Training with weights on the grid: what was trained is what is exported."""

from __future__ import annotations

import numpy as np
import pytest

from pyexport import from_torch
from pyexport.errors import UsageError
from pyexport.pipeline import ExportOptions, export_model
from scripts.benchmark_models import load_network

torch = pytest.importorskip("torch")
qat = pytest.importorskip("pyexport.quantize.qat")


def test_weights_end_on_the_grid_and_come_through_the_export_unchanged() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(20, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3))
    x = torch.rand(64, 20)
    y = (x[:, :3] * 9).sum(dim=1).long() % 3
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    before = net[0].weight.detach().clone()
    with qat.fake_quantize(net):
        first = torch.nn.functional.cross_entropy(net(x), y).item()
        for _ in range(60):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
        wanted = net(x).detach()
    assert loss.item() < 0.9 * first
    assert not torch.equal(net[0].weight, before)
    net.eval()
    names = {name for name, _ in net.named_parameters()}
    assert names == {"0.weight", "0.bias", "2.weight", "2.bias"}  # nothing of training is left
    assert torch.allclose(net(x), wanted, atol=0.05)
    model = from_torch(net, x[:1], calibration=x.numpy())
    export = export_model(model, ExportOptions("net", weights=4))
    assert [choice.is_exact for choice in export.artifact.choices.weights] == [True, True]


def test_the_gradient_passes_straight_through() -> None:
    layer = torch.nn.Linear(8, 2)
    x = torch.rand(5, 8)
    with qat.fake_quantize(layer):
        layer(x).sum().backward()
        (behind,) = [p for name, p in layer.named_parameters() if "weight" in name]
        assert torch.allclose(behind.grad, x.sum(dim=0).expand(2, 8))


def test_what_cannot_be_trained_so_is_refused() -> None:
    with (
        pytest.raises(UsageError, match="4 or 8 bits"),
        qat.fake_quantize(torch.nn.Linear(2, 2), 3),
    ):
        pass
    with (
        pytest.raises(UsageError, match=r"no torch\.nn\.Linear"),
        qat.fake_quantize(torch.nn.ReLU()),
    ):
        pass


def test_the_stored_network_lies_on_the_grid_and_loses_nothing() -> None:
    network = load_network("b4")
    assert network.weights == 4
    export = export_model(network.model, ExportOptions("b4", weights=4, check_fits=False))
    assert all(choice.is_exact for choice in export.artifact.choices.weights)
    float_b = export_model(load_network("b").model, ExportOptions("b", check_fits=False))
    accuracy, before = export.artifact.accuracy, float_b.artifact.accuracy
    assert accuracy is not None
    assert before is not None
    assert accuracy.exported_correct >= before.float_correct - 3  # of 1,000
    assert np.array_equal(network.samples, load_network("b").samples)
