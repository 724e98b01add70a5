"""Networks saved by torch.export come out of the reader as the same function."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from pyexport.frontends import load_model
from pyexport.ir import Affine, Clamp, Linear
from tests.frontends.models import Wrapped, evaluate, mlp, seeded, tiny, write_export

NETWORKS = {
    "mlp": (mlp, (64,)),
    "softmax": (lambda: nn.Sequential(nn.Linear(8, 5), nn.ReLU6(), nn.Softmax(-1)), (8,)),
    "in place": (
        lambda: nn.Sequential(
            nn.Linear(8, 6), nn.ReLU(True), nn.Dropout(0.5, True), nn.Linear(6, 6),
            nn.ReLU6(True), nn.Linear(6, 3), nn.Hardtanh(-0.2, 0.3, True),
        ),
        (8,),
    ),
    "flatten": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), (1, 8, 8)),
    "batch norm": (
        lambda: nn.Sequential(
            nn.BatchNorm1d(8), nn.Linear(8, 6, bias=False), nn.BatchNorm1d(6, affine=False),
            nn.ReLU(), nn.Linear(6, 3),
        ),
        (8,),
    ),
    "double": (lambda: nn.Sequential(nn.Linear(8, 4), nn.Hardtanh()).double(), (8,)),
    "views": (
        lambda: Wrapped(
            {"f": nn.Linear(12, 4)},
            lambda m, x: m.f(
                x.view(x.size(0), -1).unsqueeze(1).squeeze(1).contiguous().clone().detach()
            ).reshape(-1, 2, 2).flatten(1),
        ),
        (3, 4),
    ),
    "casts": (
        lambda: Wrapped({"f": nn.Linear(8, 4)}, lambda m, x: m.f(x.to(torch.float32)).float()),
        (8,),
    ),
    "functions": (
        lambda: Wrapped(
            {"f": nn.Linear(8, 8)},
            lambda m, x: nn.functional.relu6(m.f(x)).clamp(max=2.0).clamp_min(0.5).clamp(0.6, 1.9),
        ),
        (8,),
    ),
    "shared weights": (
        lambda: Wrapped({"f": nn.Linear(8, 8)}, lambda m, x: m.f(m.f(x).relu())), (8,),
    ),
    "matrix product": (
        lambda: Wrapped({"f": nn.Linear(8, 5)}, lambda m, x: x @ m.f.weight.t()), (8,),
    ),
    "unused branch": (
        lambda: Wrapped(
            {"f": nn.Linear(8, 5), "g": nn.Linear(8, 2)}, lambda m, x: (m.g(x), m.f(x))[1]
        ),
        (8,),
    ),
}  # fmt: skip


def _check(path, module, shape):
    model = load_model(path)
    dtype = next(module.parameters()).dtype
    inputs = torch.randn(50, *shape, generator=torch.Generator().manual_seed(3)).to(dtype) * 3
    with torch.no_grad():
        expected = module(inputs).numpy()
    assert model.graph.input.shape == shape
    assert model.graph.output.shape == expected.shape[1:]
    np.testing.assert_allclose(
        evaluate(model.graph, inputs.numpy()), expected, atol=2e-6, rtol=1e-6
    )
    return model


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_graph_computes_what_torch_computes(tmp_path, name, batch):
    build, shape = NETWORKS[name]
    module = seeded(build)
    example = torch.zeros(batch, *shape, dtype=next(module.parameters()).dtype)
    _check(write_export(tmp_path / "m.pt", module, example), module, shape)


@pytest.mark.parametrize("name", ["mlp", "softmax", "in place", "batch norm", "matrix product"])
def test_decomposed_files_are_read(tmp_path, name):
    build, shape = NETWORKS[name]
    module = seeded(build)
    path = write_export(tmp_path / "m.pt", module, torch.zeros(1, *shape), decompose=True)
    _check(path, module, shape)


@pytest.mark.parametrize("name", ["mlp", "views", "flatten"])
def test_a_dynamic_batch_is_read(tmp_path, name):
    build, shape = NETWORKS[name]
    module = seeded(build)
    batch = {0: torch.export.Dim("batch")}
    shapes = {"inputs": (batch,)} if isinstance(module, Wrapped) else (batch,)
    path = write_export(tmp_path / "m.pt", module, torch.zeros(2, *shape), dynamic_shapes=shapes)
    _check(path, module, shape)


def test_names_are_canonical_and_sources_are_module_paths(tmp_path):
    module = seeded(lambda: Wrapped({"net": mlp()}, lambda m, x: m.net(x)))
    graph = load_model(write_export(tmp_path / "m.pt", module, torch.zeros(1, 64))).graph
    names = ["linear0", "clamp0", "identity0", "linear1", "clamp1", "linear2"]
    assert [node.name for node in graph.nodes] == names
    assert [node.source for node in graph.nodes] == [f"net.{i}" for i in range(6)]
    assert [t.name for t in graph.tensors] == ["input", "t1", "t2", "t3", "t4", "t5", "t6"]
    assert (graph.inputs, graph.outputs) == (("input",), ("t6",))
    assert graph.nodes[1].op == Clamp(0.0, float("inf"))


def _first_linear(path):
    op = load_model(path).graph.nodes[0].op
    assert isinstance(op, Linear)
    return op


def test_weights_are_kept_as_stored(tmp_path):
    module = tiny()
    op = _first_linear(write_export(tmp_path / "m", module, torch.zeros(1, 3)))
    assert op.weight.dtype == np.float32
    np.testing.assert_array_equal(op.weight, module[0].get_parameter("weight").detach().numpy())
    np.testing.assert_array_equal(op.bias, module[0].get_parameter("bias").detach().numpy())


def test_weights_that_share_a_strided_buffer_are_read(tmp_path):
    module = tiny()
    buffer = torch.arange(40.0)
    module[0].weight = nn.Parameter(buffer.as_strided((4, 3), (1, 7), 2))
    op = _first_linear(write_export(tmp_path / "m", module, torch.zeros(1, 3)))
    np.testing.assert_array_equal(op.weight, module[0].get_parameter("weight").detach().numpy())


def test_batch_norm_is_folded_in_float64(tmp_path):
    module = seeded(lambda: nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 2)))
    op = load_model(write_export(tmp_path / "m.pt", module, torch.zeros(1, 4))).graph.nodes[0].op
    assert isinstance(op, Affine)
    variance = module[0].get_buffer("running_var").double().numpy()
    np.testing.assert_array_equal(op.scale, 1.0 / np.sqrt(variance + 1e-5))


def test_dropout_saved_in_training_mode_is_ignored_with_a_warning(tmp_path):
    module = mlp().train()
    model = load_model(write_export(tmp_path / "m.pt", module, torch.zeros(1, 64)))
    (warning,) = model.metadata.warnings
    assert warning.startswith("2 was saved in training mode")


def test_metadata_of_a_plain_file(tmp_path):
    path = write_export(tmp_path / "m.pt", tiny(), torch.zeros(1, 3))
    metadata = load_model(str(path)).metadata
    assert metadata.source_name == "m.pt"
    assert metadata.source_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert metadata.producer == f"torch {torch.__version__}"
    assert (metadata.input_range, metadata.labels, metadata.calibration) == (None, None, None)
    assert metadata.warnings == ()


def test_reading_imports_no_training_framework(tmp_path):
    path = write_export(tmp_path / "m.pt", tiny(), torch.zeros(1, 3))
    code = (
        "import sys; from pyexport.frontends import load_model; load_model(sys.argv[1]); "
        "print([m for m in ('torch', 'sklearn', 'scipy', 'onnx', 'pickle5') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
