"""Models that cannot be exported end in one line that names the file, the place and the way out."""

import pytest
import torch
from torch import nn

from pyexport.errors import (
    FileFormatError,
    InvalidModelError,
    PyexportError,
    UnsupportedModelError,
    UnsupportedOperatorError,
)
from pyexport.frontends import load_model
from pyexport.pipeline import ExportOptions, export_model
from tests.frontends.models import Wrapped, seeded, tiny, write_export


def refusal(path) -> PyexportError:
    """Return the error of reading a file, after checking what every error must have."""
    with pytest.raises(PyexportError) as caught:
        load_model(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) < 600
    assert __file__ not in message
    return caught.value


def function(forward, **layers: nn.Module) -> Wrapped:
    return seeded(lambda: Wrapped(layers, forward))


@pytest.mark.parametrize(
    ("layer", "operator", "advice"),
    [
        (nn.GroupNorm(2, 4), "aten.group_norm.default", "use BatchNorm"),
        (nn.Hardshrink(), "aten.hardshrink.default", "use one of relu"),
        (nn.GLU(), "aten.glu.default", "use one of relu"),
        (nn.Threshold(0.1, 20), "aten.threshold.default", "use one of relu"),
        (nn.ReLU(), "", ""),
    ],
)
def test_unsupported_operator_names_its_module_and_the_way_out(tmp_path, layer, operator, advice):
    net = nn.Sequential(nn.Linear(4, 4), layer)
    module = function(lambda m, x: m.net(x), net=net)
    path = write_export(tmp_path / "model.pt", module, torch.zeros(1, 4))
    if not operator:
        assert load_model(path).graph.output.shape == (4,)
        return
    error = refusal(path)
    assert isinstance(error, UnsupportedOperatorError)
    assert f"{operator} at net.1 ({type(layer).__name__})" in str(error)
    assert advice in str(error)


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (lambda m, x: m.f(x) / x, "aten.div.Tensor at the model's forward()"),
        (lambda m, x: torch.logsumexp(m.f(x), -1, True), "end the model at its logits"),
        (lambda m, x: m.f(x) ** 3, "apply it to the data before the model"),
        (lambda m, x: 1 / m.f(x), "aten.reciprocal.default"),
        (lambda m, x: m.f.bias / m.f(x), "aten.div.Tensor at the model's forward()"),
        (lambda m, x: m.f(x.t()), "aten.t.default"),
        (lambda m, x: nn.functional.linear(x, x), "computed, not a stored parameter"),
        (lambda m, x: torch.clamp(x, max=x), "aten.clamp.Tensor"),
        (lambda m, x: torch.addmm(m.f.bias, x, m.f.weight, beta=2), "beta other than 1; multiply"),
    ],
)
def test_unsupported_function_is_named(tmp_path, forward, message):
    module = function(forward, f=nn.Linear(4, 4))
    error = refusal(write_export(tmp_path / "model.pt", module, torch.zeros(4, 4)))
    assert isinstance(error, UnsupportedOperatorError)
    assert message in str(error)


@pytest.mark.parametrize(
    ("forward", "example", "message"),
    [
        (lambda m, x: [m.f(x)] * 2, torch.zeros(1, 4), "returns one tensor twice"),
        (lambda m, x: m.f(x).softmax(0), torch.zeros(1, 4), "works along the batch"),
        (lambda m, x: m.f(x).mean(), torch.zeros(1, 4), "aten.mean.default"),
        (lambda m, x: x, torch.zeros(1, 4), "no layer"),
        (lambda m, x: m.f.weight, torch.zeros(1, 4), "constant"),
        (lambda m, x: m.f(x), torch.zeros(4), "torch.zeros(1, 64)"),
        (lambda m, x: m.f(x.float()), torch.zeros(1, 4, dtype=torch.uint8), "is uint8"),
        (lambda m, x: m.f(x.view(-1, 4)), torch.zeros(1, 8), "drops the batch dimension"),
        (lambda m, x: m.f(x).flatten(0), torch.zeros(1, 4), "drops the batch dimension"),
        (lambda m, x: m.f(x).double(), torch.zeros(1, 4), "converts to float64"),
        (lambda m, x: (m.f(x).relu_(), x)[0], torch.zeros(1, 4), ""),
        (lambda m, x: _relu_on_a_view(m.f(x)), torch.zeros(1, 4), "in-place"),
    ],
)
def test_unsupported_model_says_why(tmp_path, forward, example, message):
    module = function(forward, f=nn.Linear(4, 4))
    path = write_export(tmp_path / "model.pt", module, example)
    if not message:
        assert load_model(path).graph.output.shape == (4,)
        return
    error = refusal(path)
    assert isinstance(error, UnsupportedModelError)
    assert message in str(error)


def _relu_on_a_view(x):
    """Return a tensor that was changed through another name."""
    x.view(1, 2, 2).relu_()
    return x


def test_in_place_operator_on_a_name_that_is_read_again_means_the_new_value(tmp_path):
    def forward(m, x):
        y = m.f(x)
        nn.functional.relu(y, inplace=True)
        return y

    module = function(forward, f=nn.Linear(4, 4))
    graph = load_model(write_export(tmp_path / "m", module, torch.zeros(1, 4))).graph
    assert [node.name for node in graph.nodes] == ["linear0", "clamp0"]


def test_inputs_of_several_batches_are_refused(tmp_path):
    module = function(lambda m, x, y: m.f(x) + y.mean(0), f=nn.Linear(4, 4))
    error = refusal(write_export(tmp_path / "m.pt", module, torch.zeros(1, 4), torch.zeros(2, 4)))
    assert isinstance(error, UnsupportedModelError)
    assert "batches of 1, 2" in str(error)


def test_several_inputs_are_read_and_exported_under_their_names(tmp_path):
    module = function(lambda m, x, y: m.f(x) + y, f=nn.Linear(4, 4))
    model = load_model(write_export(tmp_path / "m.pt", module, torch.zeros(1, 4), torch.ones(1, 4)))
    assert model.graph.inputs == ("input0", "input1")
    assert model.inputs == ("inputs_0", "inputs_1")
    exported = export_model(model, ExportOptions("m", input_range=(0.0, 1.0)))
    assert exported.artifact.graph.inputs == ("inputs_0", "inputs_1")


def test_symbolic_shape_is_refused(tmp_path):
    module = function(lambda m, x: x.relu(), f=nn.Linear(4, 4))
    shapes = {"inputs": ({1: torch.export.Dim("width")},)}
    path = write_export(tmp_path / "model.pt", module, torch.zeros(1, 4), dynamic_shapes=shapes)
    error = refusal(path)
    assert isinstance(error, UnsupportedModelError)
    assert "dimension 1 is symbolic" in str(error)


def test_batch_norm_in_training_mode_is_refused(tmp_path):
    module = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)).train()
    error = refusal(write_export(tmp_path / "model.pt", module, torch.zeros(2, 4)))
    assert isinstance(error, InvalidModelError)
    assert "at 1 (BatchNorm1d) is in training mode; call model.eval()" in str(error)


def test_decomposed_batch_norm_in_training_mode_is_refused(tmp_path):
    module = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)).train()
    path = write_export(tmp_path / "model.pt", module, torch.zeros(2, 4), decompose=True)
    assert "model.eval()" in str(refusal(path))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([float("nan")] * 3, "0.weight has 3 NaN values"),
        ([float("inf")], "0.weight has 1 infinite value;"),
        ([float("nan"), float("-inf")], "0.weight has 1 NaN value;"),
    ],
)
def test_weights_that_are_not_finite_are_refused_by_name(tmp_path, values, message):
    module = tiny()
    with torch.no_grad():
        module[0].get_parameter("weight").view(-1)[: len(values)] = torch.tensor(values)
    error = refusal(write_export(tmp_path / "model.pt", module, torch.zeros(1, 3)))
    assert isinstance(error, InvalidModelError)
    assert message in str(error)


def test_batch_norm_with_a_negative_variance_is_refused(tmp_path):
    module = nn.Sequential(nn.BatchNorm1d(4)).eval()
    module[0].get_buffer("running_var").fill_(-1.0)
    error = refusal(write_export(tmp_path / "model.pt", module, torch.zeros(1, 4)))
    assert isinstance(error, InvalidModelError)


@pytest.mark.parametrize("name", ["missing.pt", "no/such/folder/model.pt", "bad\0name.pt"])
def test_a_missing_file_is_one_line(tmp_path, name):
    with pytest.raises(FileFormatError, match=r"does not exist|cannot be read") as caught:
        load_model(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_directory_is_one_line(tmp_path):
    assert "a directory" in str(refusal(tmp_path))


def test_a_device_is_one_line():
    with pytest.raises(FileFormatError, match="not a regular file"):
        load_model("/dev/zero")


def test_a_file_over_the_limit_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("pyexport.frontends.loading.MAX_MODEL_BYTES", 10)
    path = tmp_path / "model.pt"
    path.write_bytes(b"x" * 11)
    assert "over the limit" in str(refusal(path))
