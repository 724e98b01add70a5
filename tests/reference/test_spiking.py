"""Spiking layers against loops over single neurons, and their surrogate gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from pyexport.ir import Constant, Encode, Graph, Lif, Node, Readout, State, Tensor
from pyexport.operators.spiking import READOUTS
from pyexport.reference import evaluate, value_and_gradient
from pyexport.reference.registry import RULES
from pyexport.reference.spiking import surrogate
from tests.reference.autograd import one_node

MODES = [
    ("subtract", True), ("zero", True), ("none", True),
    ("subtract", False), ("zero", False), ("none", False), ("carry", False),
]  # fmt: skip
STEPS, N = 40, 6


def neurons(reset: str, delay: bool, compare: str = "gt", **more: Any) -> Lif:
    random = np.random.default_rng(3)
    beta, threshold = random.uniform(0.5, 1.0, N), random.uniform(0.4, 1.5, N)
    return Lif(beta, threshold, reset=reset, reset_delay=delay, compare=compare, **more)


def one_neuron(op: Lif, k: int, x: Any) -> tuple[list[float], list[float]]:
    """Spikes and membranes of one neuron, by the sentences of the operator's docstring."""
    beta, th = float(op.beta[k]), float(op.threshold[k])
    alpha = float(op.alpha[k]) if op.alpha.size else 0.0

    def fired(u: float) -> int:
        return int(u > th) if op.compare == "gt" else int(u >= th)

    u, i, wait, spikes, membranes = 0.0, 0.0, 0, [], []
    for value in x:
        i = alpha * i + value if op.alpha.size else value
        spike = 0
        if wait:
            wait -= 1
        elif op.reset_delay:
            r = fired(u)
            kept = (1 - r) * u if op.reset == "zero" else u
            u = beta * kept + i - (r * th if op.reset == "subtract" else 0.0)
            if r and op.reset == "zero" and op.alpha.size:  # the current is lost, too
                u = 0.0
            spike = fired(u)
        elif op.reset == "carry":
            r = fired(u)
            u = beta * u + i - r * th
            spike = fired(u)
            u -= (spike - r) * th
        else:
            u = beta * u + i
            spike = fired(u)
            if spike:
                u = {"subtract": u - th, "zero": op.v_reset, "none": u}[op.reset]
                wait = op.refractory
        spikes.append(float(spike))
        membranes.append(u)
    return spikes, membranes


def run(op: Lif, x: Any) -> Any:
    zeros = [np.zeros((1, op.size)) for _ in op.states]
    return RULES[Lif].forward(op, [x, *zeros], False)


@pytest.mark.parametrize("compare", ["gt", "ge"])
@pytest.mark.parametrize(("reset", "delay"), MODES)
def test_every_mode_is_what_its_sentence_says(reset: str, delay: bool, compare: str) -> None:
    op = neurons(reset, delay, compare)
    x = np.random.default_rng(5).normal(0.2, 0.8, (4, STEPS, N)).round(1)
    spikes, membranes, last = run(op, x)
    for row in range(len(x)):
        for k in range(N):
            wanted = one_neuron(op, k, x[row, :, k])
            assert list(spikes[row, :, k]) == wanted[0]
            assert np.allclose(membranes[row, :, k], wanted[1], rtol=0, atol=1e-12)
    assert np.array_equal(last, membranes[:, -1])
    assert 0.05 < spikes.mean() < 0.95


@pytest.mark.parametrize("refractory", [1, 3])
def test_a_refractory_neuron_keeps_its_membrane_and_is_silent(refractory: int) -> None:
    op = neurons("zero", False, v_reset=-0.2, refractory=refractory, alpha=np.full(N, 0.5))
    x = np.random.default_rng(6).normal(0.6, 0.8, (3, STEPS, N))
    spikes, membranes, *_ = run(op, x)
    for k in range(N):
        wanted = one_neuron(op, k, x[1, :, k])
        assert list(spikes[1, :, k]) == wanted[0]
        assert np.allclose(membranes[1, :, k], wanted[1], rtol=0, atol=1e-12)
    row, t, k = (int(i[0]) for i in np.nonzero(spikes[:, :-refractory]))
    assert (membranes[row, t : t + refractory + 1, k] == -0.2).all()


def test_the_two_comparisons_differ_only_at_the_threshold() -> None:
    x = np.array([1.0, 0.0, 2.0]).reshape(1, 3, 1)
    for compare, wanted in (("gt", [0.0, 0.0, 1.0]), ("ge", [1.0, 0.0, 1.0])):
        op = Lif(np.zeros(1), np.ones(1), reset="none", compare=compare)
        assert run(op, x)[0].reshape(-1).tolist() == wanted


def test_a_delayed_subtraction_takes_the_whole_threshold_and_the_same_step_a_leaked_one() -> None:
    x = np.array([2.0, 0.0]).reshape(1, 2, 1)
    half = np.full(1, 0.5)
    delayed = run(Lif(half, np.ones(1)), x)[1].reshape(-1)
    same = run(Lif(half, np.ones(1), reset_delay=False), x)[1].reshape(-1)
    assert delayed.tolist() == [2.0, 0.0]  # 2 / 2 - 1
    assert same.tolist() == [1.0, 0.5]  # (2 - 1) / 2


def test_carry_takes_a_threshold_that_is_left_before_it_fires_again() -> None:
    x = np.array([2.5, 0.0, 0.0]).reshape(1, 3, 1)
    whole = np.ones(1)
    carried = run(Lif(whole, whole, reset="carry", reset_delay=False), x)
    assert carried[0].reshape(-1).tolist() == [1.0, 0.0, 0.0]
    assert carried[1].reshape(-1).tolist() == [1.5, 1.5, 1.5]
    assert run(Lif(whole, whole, reset_delay=False), x)[0].reshape(-1).tolist() == [1.0, 1.0, 0.0]


@pytest.mark.parametrize(("reset", "delay"), MODES)
def test_steps_with_kept_states_are_the_sequence(reset: str, delay: bool) -> None:
    waits = 0 if delay or reset == "carry" else 2
    op = neurons(reset, delay, alpha=np.full(N, 0.7), refractory=waits)
    x = np.random.default_rng(7).normal(0.2, 0.6, (2, 9, N))
    whole = run(op, x)
    reads, writes = ([f"{n}{i}" for n in op.states] for i in (0, 1))
    tensors = [Tensor("x", (1, N)), Tensor("s", (1, N)), Tensor("u", (1, N))]
    tensors += [Tensor(name, (N,)) for name in (*reads, *writes)]
    node = Node("n", op, ("x", *reads), ("s", "u", *writes))
    kept_as = tuple(State(r, r, w) for r, w in zip(reads, writes, strict=True))
    step, kept = Graph(tuple(tensors), (node,), ("x",), ("s",), kept_as), None
    for t in range(9):
        values = evaluate(step, x[:, t : t + 1], states=kept)
        assert np.array_equal(values["s"][:, 0], whole[0][:, t])
        assert np.array_equal(values["u"][:, 0], whole[1][:, t])
        kept = {s.name: values[s.write] for s in kept_as}


def test_rate_spreads_its_spikes_evenly() -> None:
    x = np.array([[0.0, 4.0, 8.0, 16.0, 20.0]])
    (spikes,) = RULES[Encode].forward(Encode("rate", 8, 0.0, 16.0), [x], False)
    assert spikes[0].sum(axis=0).tolist() == [0.0, 2.0, 4.0, 8.0, 8.0]
    assert spikes[0, :, 1].tolist() == [0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]


def test_latency_spikes_once_the_brightest_first_and_never_for_the_lowest() -> None:
    x = np.array([[16.0, 15.0, 8.0, 1.0, 0.0, -3.0, 99.0]])
    (spikes,) = RULES[Encode].forward(Encode("latency", 10, 0.0, 16.0), [x], False)
    first = [math.floor(((16 - v) * 9 * 2 + 16) / 32) for v in (16, 15, 8, 1)]
    assert [int(spikes[0, :, k].argmax()) for k in range(4)] == first == [0, 1, 5, 8]
    assert spikes[0].sum(axis=0).tolist() == [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0]


def test_delta_counts_from_the_last_event() -> None:
    x = np.array([0.5, 0.9, 1.0, 1.6, 2.0, 0.4]).reshape(1, 6, 1)
    op = Encode("delta", 6, threshold=1.0)
    events, reference = RULES[Encode].forward(op, [x, np.zeros((1, 1))], False)
    assert events[0, :, 0].tolist() == [0.0, 0.0, 1.0, 0.0, 1.0, 0.0]
    assert events[0, :, 1].tolist() == [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    assert reference.tolist() == [[0.4]]


SPIKES = np.array([[0, 1, 0, 1], [1, 1, 0, 0], [1, 0, 0, 1]], float)[None]  # 3 steps, 4 classes
MEMBRANES = np.array([[1, 1, 1, 3], [0, 1, -5, 3], [1, 0, 1, 3]], float)[None]


@pytest.mark.parametrize(
    ("method", "wanted"),
    [
        ("count", [2 + 5 / 6, 2 + 5 / 6, 1 / 8, 2 + 19 / 20]),
        ("first_spike", [2 + 5 / 6, 3 + 5 / 6, 1 / 8, 3 + 19 / 20]),
        ("membrane_mean", [2 / 3, 2 / 3, -1, 3]),
        ("membrane_last", [1, 0, 1, 3]),
    ],
)
def test_the_scores_of_a_readout(method: str, wanted: list[float]) -> None:
    (scores,) = RULES[Readout].forward(Readout(method), [SPIKES, MEMBRANES], False)
    assert np.allclose(scores[0], wanted, rtol=1e-15)


def numeric(graph: Graph, inputs: Any, seeds: Any) -> Any:
    """The slope of sum(outputs * seeds) at every input, by differences."""

    def total(given: Any) -> float:
        values = evaluate(graph, given)
        return float(sum((values[name] * seed).sum() for name, seed in seeds.items()))

    found = {}
    for name, array in inputs.items():
        slopes = np.zeros(array.shape)
        for at in np.ndindex(array.shape):
            ends = []
            for move in (1e-6, -1e-6):
                moved = array.copy()
                moved[at] += move
                ends.append(total({**inputs, name: moved}))
            slopes[at] = (ends[0] - ends[1]) / 2e-6
        found[name] = slopes
    return found


@pytest.mark.parametrize(("reset", "delay"), MODES)
def test_gradients_through_membranes_are_those_of_differences(reset: str, delay: bool) -> None:
    """Between two spikes patterns everything but the spikes has a true slope."""
    waits = 0 if delay or reset == "carry" else 2
    op = neurons(reset, delay, alpha=np.full(N, 0.6), refractory=waits)
    graph = one_node(op, (8, N), *((N,) for _ in op.states))
    random = np.random.default_rng(8)
    inputs = {n: random.normal(0.3, 0.6, (1, *graph.tensor(n).shape)) for n in graph.inputs}
    if waits:
        inputs["x3"] = np.zeros((1, N))
    seeds = {n: random.normal(size=(1, *graph.tensor(n).shape)) for n in graph.outputs}
    seeds["y0"] = np.zeros_like(seeds["y0"])
    assert evaluate(graph, inputs)["y0"].any()
    _, gradients = value_and_gradient(graph, inputs, seeds)
    for name, slopes in numeric(graph, inputs, seeds).items():
        if name != "x3":  # a count of steps
            assert np.allclose(gradients[name], slopes, rtol=1e-6, atol=1e-6), name


def test_a_spike_passes_the_surrogate_of_its_membrane() -> None:
    """One step back, by hand: beta times it, whatever the reset has taken."""
    op = Lif(np.array([0.5]), np.array([1.0]))
    x = np.array([1.2, 0.7]).reshape(1, 2, 1)
    graph = one_node(op, (2, 1), (1,))
    inputs = {"x0": x, "x1": np.zeros((1, 1))}
    seeds = {
        "y0": np.array([0.0, 1.0]).reshape(1, 2, 1),
        "y1": np.zeros((1, 2, 1)),
        "y2": np.zeros((1, 1)),
    }
    _, gradients = value_and_gradient(graph, inputs, seeds)
    last = float(surrogate(np.array(0.5 * 1.2 + 0.7 - 1.0 - 1.0)))
    assert np.allclose(gradients["x0"].reshape(-1), [0.5 * last, last])


@pytest.mark.parametrize("method", READOUTS)
def test_the_gradients_of_a_readout_are_those_of_differences(method: str) -> None:
    graph = one_node(Readout(method), (3, 4), (3, 4))
    inputs, seeds = {"x0": SPIKES, "x1": MEMBRANES + 0.1}, {"y0": np.array([[1.0, -2.0, 0.5, 3.0]])}
    _, gradients = value_and_gradient(graph, inputs, seeds)
    slopes = numeric(graph, inputs, seeds)
    assert np.allclose(gradients["x1"], slopes["x1"], atol=1e-6)
    if method != "first_spike":
        assert np.allclose(gradients["x0"], slopes["x0"], atol=1e-6)


@pytest.mark.parametrize("encoding", ["direct", "rate", "latency", "delta"])
def test_a_gradient_reaches_the_input_through_a_whole_network(encoding: str) -> None:
    random = np.random.default_rng(9)
    delta = encoding == "delta"
    encode = Encode(encoding, 6, -1.0, 1.0, 0.3) if delta else Encode(encoding, 6, -1.0, 1.0)
    width = 2 * N if delta else N
    lif = Lif(np.full(width, 0.9), np.full(width, 0.4))
    tensors = [Tensor("x", (6, N) if delta else (N,)), Tensor("z", (N,)), Tensor("w", (width,))]
    tensors += [Tensor(name, (6, width)) for name in ("e", "s", "u")]
    tensors += [Tensor("r", (N,)), Tensor("last", (width,)), Tensor("y", (width,))]
    ports = (("x", "z"), ("e", "r")) if delta else (("x",), ("e",))
    nodes = [
        Node("zero", Constant(np.zeros(N)), (), ("z",)),
        Node("zeros", Constant(np.zeros(width)), (), ("w",)),
        Node("encode", encode, *ports),
        Node("lif", lif, ("e", "w"), ("s", "u", "last")),
        Node("read", Readout("count"), ("s", "u"), ("y",)),
    ]
    kept = [t for t in tensors if delta or t.name != "r"]
    graph = Graph(tuple(kept), tuple(nodes), ("x",), ("y",))
    x = random.uniform(-1.0, 1.0, (3, *graph.input.shape))
    y, gradient = value_and_gradient(graph, x, np.ones((3, width)))
    assert y.shape == (3, width)
    assert gradient.shape == x.shape and (gradient != 0.0).any(axis=tuple(range(1, x.ndim))).all()
