"""Arithmetic with constants in forward(): folded exactly, or refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pyexport.errors import PyexportError
from pyexport.frontends import load_model
from pyexport.ir import Linear
from pyexport.passes import run_passes
from pyexport.pipeline import ExportOptions, export_model
from tests.frontends.models import Wrapped, evaluate, seeded, write_export

Forward = Callable[..., torch.Tensor]


def network(forward: Forward, **constants: torch.Tensor) -> Wrapped:
    net = seeded(lambda: Wrapped({"f": nn.Linear(4, 4), "g": nn.Linear(12, 4)}, forward))
    for name, value in constants.items():
        net.register_buffer(name, value)
    return net


MEAN = torch.tensor([1.0, 2.0, 3.0, 4.0])
SPREAD = torch.tensor([2.0, 4.0, 0.5, 7.0])


@pytest.mark.parametrize("decompose", [False, True])
@pytest.mark.parametrize(
    "forward",
    [
        lambda m, x: m.f((x - m.mean) / m.spread),
        lambda m, x: m.f(x / 255),
        lambda m, x: m.f(x.sub(m.mean, alpha=0.5).mul(2)),
        lambda m, x: m.f(3 - x),
        lambda m, x: m.f(torch.rsub(x, m.mean, alpha=2)),
        lambda m, x: m.f(m.mean + 0.25 * -x),
        lambda m, x: m.f(torch.add(m.mean, x, alpha=3)),
        lambda m, x: (m.f(x) * m.spread + m.mean).relu() / 2 @ m.f.weight.t(),
        lambda m, x: m.f(x.clone().sub_(m.mean).div_(m.spread)),
        lambda m, x: m.f(torch.true_divide(torch.subtract(x, 1), m.spread)),
        lambda m, x: nn.functional.linear(x, m.f.weight * m.mask, m.f.bias - 1),
        lambda m, x: m.f((x - m.mean) * torch.rsqrt(m.spread + 1e-3) * m.mean.neg() + m.spread),
        lambda m, x: m.f(x - m.mean.view(2, 2).reshape(-1).unsqueeze(0)),
        lambda m, x: m.f(x - m.whole),
        lambda m, x: m.f(x - m.whole.float()),
        lambda m, x: nn.functional.linear(x, m.f.weight * m.kept.float(), m.whole.float()),
    ],
)
def test_arithmetic_with_constants_is_folded_into_the_layers(
    tmp_path: Path, forward: Forward, decompose: bool
) -> None:
    mask, whole = torch.arange(16).reshape(4, 4).remainder(3).sign(), torch.tensor([1, 2, 3, 4])
    net = network(forward, mean=MEAN, spread=SPREAD, mask=mask.float(), whole=whole, kept=mask > 0)
    path = write_export(tmp_path / "m.pt", net, torch.zeros(1, 4), decompose=decompose)
    graph = load_model(path).graph
    rows = np.linspace(-5, 9, 40).reshape(10, 4)
    with torch.no_grad():
        expected = net(torch.tensor(rows, dtype=torch.float32)).numpy()
    for read in (graph, run_passes(graph)):
        if read is graph or not any(n.op.low > -np.inf for n in read.nodes):
            np.testing.assert_allclose(evaluate(read, rows), expected, atol=1e-4)
    assert all(isinstance(node.op, Linear) for node in run_passes(graph).nodes)


def test_an_image_is_normalised_channel_by_channel(tmp_path: Path) -> None:
    net = network(
        lambda m, x: m.g(((x - m.mean) / m.spread).flatten(1)),
        mean=torch.tensor([1.0, 2.0, 3.0]).reshape(3, 1, 1),
        spread=torch.tensor([2.0, 4.0, 8.0]).reshape(1, 3, 1, 1),
    )
    graph = load_model(write_export(tmp_path / "m.pt", net, torch.zeros(1, 3, 2, 2))).graph
    rows = np.linspace(0, 9, 60).reshape(5, 3, 2, 2)
    with torch.no_grad():
        expected = net(torch.tensor(rows, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(evaluate(graph, rows), expected, atol=1e-5)
    (node,) = run_passes(graph).nodes
    assert isinstance(node.op, Linear)


def test_a_normalised_input_exports_in_both_schemes(tmp_path: Path) -> None:
    net = network(lambda m, x: m.f((x - m.mean) / m.spread).relu(), mean=MEAN, spread=SPREAD)
    model = load_model(write_export(tmp_path / "m.pt", net, torch.zeros(1, 4)))
    for scheme in ("int8", "float32"):
        export_model(model, ExportOptions("m", scheme=scheme, input_range=(0.0, 16.0)))


@pytest.mark.parametrize("table", ["default", "core"])
def test_a_batch_norm_in_pieces_gives_the_parameters_of_the_whole_one(
    tmp_path: Path, table: str
) -> None:
    def pieces(m: nn.Module, x: torch.Tensor) -> torch.Tensor:
        x = m.f(x)
        return (x - m.mean) * torch.rsqrt(m.var + 1e-5) * m.weight + m.bias

    whole = seeded(lambda: nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)))
    norm = whole[1]
    net = network(
        pieces, mean=norm.running_mean, var=norm.running_var, weight=norm.weight.detach(),
        bias=norm.bias.detach(),
    )  # fmt: skip
    net.get_submodule("f").load_state_dict(whole[0].state_dict())
    one = write_export(tmp_path / "a.pt", whole, torch.zeros(1, 4))
    other = write_export(tmp_path / "b.pt", net, torch.zeros(1, 4), decompose=table == "core")
    options = ExportOptions("m", input_range=(0.0, 1.0))
    identities = {export_model(load_model(p), options).artifact.identity for p in (one, other)}
    assert len(identities) == 1


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (lambda m, x: m.f(x) / x, "divide by a constant"),
        (lambda m, x: m.zero / m.f(x), "aten.div.Tensor at the model's forward()"),
        (lambda m, x: m.f(x / m.zero), "has 4 infinite values"),
        (lambda m, x: m.f(x) * m.rows, "shape (3, 4) does not fit a tensor of (1, 4)"),
        (lambda m, x: m.f(x * m.flags), "flags, which is bool; store numbers"),
        (lambda m, x: m.f(x.div(2, rounding_mode="floor")), "aten.div.Tensor_mode"),
        (lambda m, x: nn.functional.linear(x, m.f.weight / m.zero), "f.weight (folded) has"),
    ],
)
def test_other_arithmetic_is_refused_in_one_line(
    tmp_path: Path, forward: Forward, message: str
) -> None:
    net = network(
        forward, zero=torch.zeros(4), rows=torch.ones(3, 4), flags=torch.ones(4, dtype=torch.bool)
    )
    path = write_export(tmp_path / "m.pt", net, torch.zeros(3, 4))
    with pytest.raises(PyexportError) as caught:
        load_model(path)
    assert message in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_decomposed_file_is_asked_for_before_its_decomposition(tmp_path: Path) -> None:
    net = seeded(lambda: nn.Sequential(nn.Linear(4, 4), nn.Softsign(), nn.Linear(4, 2)))
    path = write_export(tmp_path / "m.pt", net, torch.zeros(1, 4), decompose=True)
    with pytest.raises(PyexportError, match=r"save it again without run_decompositions\(\)"):
        load_model(path)


def test_constants_cannot_grow_without_end(tmp_path: Path) -> None:
    def forward(m: Wrapped, x: torch.Tensor) -> torch.Tensor:
        for step in range(20):
            x = x + step
        return m.f(x[:, :4]) if x.shape[1] < 4 else m.h(x)

    net = network(forward)
    net.add_module("h", nn.Linear(1 << 17, 1))
    path = write_export(tmp_path / "m.pt", net, torch.zeros(1, 1 << 17))
    with pytest.raises(PyexportError, match="arithmetic of constants makes over"):
        load_model(path)
