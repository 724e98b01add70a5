"""Training for few bits: linear layers of a PyTorch module compute with weights on the grid.

The scale of a row and the rounding are those of the exporter (weight_bits.py), so that what was
trained is what is exported. The gradient passes straight through the rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.utils import parametrize

from pyexport.errors import UsageError
from pyexport.quantize.weight_bits import LARGEST, row_scales

REFRESH = (
    16  # forward passes for which the scales stay: finding them takes longer than a small pass
)


class _Grid(torch.nn.Module):
    """Rounds weights (n_out, n_in) to whole multiples of a scale for each row."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.largest = LARGEST[bits]
        self.passes = 0
        self.scale = torch.empty(0)

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """Return the weights on their grid; their gradient is that of the weights."""
        fixed = weight.detach()
        if self.passes % REFRESH == 0:
            found = torch.from_numpy(row_scales(fixed.cpu().numpy(), self.largest)).to(weight)
            self.scale = torch.where(found > 0, found, torch.ones_like(found))[:, None]
        self.passes += 1
        steps = torch.clamp(torch.floor(fixed / self.scale + 0.5), -self.largest, self.largest)
        return _StraightThrough.apply(weight, steps * self.scale)  # type: ignore[no-any-return,no-untyped-call]


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: torch.Tensor, rounded: torch.Tensor) -> torch.Tensor:
        return rounded

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return gradient, None


@contextmanager
def fake_quantize(module: torch.nn.Module, bits: int = 4) -> Iterator[torch.nn.Module]:
    """Train with the weights of every torch.nn.Linear on a grid of so many bits.

    Inside, layers compute with rounded weights, and the optimizer moves the ones behind them; at
    the end these are replaced by the rounded ones. Raises UsageError for other bits than 4 and 8,
    or a module without linear layers.
    """
    if bits not in LARGEST:
        raise UsageError(f"fake_quantize: weights have 4 or 8 bits, not {bits!r}")
    layers = [layer for layer in module.modules() if isinstance(layer, torch.nn.Linear)]
    if not layers:
        raise UsageError(f"fake_quantize: {type(module).__name__} has no torch.nn.Linear")
    for layer in layers:
        parametrize.register_parametrization(layer, "weight", _Grid(bits))
    try:
        yield module
    finally:
        for layer in layers:
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
