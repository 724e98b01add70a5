"""Every adapter gives the same outputs and the gradient that finite differences give."""

from __future__ import annotations

import numpy as np
import pytest

from pyexport.gradients import ValueAndGradient, of_graph, of_scratch, of_torch, without_softmax
from pyexport.ir import Graph, Linear, Node, Softmax, Tensor
from pyexport.scratch import MLP, Sequential
from pyexport.scratch import Linear as ScratchLinear
from pyexport.scratch import Softmax as ScratchSoftmax

SIZES = (5, 7, 3)


def scratch(engine: str, *more: object) -> Sequential:
    net = MLP(*SIZES, seed=3, engine=engine)
    for number, layer in enumerate(net.linears):
        layer.load(layer.weight, [0.1 * (i - number) for i in range(layer.n_out)])
    return net


def graph() -> Graph:
    first, second = scratch("lists").linears
    tensors = tuple(Tensor(n, (s,)) for n, s in zip("xhy", SIZES, strict=True))
    nodes = (
        Node("a", Linear(np.array(first.weight), np.array(first.bias), low=0.0), ("x",), ("h",)),
        Node("b", Linear(np.array(second.weight), np.array(second.bias)), ("h",), ("y",)),
    )
    return Graph(tensors, nodes, ("x",), ("y",))


def torch_module() -> object:
    torch = pytest.importorskip("torch")
    first, second = scratch("lists").linears
    module = torch.nn.Sequential(
        torch.nn.Linear(5, 7), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Linear(7, 3)
    ).double()
    with torch.no_grad():
        for layer, source in ((module[0], first), (module[3], second)):
            layer.weight.copy_(torch.tensor(source.weight, dtype=torch.float64))
            layer.bias.copy_(torch.tensor(source.bias, dtype=torch.float64))
    return module


ADAPTERS = {
    "graph": lambda: of_graph(graph()),
    "torch": lambda: of_torch(torch_module()),
    "lists": lambda: of_scratch(scratch("lists")),
    "value": lambda: of_scratch(scratch("value")),
}


def rows() -> np.ndarray:
    return np.random.default_rng(4).uniform(-1.0, 1.0, size=(6, 5))


def squares(outputs: np.ndarray) -> np.ndarray:
    """The derivative of sum(outputs ** 3)."""
    return 3.0 * outputs**2


@pytest.mark.parametrize("name", ADAPTERS)
def test_the_gradient_is_that_of_finite_differences(name: str) -> None:
    model: ValueAndGradient = ADAPTERS[name]()
    x, step = rows(), 1e-6
    outputs, gradient = model(x, squares)
    assert outputs.shape == (6, 3) and gradient.shape == x.shape
    for i in range(5):
        moved = x.copy()
        moved[:, i] += step
        above = model(moved, squares)[0]
        moved[:, i] -= 2 * step
        below = model(moved, squares)[0]
        slope = ((above**3).sum(axis=1) - (below**3).sum(axis=1)) / (2 * step)
        np.testing.assert_allclose(gradient[:, i], slope, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", ADAPTERS)
def test_all_adapters_agree(name: str) -> None:
    wanted = ADAPTERS["graph"]()(rows(), squares)
    found = ADAPTERS[name]()(rows(), squares)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ADAPTERS)
def test_every_row_has_a_goal_of_its_own(name: str) -> None:
    seeds = np.eye(3)[np.arange(6) % 3]
    _, together = ADAPTERS[name]()(rows(), lambda outputs: seeds)
    for one in range(6):
        alone = ADAPTERS[name]()(rows()[one : one + 1], lambda y, one=one: seeds[one : one + 1])[1]
        np.testing.assert_allclose(together[one : one + 1], alone, rtol=1e-6)


def test_a_module_is_asked_in_evaluation_mode_and_left_in_its_own() -> None:
    module = torch_module()
    module.train()
    first, second = (of_torch(module)(rows(), squares)[0] for _ in range(2))
    assert (first == second).all() and module.training


def test_a_last_softmax_is_left_out() -> None:
    whole = graph()
    tensors = (*whole.tensors, Tensor("p", (3,)))
    nodes = (*whole.nodes, Node("s", Softmax(), ("y",), ("p",)))
    ended = Graph(tensors, nodes, ("x",), ("p",))
    assert without_softmax(ended).outputs == ("y",)
    wanted = of_graph(whole)(rows(), squares)
    for one, other in zip(of_graph(ended)(rows(), squares), wanted, strict=True):
        assert (one == other).all()


def test_a_scratch_network_that_ends_in_softmax_gives_its_logits() -> None:
    layers = (ScratchLinear(5, 3), ScratchSoftmax())
    net = Sequential(*layers, seed=1, engine="lists")
    outputs, _ = of_scratch(net)(rows(), squares)
    assert abs(outputs.sum(axis=1) - 1.0).min() > 1e-3
    assert abs(sum(net(rows()[0].tolist())) - 1.0) < 1e-9
