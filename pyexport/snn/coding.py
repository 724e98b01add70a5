"""How numbers become spikes and spikes become scores in PyTorch, with their gradients."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pyexport.operators.spiking import ENCODINGS, READOUTS


def check_encoding(encoding: str, steps: int, low: float, high: float, threshold: float) -> None:
    """Raise ValueError for an encoding that is none."""
    if encoding not in ENCODINGS:
        raise ValueError(f"encode: encoding {encoding!r}; use one of {', '.join(ENCODINGS)}")
    if encoding != "delta" and steps < 1:
        raise ValueError(f"encode: {steps} steps; use 1 or more")
    if not -math.inf < low < high < math.inf:
        raise ValueError(f"encode: the range {low}..{high} is none; give low < high")
    if not ((0 < threshold < math.inf) if encoding == "delta" else threshold == 0):
        raise ValueError(
            f"encode: a threshold of {threshold}; delta needs one above 0, others none"
        )


def encode(
    x: Tensor, encoding: str, steps: int, low: float, high: float, threshold: float
) -> Tensor:
    """Return spikes (batch, steps, n) of values (batch, n); delta takes (batch, steps, n)."""
    if encoding == "delta":
        return _delta(x, threshold)
    if encoding == "direct":
        return x.unsqueeze(1).repeat(1, steps, 1)
    level = x.clamp(low, high) - low
    span = high - low
    if encoding == "latency":
        first = _first_step(x, steps, low, high)
        at = torch.arange(steps, device=x.device, dtype=x.dtype)[None, :, None]
        return ((first[:, None] == at) & (level[:, None] > 0)).to(x.dtype)
    total = torch.full_like(level, span / 2)
    spikes = []
    for _ in range(steps):
        total = total + level
        fires = (total >= span).to(x.dtype)
        total = total - fires * span
        spikes.append(fires)
    return torch.stack(spikes, 1)


def _first_step(x: Tensor, steps: int, low: float, high: float) -> Tensor:
    """Return the step of each value's one spike: 0 for the greatest."""
    return torch.floor((high - x.clamp(low, high)) * (steps - 1) / (high - low) + 0.5)


def _delta(x: Tensor, threshold: float) -> Tensor:
    """Return events up and down, side by side, against the value of a neuron's last event."""
    reference = torch.zeros_like(x[:, 0])
    events = []
    for t in range(x.shape[1]):
        change = x[:, t] - reference
        up, down = change >= threshold, change <= -threshold
        reference = torch.where(up | down, x[:, t], reference)
        events.append(torch.cat([up, down], dim=-1).to(x.dtype))
    return torch.stack(events, 1)


def encode_gradient(
    gradient: Tensor,
    x: Tensor,
    encoding: str,
    steps: int,
    low: float,
    high: float,
    threshold: float,
) -> Tensor:
    """Return the gradient on the values, straight through: a spike says how far a value is up.

    direct: exact. rate: each spike stands for a value's share of the range. latency: a spike that
    comes earlier stands for as much. delta: events up and down, in thresholds.
    """
    if encoding == "direct":
        return gradient.sum(1)
    if encoding == "delta":
        n = x.shape[-1]
        return (gradient[..., :n] - gradient[..., n:]) / threshold
    inside = ((x >= low) & (x <= high)).to(x.dtype)
    if encoding == "latency":
        ones = torch.ones(1, dtype=x.dtype, device=x.device)
        sooner = torch.linspace(0.5, -0.5, steps).to(ones) if steps > 1 else ones
        gradient = gradient * sooner[:, None]
    return gradient.sum(1) * inside / (high - low)


def readout(spikes: Tensor, membranes: Tensor, method: str) -> Tensor:
    """Return one score a neuron, (batch, n), of spikes and membranes (batch, steps, n)."""
    if method not in READOUTS:
        raise ValueError(f"readout: method {method!r}; use one of {', '.join(READOUTS)}")
    if method == "membrane_mean":
        return membranes.mean(1)
    if method == "membrane_last":
        return membranes[:, -1].clone()
    tie = 0.5 + 0.5 * _squashed(membranes.sum(1))
    if method == "count":
        return spikes.sum(1) + tie
    return (spikes * _remaining(spikes)).amax(1) + tie


def readout_gradient(
    gradient: Tensor, spikes: Tensor, membranes: Tensor, method: str
) -> tuple[Tensor, Tensor]:
    """Return the gradients on the spikes and on the membranes."""
    steps = spikes.shape[1]
    none = torch.zeros_like(spikes)
    spread = gradient[:, None].expand_as(spikes)
    if method == "membrane_mean":
        return none, spread / steps
    if method == "membrane_last":
        on_membranes = torch.zeros_like(membranes)
        on_membranes[:, -1] = gradient
        return none, on_membranes
    slope = 0.5 / (1.0 + membranes.sum(1).abs()) ** 2
    on_membranes = (gradient * slope)[:, None].expand_as(membranes)
    if method == "first_spike":  # a spike counts as much as it would if it were the first
        spread = spread * _remaining(spikes) / steps
    return spread, on_membranes


def _squashed(m: Tensor) -> Tensor:
    return m / (1.0 + m.abs())


def _remaining(spikes: Tensor) -> Tensor:
    """Return how many steps are left at each, itself counted: the worth of a first spike."""
    steps = spikes.shape[1]
    left = torch.arange(steps, 0, -1, device=spikes.device, dtype=spikes.dtype)
    return left[None, :, None].expand_as(spikes)
