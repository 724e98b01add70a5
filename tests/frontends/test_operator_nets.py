"""Convolutional, residual and recurrent networks are read as what PyTorch computes."""

import numpy as np
import pytest
import torch

from pyexport.errors import UnsupportedOperatorError
from pyexport.frontends import load_model
from pyexport.ir import Conv2d
from pyexport.layout import to_device, to_user
from pyexport.passes import run_passes
from pyexport.pipeline import ExportOptions, export_model
from pyexport.reference import value_and_gradient
from tests.frontends.models import seeded, write_export
from tests.frontends.operator_nets import NETS

# What is left of each behind the passes.
KINDS = {
    "lenet": "conv2d max_pool2d conv2d max_pool2d linear linear linear",
    "ds_cnn": "conv2d conv2d conv2d conv2d conv2d reduce linear",
    "resnet8": "conv2d conv2d conv2d add conv2d conv2d conv2d add conv2d conv2d conv2d add "
    "average_pool2d linear",
    "cnn1d": "reshape conv2d max_pool2d conv2d average_pool2d linear",
    "autoencoder": "linear linear linear linear",
    "conv_autoencoder": "conv2d conv2d activation conv_transpose2d upsample2d conv2d activation",
    "lstm": "constant constant lstm slice linear",
    "gru": "constant gru linear",
    "squeeze_excite": "conv2d activation conv2d slice pad concat reduce conv2d conv2d activation "
    "mul reduce linear",
}


def read(tmp_path, name, **options):
    build, shape = NETS[name]
    module = seeded(build)
    path = write_export(tmp_path / "m.pt", module, torch.zeros(1, *shape), **options)
    return module, load_model(path), shape


def compare(module, graph, shape):
    """Assert that outputs and input gradients are those of PyTorch in float64."""
    random = torch.Generator().manual_seed(3)
    x = torch.randn(4, *shape, generator=random).double().requires_grad_()
    expected = module.double()(x)
    seed = torch.randn(expected.shape, generator=random).double()
    (gradient,) = torch.autograd.grad((expected * seed).sum(), x)
    source, sink = graph.input, graph.output
    values, on_input = value_and_gradient(
        graph, to_device(x.detach().numpy(), source), to_device(seed.numpy(), sink)
    )
    for found, tensor, wanted in (
        (values, sink, expected.detach().numpy()),
        (on_input, source, gradient.numpy()),
    ):
        error = np.abs(to_user(found, tensor).reshape(wanted.shape) - wanted).max()
        assert error <= 1e-12 * np.abs(wanted).max()


@pytest.mark.parametrize("name", NETS)
def test_the_graph_and_its_gradient_are_those_of_torch(tmp_path, name):
    module, model, shape = read(tmp_path, name)
    assert model.graph.input.shape == shape
    compare(module, model.graph, shape)


@pytest.mark.parametrize("name", NETS)
def test_the_passes_keep_the_function_and_its_gradient(tmp_path, name):
    module, model, shape = read(tmp_path, name)
    graph = run_passes(model.graph)
    if name in KINDS:
        assert " ".join(node.op.kind for node in graph.nodes) == KINDS[name]
    compare(module, graph, shape)


@pytest.mark.parametrize(
    "name", ["lenet", "ds_cnn", "resnet8", "cnn1d", "conv_autoencoder", "squeeze_excite"]
)
def test_a_decomposed_file_gives_the_same_network(tmp_path, name):
    module, model, shape = read(tmp_path, name, decompose=True)
    graph = run_passes(model.graph)
    if name != "squeeze_excite":  # its SiLU is a product then
        assert " ".join(node.op.kind for node in graph.nodes) == KINDS[name]
    compare(module, graph, shape)


@pytest.mark.parametrize("name", ["resnet8", "cnn1d", "lstm", "gru"])
def test_a_dynamic_batch_gives_the_same_network(tmp_path, name):
    build, shape = NETS[name]
    module = seeded(build)
    wrapped = name in ("lstm", "gru")
    batch = {0: torch.export.Dim("batch")}
    path = write_export(
        tmp_path / "m.pt",
        module,
        torch.zeros(2, *shape),
        dynamic_shapes={"inputs": (batch,)} if wrapped else (batch,),
    )
    compare(module, run_passes(load_model(path).graph), shape)


def test_batch_norm_and_relu6_go_into_depthwise_convolutions(tmp_path):
    _, model, _ = read(tmp_path, "ds_cnn")
    convolutions = [n.op for n in run_passes(model.graph).nodes if isinstance(n.op, Conv2d)]
    assert [op.depthwise for op in convolutions] == [False, True, False, True, False]
    assert {(op.low, op.high) for op in convolutions} == {(0.0, 6.0)}


@pytest.mark.parametrize(
    ("name", "scheme", "message"),
    [
        ("lenet", "float32", "conv2d0 (0): float32 has no kernel for conv2d; use int8"),
        ("tagger", "float32", "constant0 (gru): float32 has no kernel for constant; use int8"),
        ("attention", "float32", "layer_norm0 (norm): float32 has no kernel for layer_norm; use"),
    ],
)
def test_what_has_no_kernel_yet_is_refused_by_name(tmp_path, name, scheme, message):
    _, model, _ = read(tmp_path, name)
    with pytest.raises(UnsupportedOperatorError) as caught:
        export_model(model, ExportOptions("m", scheme=scheme, input_range=(0.0, 1.0)))
    text = str(caught.value)
    assert text.startswith(f"m.pt: {message}")
    assert "\n" not in text
