"""Single operators of torch.export: arguments, aliases, attributes, and what is refused of them."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from pyexport.errors import PyexportError, UnsupportedModelError
from pyexport.frontends import load_model
from pyexport.ir import Conv2d, Linear, Lstm
from pyexport.layout import to_device, to_user
from pyexport.passes import run_passes
from pyexport.reference import evaluate, forward
from tests.frontends.models import Wrapped, seeded, write_export

IMAGE = (3, 6, 8)
SERIES = (3, 12)


def net(function, **layers):
    return seeded(lambda: Wrapped(layers, lambda m, *x: function(m, *x)))


def loaded(tmp_path, module, *examples, **options):
    return load_model(write_export(tmp_path / "m.pt", module, *examples, **options)).graph


FUNCTIONS = {
    "same padding": (lambda m, x: m.c(x), IMAGE, {"c": nn.Conv2d(3, 4, (3, 2), padding="same")}),
    "valid padding": (lambda m, x: m.c(x), SERIES, {"c": nn.Conv1d(3, 4, 3, padding="valid")}),
    "groups": (lambda m, x: m.c(x), IMAGE, {"c": nn.Conv2d(3, 6, 3, groups=3, bias=False)}),
    "transposed": (
        lambda m, x: m.c(x), IMAGE, {"c": nn.ConvTranspose2d(3, 6, (3, 2), 2, 1, groups=3)},
    ),
    "transposed series": (
        lambda m, x: m.c(x), SERIES, {"c": nn.ConvTranspose1d(3, 2, 4, 3, 1, output_padding=1)},
    ),
    "max pool": (lambda m, x: functional.max_pool2d(x, 3, 2, 1, ceil_mode=True), IMAGE, {}),
    "max pool of a series": (lambda m, x: functional.max_pool1d(x, 3, 2), SERIES, {}),
    "average pool": (
        lambda m, x: functional.avg_pool2d(x, (2, 3), (1, 2), (1, 1), True, False), IMAGE, {},
    ),
    "average pool of a series": (lambda m, x: functional.avg_pool1d(x, 4, 2, 1), SERIES, {}),
    "adaptive pool": (lambda m, x: functional.adaptive_avg_pool2d(x, (3, 4)), IMAGE, {}),
    "adaptive max pool": (lambda m, x: functional.adaptive_max_pool2d(x, (2, 2)), IMAGE, {}),
    "adaptive pool of a series": (lambda m, x: functional.adaptive_avg_pool1d(x, 4), SERIES, {}),
    "global max pool": (lambda m, x: functional.adaptive_max_pool1d(x, 1), SERIES, {}),
    "upsample": (lambda m, x: functional.interpolate(x, scale_factor=(2, 3)), IMAGE, {}),
    "upsample to a size": (lambda m, x: functional.interpolate(x, size=24), SERIES, {}),
    "prelu of channels": (lambda m, x: m.p(x), IMAGE, {"p": nn.PReLU(3)}),
    "prelu": (lambda m, x: m.p(x), IMAGE, {"p": nn.PReLU()}),
    "selu": (lambda m, x: functional.selu(x), SERIES, {}),
    "elu": (lambda m, x: functional.elu(x, 0.7), SERIES, {}),
    "celu": (lambda m, x: functional.celu(x, 1.0), SERIES, {}),
    "gelu": (lambda m, x: functional.gelu(x) + functional.gelu(x, approximate="tanh"), SERIES, {}),
    "softplus": (lambda m, x: functional.softplus(x, 2.0, 5.0), SERIES, {}),
    "curves": (
        lambda m, x: functional.hardswish(x) + functional.hardsigmoid(x) * torch.tanh(x)
        - functional.mish(x) + functional.logsigmoid(x) + x.abs() + torch.exp(-x.abs()),
        SERIES, {},
    ),
    "batch norm of a series": (lambda m, x: m.b(x), SERIES, {"b": nn.BatchNorm1d(3)}),
    "layer norm": (lambda m, x: m.n(x), IMAGE, {"n": nn.LayerNorm((6, 8))}),
    "layer norm without weights": (
        lambda m, x: m.n(x), SERIES, {"n": nn.LayerNorm(12, elementwise_affine=False)},
    ),
    "softmax of channels": (lambda m, x: x.softmax(1), IMAGE, {}),
    "log softmax": (lambda m, x: x.log_softmax(-1), IMAGE, {}),
    "mean": (lambda m, x: x.mean((-1, 2)), IMAGE, {}),
    "sum": (lambda m, x: x.sum(1, keepdim=True), IMAGE, {}),
    "max": (lambda m, x: x.max(dim=2)[0], IMAGE, {}),
    "linear on rows": (lambda m, x: m.f(x), SERIES, {"f": nn.Linear(12, 5)}),
    "linear on an image": (lambda m, x: m.f(x), IMAGE, {"f": nn.Linear(8, 5)}),
    "concat": (lambda m, x: torch.cat([x, x.relu(), -x], dim=-1), IMAGE, {}),
    "stack": (lambda m, x: torch.stack([x, x.relu()], dim=2), SERIES, {}),
    "pad": (lambda m, x: functional.pad(x, (1, 2, 0, 3), value=0.5), IMAGE, {}),
    "slices": (lambda m, x: x[:, 1:, ::2, -3:] * x[:, :1, 1:2, 2:5], IMAGE, {}),
    "select": (lambda m, x: x[:, 1] + x[:, -1], IMAGE, {}),
    "narrow": (lambda m, x: x.narrow(2, 3, 4), SERIES, {}),
    "split": (lambda m, x: torch.cat(x.split(5, dim=2)[::-1], 2), SERIES, {}),
    "split into sizes": (lambda m, x: x.split([2, 10], dim=2)[1], SERIES, {}),
    "chunk": (lambda m, x: x.chunk(3, dim=1)[2] - x.chunk(3, dim=1)[0], IMAGE, {}),
    "unbind": (lambda m, x: x.unbind(1)[1], IMAGE, {}),
    "permute": (lambda m, x: m.f(x.permute(0, 2, 3, 1)), IMAGE, {"f": nn.Linear(3, 2)}),
    "transpose": (lambda m, x: m.f(x.transpose(1, 2)), SERIES, {"f": nn.Linear(3, 2)}),
    "expand of nothing": (lambda m, x: x.expand(-1, 3, 12) * 2.0, SERIES, {}),
    "alpha": (lambda m, x: torch.sub(x, x.relu(), alpha=0.5), SERIES, {}),
    "reversed alpha": (lambda m, x: torch.rsub(x, x.relu(), alpha=2), SERIES, {}),
    "constant image": (lambda m, x: x * m.w.weight[None, :, :, :], (4, 3, 2),
                       {"w": nn.ParameterDict({"weight": torch.randn(4, 3, 2)})}),
    "product of tensors": (lambda m, x: x @ x.transpose(1, 2), SERIES, {}),
    "scalars": (lambda m, x: (2.0 - x / 4.0) * 3.0 + 1.0, IMAGE, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(tmp_path, name):
    function, shape, layers = FUNCTIONS[name]
    module = net(function, **layers)
    graph = loaded(tmp_path, module, torch.zeros(1, *shape))
    x = torch.randn(3, *shape, generator=torch.Generator().manual_seed(1)).double()
    with torch.no_grad():
        expected = module.double()(x).numpy()
    for read in (graph, run_passes(graph)):
        found = to_user(forward(read, to_device(x.numpy(), read.input)), read.output)
        assert np.abs(found.reshape(expected.shape) - expected).max() <= 1e-12 * max(
            1.0, np.abs(expected).max()
        )
    assert graph.output.shape == expected.shape[1:]


@pytest.mark.parametrize(
    ("function", "shape", "layers", "message"),
    [
        (lambda m, x: m.c(x), (2, 4, 4, 4), {"c": nn.Conv3d(2, 2, 3)}, "aten.conv3d.default at c"),
        (lambda m, x: functional.adaptive_avg_pool1d(x, 5), SERIES, {}, "output sizes that divide"),
        (lambda m, x: functional.avg_pool2d(x, 2, divisor_override=3), IMAGE, {}, "divisor_over"),
        (lambda m, x: functional.interpolate(x, size=18), SERIES, {}, "whole scale_factor"),
        (lambda m, x: functional.pad(x, (-1, 0)), SERIES, {}, "has a negative padding"),
        (lambda m, x: functional.pad(x, (1, 1), mode="circular"), SERIES, {}, "m.pt"),
        (lambda m, x: torch.cat([x, x], 0), SERIES, {}, "works along the batch"),
        (lambda m, x: x.expand(2, 3, 12), SERIES, {}, "repeats elements"),
        (lambda m, x: x.transpose(0, 1), SERIES, {}, "moves the batch"),
        (lambda m, x: x.argmax(), SERIES, {}, "name the dimension"),
        (lambda m, x: x.sum((0, 1, 2)), SERIES, {}, "works along the batch"),
        (lambda m, x: x.sum((1, 2)), SERIES, {}, "use keepdim=True"),
        (lambda m, x: m.r(x)[0], SERIES, {"r": nn.LSTM(12, 4)}, "batch_first=True"),
        (lambda m, x: m.r(x)[0], SERIES, {"r": nn.RNN(12, 4, batch_first=True)}, "nn.LSTM or"),
        (
            lambda m, x: m.r(x)[0], SERIES,
            {"r": nn.LSTM(12, 4, batch_first=True, proj_size=2)}, "without proj_size",
        ),
        (lambda m, x: m.r(x)[1] * 2, SERIES, {"r": nn.GRU(12, 4, batch_first=True)}, "e.g. h[-1]"),
        (
            lambda m, x: functional.scaled_dot_product_attention(x, x, x, is_causal=True), SERIES,
            {}, "has a mask",
        ),
        (lambda m, x: functional.max_pool2d(x, 9), IMAGE, {}, ""),
    ],
)  # fmt: skip
def test_an_attribute_without_a_kernel_is_refused_by_name(
    tmp_path, function, shape, layers, message
):
    if not message:  # PyTorch refuses it itself
        with pytest.raises(RuntimeError):
            loaded(tmp_path, net(function, **layers), torch.zeros(1, *shape))
        return
    with pytest.raises(PyexportError) as caught:
        loaded(tmp_path, net(function, **layers), torch.zeros(1, *shape))
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "m.pt"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "function",
    [
        lambda m, x: m.f(x.transpose(0, 1)).transpose(0, 1),
        lambda m, x: m.f(x.permute(1, 2, 0).flatten(1)).unsqueeze(0),
        lambda m, x: m.f(x.squeeze(0)).unsqueeze(0),
    ],
)
def test_a_batch_of_1_may_move_and_come_back(tmp_path, function):
    module = net(function, f=nn.Linear(SERIES[-1], 4))
    x = torch.randn(1, *SERIES)
    graph = loaded(tmp_path, module, x)
    expected = module(x).detach().numpy()
    found = forward(graph, x.numpy()).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_larger_batch_may_not_move(tmp_path):
    module = net(lambda m, x: m.f(x.transpose(0, 1)).transpose(0, 1), f=nn.Linear(SERIES[-1], 4))
    with pytest.raises(UnsupportedModelError, match="moves the batch; keep the first dimension"):
        loaded(tmp_path, module, torch.randn(2, *SERIES))


def test_inputs_and_outputs_are_named_in_order(tmp_path):
    module = net(lambda m, x, y: (m.f(x), m.f(x) * y, y.relu()), f=nn.Linear(4, 4))
    graph = loaded(tmp_path, module, torch.zeros(1, 4), torch.zeros(1, 4))
    assert graph.inputs == ("input0", "input1")
    assert len(graph.outputs) == 3
    x, y = torch.randn(5, 4).double(), torch.randn(5, 4).double()
    graph = run_passes(graph)
    assert graph.outputs == ("output0", "output1", "output2")
    values = evaluate(graph, {"input0": x.numpy(), "input1": y.numpy()})
    with torch.no_grad():
        expected = module.double()(x, y)
    for name, value in zip(graph.outputs, expected, strict=True):
        assert np.abs(values[name] - value.numpy()).max() < 1e-12


def test_states_of_a_recurrent_layer_may_come_in_and_go_out(tmp_path):
    module = net(lambda m, x, h, c: m.r(x, (h, c)), r=nn.LSTM(3, 4, batch_first=True))
    h0, c0 = torch.zeros(1, 1, 4), torch.ones(1, 1, 4)  # two: PyTorch makes one of equal objects

    class Flat(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = module

        def forward(self, x, h, c):
            y, (h, c) = self.inner(x, h, c)
            return y, h, c

    graph = loaded(tmp_path, Flat(), torch.zeros(1, 1, 3), h0, c0)
    assert [graph.tensor(name).shape for name in graph.outputs] == [(1, 4), (4,), (4,)]
    x, h, c = (torch.randn(1, 1, n).double() for n in (3, 4, 4))
    names = dict(zip(graph.inputs, (x, h, c), strict=True))
    values = evaluate(graph, {name: value.numpy() for name, value in names.items()})
    with torch.no_grad():
        expected = Flat().double()(x, h, c)
    for name, value in zip(graph.outputs, expected, strict=True):
        assert np.abs(values[name].ravel() - value.numpy().ravel()).max() < 1e-12


@pytest.mark.parametrize("shape", [(8,), (3, 8)])
def test_a_layer_used_twice_is_one_array(tmp_path, shape):
    module = net(lambda m, x: m.f(m.f(x).relu()), f=nn.Linear(8, 8))
    graph = run_passes(loaded(tmp_path, module, torch.zeros(1, *shape)))
    first, second = (n.op for n in graph.nodes if isinstance(n.op, Linear | Conv2d))
    assert first.weight is second.weight
    assert first.bias is second.bias


def test_tied_parameters_of_two_layers_are_one_array(tmp_path):
    module = net(lambda m, x: m.g(m.f(x)), f=nn.Conv2d(3, 3, 3), g=nn.Conv2d(3, 3, 3))
    module.g.weight = module.f.weight
    graph = run_passes(loaded(tmp_path, module, torch.zeros(1, *IMAGE)))
    first, second = (n.op for n in graph.nodes)
    assert first.weight is second.weight
    assert first.bias is not second.bias


def test_a_recurrent_layer_starts_from_stored_states(tmp_path):
    module = net(
        lambda m, x: m.r(x, (m.p.h, m.p.c))[0], r=nn.LSTM(12, 4, batch_first=True),
        p=nn.ParameterDict({"h": torch.randn(1, 1, 4), "c": torch.randn(1, 1, 4)}),
    )  # fmt: skip
    graph = loaded(tmp_path, module, torch.zeros(1, *SERIES))
    assert isinstance(graph.nodes[-1].op, Lstm)
    x = torch.randn(1, *SERIES).double()
    with torch.no_grad():
        expected = module.double()(x).numpy()
    assert np.abs(forward(graph, x.numpy()) - expected).max() < 1e-12
