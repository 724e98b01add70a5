"""Spikes, membranes and gradients of the custom operators against unrolled PyTorch autograd."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from pyexport.snn import Encode, Readout, operators

RULES = [
    *itertools.product(("subtract", "zero", "none"), (True, False), ("gt", "ge"), (0.0,), (0,)),
    ("carry", False, "gt", 0.0, 0),
    ("zero", False, "gt", -0.25, 0),
    ("subtract", False, "gt", 0.0, 2),
    ("zero", False, "ge", 0.25, 1),
]

CHECKS = ("test_schema", "test_autograd_registration", "test_faketensor")  # not tracing: slow


class Spike(torch.autograd.Function):
    """A step forwards, the slope of an arctan backwards."""

    @staticmethod
    def forward(ctx: Any, distance: torch.Tensor, fires: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(distance)
        return fires.to(distance.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        (distance,) = ctx.saved_tensors
        return gradient / (1 + (math.pi * distance) ** 2), None


def unrolled(
    x: torch.Tensor,
    beta: torch.Tensor,
    threshold: torch.Tensor,
    alpha: torch.Tensor | None,
    reset: str,
    delay: bool,
    compare: str,
    v_reset: float,
    refractory: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return spikes and membranes, neuron by neuron as docs/spiking.md writes them down."""

    def above(u: torch.Tensor) -> torch.Tensor:
        return u > threshold if compare == "gt" else u >= threshold

    u = torch.zeros(x.shape[0], x.shape[2], dtype=x.dtype)
    i = torch.zeros_like(u)
    left = torch.zeros(u.shape, dtype=torch.int64)
    spikes, membranes = [], []
    for t in range(x.shape[1]):
        i = x[:, t] if alpha is None else alpha * i + x[:, t]
        r = above(u.detach()).to(x.dtype)
        new = beta * u + i
        if delay and reset == "zero":
            new = torch.where(r > 0, i if alpha is None else torch.zeros_like(i), new)
        if (delay and reset == "subtract") or reset == "carry":
            new = new - r * threshold
        s = Spike.apply(new - threshold, above(new))
        hard = s.detach()
        if not delay and reset == "subtract":
            after = new - hard * threshold
        elif not delay and reset == "carry":
            after = new - (hard - r) * threshold
        elif not delay and reset == "zero":
            after = torch.where(hard > 0, torch.full_like(new, v_reset), new)
        else:
            after = new
        waits = left > 0
        u = torch.where(waits, u, after)
        s = torch.where(waits, torch.zeros_like(s), s)
        left = torch.where(waits, left - 1, (s > 0) * refractory)
        spikes.append(s)
        membranes.append(u)
    return torch.stack(spikes, 1), torch.stack(membranes, 1)


def draws(seed: int, n: int = 5) -> list[torch.Tensor]:
    """Return x, beta, threshold and alpha; thresholds hold exact hits of some membranes."""
    make = torch.Generator().manual_seed(seed)
    x = torch.randint(-4, 9, (3, 7, n), generator=make).double() / 4
    beta = torch.randint(1, 8, (n,), generator=make).double() / 8
    threshold = torch.randint(2, 6, (n,), generator=make).double() / 4
    alpha = torch.randint(1, 8, (n,), generator=make).double() / 8
    return [v.requires_grad_() for v in (x, beta, threshold, alpha)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: "-".join(map(str, rule)))
@pytest.mark.parametrize("second_order", [False, True])
def test_lif_equals_unrolled_autograd(rule: tuple[Any, ...], second_order: bool) -> None:
    x, beta, threshold, alpha = draws(3)
    given = (x, beta, threshold, alpha if second_order else None)
    found, expected = operators.lif(*given, *rule), unrolled(*given, *rule)
    assert 0 < expected[0].sum() < expected[0].numel()
    assert torch.equal(found[0], expected[0])
    torch.testing.assert_close(found[1], expected[1])
    weights = [torch.randn(x.shape, dtype=x.dtype, generator=_generator(s)) for s in (1, 2)]
    wanted = [v for v in given if v is not None]
    ours, theirs = (
        torch.autograd.grad(sum((w * y).sum() for w, y in zip(weights, ys, strict=True)), wanted)
        for ys in (found, expected)
    )
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


def leaf(x: torch.Tensor) -> torch.Tensor:
    """Return the first step as values of their own."""
    return x.detach()[:, 0].clone().requires_grad_()


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_one_parameter_for_all_neurons_collects_their_gradients() -> None:
    x, beta, threshold, _ = draws(4)
    one = (beta[:1].detach().requires_grad_(), threshold[:1].detach().requires_grad_())
    rule = ("subtract", True, "gt", 0.0, 0)
    many = [p.detach().expand(x.shape[2]).clone().requires_grad_() for p in one]
    ours = torch.autograd.grad(operators.lif(x, *one, None, *rule)[0].sum(), one)
    theirs = torch.autograd.grad(operators.lif(x, *many, None, *rule)[0].sum(), many)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b.sum(0, keepdim=True))


@pytest.mark.parametrize(
    ("reset", "delay", "compare", "refractory", "words"),
    [
        ("hard", True, "gt", 0, "use one of subtract, carry, zero, none"),
        ("zero", True, "lt", 0, "gt, ge"),
        ("carry", True, "gt", 0, "needs reset_delay=False"),
        ("subtract", True, "gt", 1, "a refractory time needs reset_delay=False"),
        ("subtract", False, "gt", -1, "use 0 or more"),
    ],
)
def test_a_rule_that_is_none_is_refused(
    reset: str, delay: bool, compare: str, refractory: int, words: str
) -> None:
    x, beta, threshold, _ = draws(5)
    with pytest.raises(ValueError, match=words):
        operators.lif(x, beta, threshold, None, reset, delay, compare, 0.0, refractory)


@pytest.mark.parametrize(
    "call",
    [
        lambda x, b, th, a: (operators.lif, (x, b, th, a, "zero", False, "ge", 0.25, 1)),
        lambda x, b, th, a: (operators.lif, (x, b, th, None, "subtract", True, "gt", 0.0, 0)),
        lambda x, b, th, a: (operators.encode, (leaf(x), "rate", 6, 0.0, 2.0, 0.0)),
        lambda x, b, th, a: (operators.encode, (leaf(x), "latency", 6, 0.0, 2.0, 0.0)),
        lambda x, b, th, a: (operators.encode, (x, "delta", 7, 0.0, 1.0, 0.5)),
        lambda x, b, th, a: (operators.readout, (x, x.detach() * 2, "count")),
        lambda x, b, th, a: (operators.readout, (x, x.detach() * 2, "membrane_last")),
    ],
)
def test_pytorch_finds_the_custom_operators_sound(call: Callable[..., Any]) -> None:
    operator, arguments = call(*draws(6))
    torch.library.opcheck(operator, arguments, test_utils=CHECKS)


def test_rate_spikes_are_as_many_as_the_share_of_the_range_and_evenly_spread() -> None:
    x = torch.arange(17.0)[None]
    spikes = Encode("rate", 16, high=16)(x)
    assert spikes.sum(1).tolist() == [list(range(17))]
    assert spikes[0, :, 4].nonzero()[:, 0].diff().tolist() == [4, 4, 4]


def test_latency_is_early_for_the_greatest_and_never_for_the_least() -> None:
    spikes = Encode("latency", 10, high=16)(torch.tensor([[16.0, 8.0, 1.0, 0.0, 99.0]]))
    assert [row.nonzero()[:, 0].tolist() for row in spikes[0].T] == [[0], [5], [8], [], [0]]


def test_delta_has_an_event_for_each_move_by_the_threshold() -> None:
    x = torch.tensor([0.2, 0.6, 0.9, 0.2, 0.1, -0.4])[None, :, None]
    events = Encode("delta", threshold=0.5)(x)[0]
    assert events[:, 0].tolist() == [0, 1, 0, 0, 0, 0]
    assert events[:, 1].tolist() == [0, 0, 0, 0, 1, 1]


def test_a_count_is_a_count_and_ties_go_to_the_higher_membrane() -> None:
    spikes = torch.tensor([[[1.0, 1, 0], [0, 0, 0], [1, 1, 1]]])
    membranes = torch.tensor([[[0.0, 0.5, 9], [0, 0, 9], [0, 0, 9]]])
    scores = Readout("count")(spikes, membranes)[0]
    assert scores.floor().tolist() == [2, 2, 1]
    assert scores[1] > scores[0]


def test_a_first_spike_counts_more_the_earlier_it_comes() -> None:
    spikes = torch.tensor([[[0.0, 0, 0], [0, 1, 0], [1, 1, 0]]])
    scores = Readout("first_spike")((spikes, torch.zeros(1, 3, 3)))[0]
    assert scores.tolist() == [1.5, 2.5, 0.5]


@pytest.mark.parametrize("method", ["count", "membrane_mean", "membrane_last"])
def test_readout_gradients_equal_autograd_of_the_formulas(method: str) -> None:
    spikes = torch.tensor([[[0.0, 0, 0], [0, 1, 0], [1, 1, 0]]]).double().requires_grad_()
    membranes = torch.randn(
        1, 3, 3, dtype=torch.float64, generator=_generator(1), requires_grad=True
    )
    total = membranes.sum(1)
    tie = 0.5 + 0.5 * total / (1 + total.abs())
    plain = {
        "count": spikes.sum(1) + tie,
        "membrane_mean": membranes.mean(1),
        "membrane_last": membranes[:, -1],
    }[method]
    found = operators.readout(spikes, membranes, method)
    torch.testing.assert_close(found, plain)
    weights = torch.tensor([[1.0, -2, 3]]).double()
    ours = torch.autograd.grad((found * weights).sum(), [spikes, membranes])
    theirs = torch.autograd.grad(
        (plain * weights).sum(), [spikes, membranes], materialize_grads=True
    )
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)
