"""Weights without a graph: every door gives the same parameters, and nothing in a file is run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pyexport.errors import PyexportError
from pyexport.frontends import load_model
from pyexport.frontends.torch_save import save
from pyexport.frontends.weight_files import parse_input_shape
from pyexport.pipeline import ExportOptions, export_model
from pyexport.tensorfile import RawTensor, write_tensorfile
from tests.cli.command import pyexport
from tests.frontends.models import Wrapped, evaluate, mlp, seeded, tiny

ARCH = "64-32r-16r-10"
NET = """
from torch import nn

class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 16),
                         nn.ReLU(), nn.Linear(16, 10))

class Wrong(nn.Linear):
    def __init__(self):
        super().__init__(3, 2)

def make():
    return Net()

def broken():
    raise RuntimeError("two\\nlines")

number = 3
"""


def safetensors(module: nn.Module) -> bytes:
    tensors = {
        name: RawTensor("F32", tuple(tensor.shape), tensor.detach().numpy().tobytes())
        for name, tensor in module.state_dict().items()
    }
    return write_tensorfile({"format": "pt"}, tensors)


def checkpoint(module: nn.Module) -> dict[str, object]:
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.zeros(1, 64)).sum().backward()
    optimizer.step()
    return {"epoch": 3, "model": module.state_dict(), "optimizer": optimizer.state_dict()}


def normed() -> nn.Sequential:
    return seeded(
        lambda: nn.Sequential(
            nn.Sequential(nn.Flatten(), nn.Linear(6, 5, bias=False), nn.BatchNorm1d(5)),
            nn.ReLU6(), nn.Linear(5, 4), nn.Hardtanh(), nn.Identity(), nn.Linear(4, 3),
            nn.Softmax(dim=1),
        )
    )  # fmt: skip


def refusal(path: Path, **options: object) -> str:
    with pytest.raises(PyexportError) as caught:
        load_model(path, **options)  # type: ignore[arg-type]
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_every_door_gives_the_same_parameters(tmp_path: Path) -> None:
    net = mlp()
    save(net, torch.zeros(1, 64), tmp_path / "archive.pt")
    torch.save(net.state_dict(), tmp_path / "state.pt")
    torch.save(net, tmp_path / "module.pt")
    torch.save({"net": net, "epoch": 1}, tmp_path / "held.pt")
    (tmp_path / "weights.safetensors").write_bytes(safetensors(net))
    (tmp_path / "net.py").write_text(NET)
    code = {"code": f"{tmp_path}/net.py:make", "input_shape": (1, 64)}
    doors = {
        "archive.pt": [{}],
        "state.pt": [{"arch": ARCH}, code],
        "module.pt": [{}],
        "held.pt": [{}],
        "weights.safetensors": [{"arch": ARCH}, code],
    }
    identities = {
        export_model(
            load_model(tmp_path / name, **options), ExportOptions("m", input_range=(0.0, 16.0))
        ).artifact.identity
        for name, variants in doors.items()
        for options in variants
    }
    assert len(identities) == 1


def test_a_training_checkpoint_is_read_like_its_state_dict(tmp_path: Path) -> None:
    net = mlp()
    torch.save(checkpoint(net), tmp_path / "c.pt")
    inputs = np.random.default_rng(0).uniform(0, 16, (5, 64))
    with torch.no_grad():
        expected = net(torch.tensor(inputs, dtype=torch.float32)).numpy()
    graph = load_model(tmp_path / "c.pt", arch=ARCH).graph
    np.testing.assert_allclose(evaluate(graph, inputs), expected, atol=1e-5)


@pytest.mark.parametrize("form", ["module", "state", "safetensors"])
def test_batch_norm_and_every_letter_compute_what_torch_does(tmp_path: Path, form: str) -> None:
    net, path = normed(), tmp_path / "m.pt"
    if form == "safetensors":
        path.write_bytes(safetensors_with_counter(net))
    else:
        torch.save(net if form == "module" else net.state_dict(), path)
    options = {} if form == "module" else {"arch": "6-5br6-4h-3s"}
    inputs = np.random.default_rng(1).normal(size=(20, 6)) * 3
    with torch.no_grad():
        expected = net.double()(torch.tensor(inputs)).numpy()
    found = evaluate(load_model(path, **options).graph, inputs)  # type: ignore[arg-type]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def safetensors_with_counter(module: nn.Module) -> bytes:
    tensors = {}
    for name, tensor in module.state_dict().items():
        dtype = "I64" if tensor.dtype == torch.int64 else "F32"
        tensors[name] = RawTensor(dtype, tuple(tensor.shape), tensor.numpy().tobytes())
    return write_tensorfile({}, tensors)


def test_running_the_users_code_is_said(tmp_path: Path) -> None:
    torch.save(mlp().state_dict(), tmp_path / "s.pt")
    (tmp_path / "net.py").write_text(NET)
    done = pyexport(
        "export", tmp_path / "s.pt", "--model", f"{tmp_path}/net.py:Net", "--input", "1,64",
        "--input-range", "0:16", "--output", tmp_path / "out",
    )  # fmt: skip
    assert done.status == 0
    assert "--model ran the code of net.py" in done.err
    assert (tmp_path / "out" / "s.h").is_file()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("net.py", "is not FILE.py:NAME"),
        ("missing.py:Net", "no such file"),
        ("net.py:Wrong", "do not fit"),
        ("net.py:broken", "RuntimeError: two\\nlines"),
        ("net.py:number", "makes a int"),
        ("net.py:absent", "net.py holds no absent"),
    ],
)
def test_code_that_makes_no_network_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(mlp().state_dict(), "s.pt")
    Path("net.py").write_text(NET)
    assert message in refusal(Path("s.pt"), code=code, input_shape=(1, 64))


@pytest.mark.parametrize(
    ("arch", "message"),
    [
        (None, "say them with --arch 64-32r-16r-10"),
        ("64-32r-10", "--arch wants a weight of 10x32, but 3 comes next"),
        ("64-32r-16r", "leaves 5 unused"),
        ("64-32r-16r-10-10", "no layer is left"),
        ("64-32rb-16r-10", "wants a running_mean of 32"),
        ("64", "is no architecture"),
        ("64-32q-10", "is no architecture"),
        ("64-0-10", "is no architecture"),
        ("٣-32-10", "is no architecture"),
        ("64" + "-1" * 300, "layers; write fewer"),
    ],
)
def test_an_architecture_that_does_not_fit_is_refused(
    tmp_path: Path, arch: str | None, message: str
) -> None:
    torch.save(mlp().state_dict(), tmp_path / "s.pt")
    assert message in refusal(tmp_path / "s.pt", arch=arch)


def test_a_file_that_holds_its_layers_takes_no_arch(tmp_path: Path) -> None:
    torch.save(mlp(), tmp_path / "m.pt")
    save(mlp(), torch.zeros(1, 64), tmp_path / "a.pt")
    for name in ("m.pt", "a.pt"):
        assert "holds its layers itself" in refusal(tmp_path / name, arch=ARCH)


def test_equal_shapes_without_an_order_are_not_guessed(tmp_path: Path) -> None:
    square = np.eye(4, dtype=np.float32)
    raw = RawTensor("F32", (4, 4), square.tobytes())
    path = tmp_path / "w.safetensors"
    path.write_bytes(write_tensorfile({}, {"first.weight": raw, "second.weight": raw}))
    assert "have equal shapes" in refusal(path, arch="4-4r-4")
    twice = RawTensor("F32", (4, 4), (2 * square).tobytes())
    path.write_bytes(write_tensorfile({}, {"fc10.weight": twice, "fc9.weight": raw}))
    assert load_model(path, arch="4-4r-4").graph.nodes[0].source == "fc9"


def test_a_layer_that_no_stub_knows_is_refused_by_name(tmp_path: Path) -> None:
    torch.save(nn.Sequential(nn.Linear(3, 2), nn.GELU()), tmp_path / "m.pt")
    assert "1 (GELU) cannot be read" in refusal(tmp_path / "m.pt")
    torch.save({"a": tiny(), "b": tiny()}, tmp_path / "two.pt")
    assert "holds 2 models" in refusal(tmp_path / "two.pt")
    torch.save(Wrapped({"f": nn.Linear(2, 2)}, print), tmp_path / "own.pt")
    assert "author's classes" in refusal(tmp_path / "own.pt")


def test_complex_and_non_finite_weights_are_refused(tmp_path: Path) -> None:
    torch.save({"0.weight": torch.zeros(2, 3, dtype=torch.complex64)}, tmp_path / "c.pt")
    assert "a tensor is complexfloat; save model.float()" in refusal(tmp_path / "c.pt", arch="3-2")
    net = tiny()
    with torch.no_grad():
        net[0].weight[0, 0] = float("nan")
    torch.save(net.state_dict(), tmp_path / "n.pt")
    assert "0.weight has 1 NaN value" in refusal(tmp_path / "n.pt", arch="3-4r-2")


def test_a_stride_of_zero_claims_no_memory(tmp_path: Path) -> None:
    torch.save({"0.weight": torch.zeros(1).expand(1 << 20, 1 << 20)}, tmp_path / "s.pt")
    assert "over the limit" in refusal(tmp_path / "s.pt", arch="3-4")
    many = torch.zeros(1).expand(1 << 10, 1 << 10)
    torch.save({f"{i}.weight": many for i in range(40)}, tmp_path / "m.pt")
    assert "times the bytes of the file" in refusal(tmp_path / "m.pt", arch="3-4")


def test_the_sidecar_says_what_the_file_cannot(tmp_path: Path) -> None:
    torch.save(tiny().state_dict(), tmp_path / "s.pt")
    rows = np.linspace(0, 4, 30).reshape(10, 3)
    np.savez(tmp_path / "rows.npz", inputs=rows, targets=np.arange(10) % 2)
    (tmp_path / "s.toml").write_text(
        'arch = "3-4r-2"\nlabels = ["off", "on"]\ncalibration = "rows.npz"\n'
        'evaluation = "rows.npz"\n[input]\nrange = [0, 4]\nunit = "volt"\n'
    )
    metadata = load_model(tmp_path / "s.pt").metadata
    assert metadata.input_range == (0.0, 4.0)
    assert (metadata.input_unit, metadata.labels) == ("volt", ("off", "on"))
    assert metadata.calibration is not None and metadata.evaluation is not None
    np.testing.assert_array_equal(metadata.calibration.inputs, rows)
    assert pyexport("export", tmp_path / "s.pt", "--output", tmp_path / "out").status == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("arch = ", "not valid TOML"),
        ('layers = "3-2"', "the key layers is unknown; use arch"),
        ("[input]\nscales = 3", "s.toml: input: the key scales is unknown; use name, shape"),
        ('arch = "3-4r-2"\nlabels = ["a"]', "1 labels for 2 outputs"),
        ('arch = "3-4r-2"\n[input]\nrange = [nan, 1]', "two finite numbers"),
        ('arch = "3-4r-2"\ncalibration = "../rows.npz"', "name a file in the same folder"),
        ('arch = "3-4r-2"\ncalibration = "none.npz"', "does not exist"),
        ("arch = 3", "is not a text"),
    ],
)
def test_a_wrong_sidecar_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    torch.save(tiny().state_dict(), tmp_path / "s.pt")
    (tmp_path / "s.toml").write_text(text)
    assert message in refusal(tmp_path / "s.pt")


@pytest.mark.parametrize("shape", ["64", "1,0", "1,a", "1,-4", "", "1," * 9 + "1"])
def test_an_input_shape_that_is_none_is_refused(shape: str) -> None:
    with pytest.raises(PyexportError, match="is no shape"):
        parse_input_shape(shape)
    assert parse_input_shape("1,8,8") == (1, 8, 8)


def test_weights_are_read_without_torch(tmp_path: Path) -> None:
    torch.save(mlp().state_dict(), tmp_path / "s.pt")
    torch.save(mlp(), tmp_path / "m.pt")
    (tmp_path / "w.safetensors").write_bytes(safetensors(mlp()))
    program = (
        "import sys\nfrom pyexport.frontends import load_model\n"
        f"load_model('s.pt', arch='{ARCH}')\nload_model('m.pt')\n"
        f"load_model('w.safetensors', arch='{ARCH}')\n"
        "assert not {'torch', 'sklearn', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=60)


def test_a_file_whose_sidecar_would_have_too_long_a_name_needs_none(tmp_path: Path) -> None:
    path = tmp_path / f"{'a' * 252}.pt"  # 255 bytes; with .toml it would be 257
    torch.save(torch.nn.Linear(2, 2).state_dict(), path)
    assert load_model(path, arch="2-2").graph.nodes


def test_a_directory_called_model_toml_is_refused(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "m.pt")
    (tmp_path / "m.toml").mkdir()
    with pytest.raises(PyexportError, match=r"m\.toml: a directory; move it away"):
        load_model(tmp_path / "m.pt", arch="2-2")


def test_a_name_that_the_file_of_model_lacks_is_told(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "m.pt")
    (tmp_path / "net.py").write_text("")
    with pytest.raises(PyexportError, match=r"net\.py holds no Net; write --model FILE.py:NAME"):
        load_model(tmp_path / "m.pt", code=f"{tmp_path / 'net.py'}:Net", input_shape=(1, 2))


def test_a_sidecar_of_a_file_with_statements_of_its_own_is_warned_about(tmp_path: Path) -> None:
    save(tiny(), torch.zeros(1, 3), tmp_path / "m.pt", labels=["a", "b"])
    assert load_model(tmp_path / "m.pt").metadata.warnings == ()
    (tmp_path / "m.toml").write_text('labels = ["x", "y"]')
    metadata = load_model(tmp_path / "m.pt").metadata
    assert metadata.labels == ("a", "b")
    (warning,) = metadata.warnings
    assert warning.startswith("m.toml is not used: the model file holds statements of its own")
