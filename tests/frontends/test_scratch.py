"""A checkpoint of the scratch engine gives the same export as the same weights in PyTorch."""

import subprocess
import sys
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import pyexport
from pyexport.artifact import read_artifact
from pyexport.errors import InvalidModelError
from pyexport.frontends import load_model
from pyexport.frontends.sniff import identify
from pyexport.pipeline import ExportOptions, export_model
from pyexport.scratch.checkpoint import Checkpoint, LayerRecord
from pyexport.scratch.checkpoint_writer import save_checkpoint, write_checkpoint
from pyexport.scratch.kinds import KINDS
from pyexport.tensorfile import read_tensorfile
from tests.frontends.models import evaluate
from tests.scratch.checkpoints import linear, small

ROOT = Path(__file__).resolve().parent.parent.parent


def torch_twin(checkpoint: Checkpoint) -> nn.Sequential:
    """Return the network in PyTorch, its weights rounded to float32."""
    layers: list[nn.Module] = []
    for record in checkpoint.graph:
        if record.kind == "linear":
            layer = nn.Linear(int(record.numbers["inputs"]), int(record.numbers["outputs"]))
            with torch.no_grad():
                layer.weight.copy_(torch.tensor(record.weight, dtype=torch.float32))
                layer.bias.copy_(torch.tensor(record.bias, dtype=torch.float32))
            layers.append(layer)
        else:
            kinds = {"relu": nn.ReLU, "softmax": lambda: nn.Softmax(dim=1)}
            make = kinds.get(record.kind, lambda: nn.Dropout(0.25))
            layers.append(make())
    return nn.Sequential(*layers).eval()


def statements(checkpoint: Checkpoint) -> dict:
    assert checkpoint.calibration is not None
    assert checkpoint.evaluation is not None
    return {
        "input_range": checkpoint.statements.input_range,
        "input_unit": checkpoint.statements.input_unit,
        "labels": checkpoint.statements.labels,
        "calibration": np.array([list(row) for row in checkpoint.calibration.inputs]),
        "evaluation": (
            np.array([list(row) for row in checkpoint.evaluation.inputs]),
            np.array(checkpoint.evaluation.targets),
        ),
    }


def scaling(factor: float) -> nn.BatchNorm1d:
    """Return a layer that multiplies six inputs by a factor."""
    layer = nn.BatchNorm1d(6, eps=0.0)  # of mean 0 and variance 1
    with torch.no_grad():
        layer.weight.fill_(factor)
    return layer


@pytest.mark.parametrize("scheme", ["int8", "float32"])
@pytest.mark.parametrize("ending", [(), (LayerRecord("softmax"),)])
def test_scratch_and_pytorch_export_the_same(tmp_path, scheme, ending):
    checkpoint = small(graph=(*small().graph, *ending))
    compare_exports(tmp_path, checkpoint, torch_twin(checkpoint), scheme)


@pytest.mark.parametrize("scheme", ["int8", "float32"])
@pytest.mark.parametrize("scale", [1 / 16, 1 / 256, 3.0, float(np.float32(1 / 255))])
def test_scratch_and_pytorch_export_the_same_at_every_input_scale(tmp_path, scheme, scale):
    checkpoint = small(input_scale=scale)
    layers = torch_twin(checkpoint).named_children()  # these names are in the header
    twin = nn.Sequential(OrderedDict([("scale", scaling(scale)), *layers])).eval()
    compare_exports(tmp_path, checkpoint, twin, scheme)


@pytest.mark.parametrize("scheme", ["int8", "float32"])
def test_an_input_scale_is_as_good_as_weights_times_it(tmp_path, scheme):
    checkpoint = small(input_scale=1 / 16)
    twin = torch_twin(checkpoint)
    with torch.no_grad():
        twin[0].weight *= 1 / 16  # exact: a power of two
    compare_exports(tmp_path, checkpoint, twin, scheme)


def compare_exports(tmp_path: Path, checkpoint: Checkpoint, twin: nn.Module, scheme: str) -> None:
    save_checkpoint(checkpoint, tmp_path / "scratch.pt")
    pyexport.save(twin, torch.zeros(1, 6), tmp_path / "torch.pt", **statements(checkpoint))
    files = {}
    for kind in ("scratch", "torch"):
        pyexport.export(tmp_path / f"{kind}.pt", tmp_path / kind, "net", scheme=scheme)
        files[kind] = tmp_path / kind / "net"
    ours, theirs = (
        read_tensorfile(path.with_suffix(".px").read_bytes(), "f")[1] for path in files.values()
    )
    assert {n: (t.dtype, t.shape, bytes(t.data)) for n, t in ours.items()} == {
        n: (t.dtype, t.shape, bytes(t.data)) for n, t in theirs.items()
    }
    headers = [path.with_suffix(".h").read_text().splitlines() for path in files.values()]
    differing = [ours for ours, theirs in zip(*headers, strict=True) if ours != theirs]
    assert [line.split()[1] for line in differing] == ["python", "source", "sha256"]
    identities = {read_artifact(path.with_suffix(".px")).identity for path in files.values()}
    assert len(identities) == 1


def test_the_graph_computes_the_network():
    checkpoint = small(graph=(*small().graph, LayerRecord("softmax")), input_scale=0.5)
    inputs = np.random.default_rng(1).uniform(0, 16, size=(50, 6)).astype(np.float32)
    with torch.no_grad():
        expected = torch_twin(checkpoint)(torch.from_numpy(inputs * np.float32(0.5))).numpy()
    graph = _load(checkpoint).graph
    np.testing.assert_allclose(evaluate(graph, inputs), expected, rtol=1e-5, atol=1e-6)


def _load(checkpoint: Checkpoint) -> pyexport.ir.Model:
    from pyexport.frontends.scratch import load_scratch

    return load_scratch(write_checkpoint(checkpoint), "model.pt", "model.pt")


def test_statements_come_with_the_network():
    metadata = _load(small()).metadata
    assert metadata.input_range == (0.0, 16.0)
    assert metadata.input_unit == "pixel"
    assert metadata.labels == ("no", "yes", "perhaps")
    assert metadata.calibration is not None
    assert metadata.calibration.inputs.shape == (8, 6)
    assert metadata.evaluation is not None
    assert metadata.evaluation.targets is not None
    assert metadata.producer == "pyexport scratch"


def test_rows_of_floats_come_with_the_network():
    from pyexport.scratch.checkpoint import Rows

    model = _load(small(calibration=Rows([[0.5, 1, 2, 3, 4, 5.25]])))
    assert model.metadata.calibration is not None
    assert model.metadata.calibration.inputs.tolist() == [[0.5, 1, 2, 3, 4, 5.25]]


def test_a_checkpoint_is_recognized_by_content_under_any_name(tmp_path):
    save_checkpoint(small(), tmp_path / "weights.bin")
    assert load_model(tmp_path / "weights.bin").graph.output.shape == (3,)
    assert identify(write_checkpoint(small()), "f").kind == "scratch"


@pytest.mark.parametrize("kind", ["leaky_relu", "sigmoid", "tanh"])
def test_a_curve_is_read_and_exported_as_a_table(kind):
    numbers = {"slope": 0.01} if kind == "leaky_relu" else {}
    layers = (linear(6, 3, 1), LayerRecord(kind, numbers), linear(3, 3, 2))
    model = _load(small(graph=layers))
    node = model.graph.nodes[1]
    assert (node.op.function, node.op.parameters, node.source) == (
        kind,
        tuple(numbers.values()),
        "1",
    )
    kinds = [step.kernel for step in export_model(model, ExportOptions("m")).program.steps]
    assert kinds[1] == "table_u8"


@pytest.mark.parametrize(
    "kind",
    [name for name, kind in KINDS.items() if name != "linear" and not kind.choices],
)
def test_every_kind_of_layer_is_lowered(kind):
    record = LayerRecord(kind, dict.fromkeys(KINDS[kind].numbers, 0.25))
    graph = _load(small(graph=(linear(6, 3, 1), record))).graph
    assert graph.output.shape == (3,)


def test_a_weight_that_float32_cannot_hold_is_refused():
    record = replace(linear(6, 3, 1), bias=[0.0, 1e39, 0.0])
    with pytest.raises(InvalidModelError, match=r"0\.bias has 1 infinite value"):
        _load(small(graph=(record,)))


def test_a_scratch_model_is_read_without_pytorch(tmp_path):
    save_checkpoint(small(), tmp_path / "model.pt")
    code = (
        "import sys; from pyexport.frontends import load_model\n"
        "load_model(sys.argv[1])\n"
        "assert 'torch' not in sys.modules and 'sklearn' not in sys.modules"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "model.pt")]
    subprocess.run(command, check=True, cwd=ROOT)
