"""PyTorch's own ONNX exports of the example networks are the same function as their .pt2 files."""

import logging
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from onnxruntime import InferenceSession

from pyexport.frontends import load_model
from pyexport.frontends.loading import parse_pt2
from pyexport.ir import Graph
from pyexport.layout import to_device, to_user
from pyexport.passes import run_passes
from pyexport.reference import forward
from tests.frontends.models import export_bytes, seeded
from tests.frontends.operator_nets import NETS


def export(module: torch.nn.Module, example: torch.Tensor, path: Path, **options: object) -> Path:
    """Write what torch.onnx.export writes, without its messages."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (example,), path, verbose=False, **options)
    return path


def outputs(graph: Graph, rows: np.ndarray) -> np.ndarray:
    """Return what the graph behind the passes gives for rows in the user's order."""
    rewritten = run_passes(graph)
    y = forward(rewritten, to_device(rows, rewritten.input))
    return to_user(y, rewritten.output)


@pytest.mark.parametrize("name", NETS)
def test_an_onnx_export_is_the_same_function_as_the_pt2(name: str, tmp_path: Path) -> None:
    build, shape = NETS[name]
    module, example = seeded(build), torch.zeros(1, *shape)
    path = export(module, example, tmp_path / "net.onnx", external_data=False)
    rows = np.random.default_rng(5).normal(size=(6, *shape)).astype(np.float32)
    from_onnx = outputs(load_model(path).graph, rows)
    from_pt2 = outputs(parse_pt2(export_bytes(module, example), "m", "m").graph, rows)
    size = float(np.abs(from_pt2).max())
    assert np.abs(from_onnx.reshape(from_pt2.shape) - from_pt2).max() <= 1e-6 * max(size, 1.0)
    session = InferenceSession(path.read_bytes())
    (source,) = session.get_inputs()
    expected = np.concatenate([session.run(None, {source.name: row[None]})[0] for row in rows])
    assert np.abs(from_onnx.reshape(expected.shape) - expected).max() <= 1e-5 * max(size, 1.0)


def test_a_dynamic_batch_and_external_data_change_nothing(tmp_path: Path) -> None:
    build, shape = NETS["lenet"]
    module, example = seeded(build), torch.zeros(2, *shape)
    plain = export(module, example[:1], tmp_path / "plain.onnx", external_data=False)
    apart = export(
        module, example, tmp_path / "apart.onnx", external_data=True,
        dynamic_shapes=({0: torch.export.Dim("n")},),
    )  # fmt: skip
    assert (tmp_path / "apart.onnx.data").exists()
    one, other = load_model(plain).graph, load_model(apart).graph
    for a, b in zip(one.nodes, other.nodes, strict=True):
        assert type(a.op) is type(b.op)
        for field in ("weight", "bias"):
            if hasattr(a.op, field):
                assert np.array_equal(getattr(a.op, field), getattr(b.op, field))


def test_a_mlp_has_the_parameters_of_its_pt2_file(tmp_path: Path) -> None:
    """Without BatchNorm, which PyTorch folds in float32 while it exports."""
    module = seeded(
        lambda: torch.nn.Sequential(
            torch.nn.Linear(8, 6), torch.nn.ReLU(), torch.nn.Dropout(), torch.nn.Linear(6, 3),
            torch.nn.Softmax(-1),
        )
    )  # fmt: skip
    example = torch.zeros(1, 8)
    path = export(module, example, tmp_path / "net.onnx", external_data=False)
    one = run_passes(load_model(path).graph)
    other = run_passes(parse_pt2(export_bytes(module, example), "m", "m").graph)
    assert one.tensors == other.tensors
    assert [(n.name, n.inputs, n.outputs, n.source) for n in one.nodes] == [
        (n.name, n.inputs, n.outputs, n.source) for n in other.nodes
    ]
    for a, b in zip(one.nodes, other.nodes, strict=True):
        if hasattr(a.op, "weight"):
            assert np.array_equal(a.op.weight, b.op.weight)
            assert np.array_equal(a.op.bias, b.op.bias)
