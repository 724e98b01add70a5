"""Half precision, bfloat16 and double weights are read exactly, through every door."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pyexport.frontends import load_model
from pyexport.frontends.floats import BFLOAT16, FLOAT16, widened
from pyexport.ir import Linear
from pyexport.tensorfile import RawTensor, write_tensorfile
from tests.frontends.models import evaluate, seeded, tiny, write_export

ARCH = "3-4r-2"
TYPES = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64}


def safetensors(module: nn.Module, name: str) -> bytes:
    bits = torch.int64 if name == "F64" else torch.int32 if name == "F32" else torch.int16
    return write_tensorfile(
        {},
        {
            key: RawTensor(name, tuple(t.shape), t.detach().view(bits).numpy().tobytes())
            for key, t in module.state_dict().items()
        },
    )


@pytest.mark.parametrize("door", ["archive", "decomposed", "state_dict", "module", "safetensors"])
@pytest.mark.parametrize("name", TYPES)
def test_weights_of_every_float_type_are_read_exactly(tmp_path: Path, name: str, door: str) -> None:
    net, path = tiny().to(TYPES[name]), tmp_path / "model.pt"
    options = {"arch": ARCH} if door in ("state_dict", "safetensors") else {}
    if door in ("archive", "decomposed"):
        example = torch.zeros(1, 3, dtype=TYPES[name])
        write_export(path, net, example, decompose=door == "decomposed")
    elif door == "safetensors":
        path.write_bytes(safetensors(net, name))
    else:
        torch.save(net if door == "module" else net.state_dict(), path)
    read = [n.op for n in load_model(path, **options).graph.nodes if isinstance(n.op, Linear)]
    for layer, op in zip((net[0], net[2]), read, strict=True):
        assert op.weight.dtype == ("float64" if name == "F64" else "float32")
        np.testing.assert_array_equal(op.weight, layer.weight.detach().double().numpy())
        np.testing.assert_array_equal(op.bias, layer.bias.detach().double().numpy())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("decompose", [False, True])
def test_a_half_precision_network_computes_what_torch_does(
    tmp_path: Path, dtype: torch.dtype, decompose: bool
) -> None:
    net = seeded(
        lambda: nn.Sequential(
            nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 3),
            nn.Softmax(-1),
        )
    ).to(dtype)  # fmt: skip
    example = torch.zeros(1, 6, dtype=dtype)
    graph = load_model(write_export(tmp_path / "m.pt", net, example, decompose=decompose)).graph
    rows = np.linspace(-2, 2, 30).reshape(5, 6)
    with torch.no_grad():
        expected = net(torch.tensor(rows).to(dtype)).double().numpy()
    np.testing.assert_allclose(evaluate(graph, rows), expected, atol=0.02)  # 8 bits of fraction


@pytest.mark.parametrize(("code", "dtype"), [(BFLOAT16, torch.bfloat16), (FLOAT16, torch.float16)])
def test_all_65536_patterns_widen_as_torch_widens_them(code: str, dtype: torch.dtype) -> None:
    bits = np.arange(1 << 16, dtype=np.uint16)
    stored = bits if code == BFLOAT16 else bits.view("<f2")
    expected = torch.from_numpy(bits.view(np.int16)).view(dtype).float().numpy()
    np.testing.assert_array_equal(widened(stored, code), expected)
