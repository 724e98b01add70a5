"""Tied weights, views of one buffer and transposed storages are read as PyTorch reads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pyexport.frontends import load_model
from pyexport.frontends.archive import Archive
from pyexport.frontends.pickle_reader import read_pickle
from tests.frontends.models import evaluate, seeded, write_export

ARCH = "4-4r-4"


def tied() -> nn.Sequential:
    net = seeded(lambda: nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4)))
    net[2].weight = net[0].weight
    return net


def views_of_one_buffer() -> nn.Sequential:
    net = tied()
    buffer = torch.linspace(-1, 1, 60)
    with torch.no_grad():
        net[0].weight = nn.Parameter(buffer[3:19].view(4, 4))
        net[0].bias = nn.Parameter(buffer[5:13:2])
        net[2].weight = nn.Parameter(buffer[20:36].view(4, 4).t())
        net[2].bias = nn.Parameter(buffer[19:23])
    return net


def expanded() -> nn.Sequential:
    net = tied()
    net[2].weight = nn.Parameter(torch.linspace(0, 1, 4).expand(4, 4))
    net[2].bias = nn.Parameter(torch.tensor(0.5).expand(4))
    return net


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("door", ["archive", "decomposed", "state_dict", "module"])
@pytest.mark.parametrize("build", [tied, views_of_one_buffer, expanded])
def test_shared_and_strided_weights_compute_what_torch_does(
    tmp_path: Path, build: Callable[[], nn.Sequential], door: str, dtype: torch.dtype
) -> None:
    net, path = build().to(dtype), tmp_path / "m.pt"
    options = {}
    if door in ("archive", "decomposed"):
        write_export(path, net, torch.zeros(1, 4, dtype=dtype), decompose=door == "decomposed")
    elif door == "module":
        torch.save(net, path)
    else:
        torch.save(net.state_dict(), path)
        options = {"arch": ARCH}
    graph = load_model(path, **options).graph
    rows = np.linspace(-2, 2, 20).reshape(5, 4)
    with torch.no_grad():
        expected = net.double()(torch.tensor(rows)).numpy()
    np.testing.assert_allclose(evaluate(graph, rows), expected, rtol=1e-12)


def test_views_in_a_state_dict_share_one_stored_buffer(tmp_path: Path) -> None:
    torch.save(views_of_one_buffer().state_dict(), tmp_path / "m.pt")
    archive = Archive((tmp_path / "m.pt").read_bytes(), "m.pt")
    assert sum("/data/" in name for name in archive.names) == 1
    tree = read_pickle(archive)
    assert isinstance(tree, dict)
    np.testing.assert_array_equal(tree["0.bias"], torch.linspace(-1, 1, 60)[5:13:2].numpy())
