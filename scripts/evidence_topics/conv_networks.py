"""Two small networks whose convolutions and pools have every kind of window, for planted bugs.

Weights are drawn with a fixed seed: what is asked is the kernel, and trained weights ask no more.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn

import pyexport
from pyexport.ir import Model


def windows() -> Model:
    """Return strides, signed and padded inputs, leftovers, groups and a padded average."""
    return _model(
        nn.Sequential(
            nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 1)), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(4, 6, 3, padding=1, groups=2), nn.AvgPool2d((2, 3), (1, 2), (1, 1)),
            nn.Flatten(), nn.Linear(72, 5),
        ),
        (2, 11, 10),
        (-1.0, 3.0),
    )  # fmt: skip


def pooled() -> Model:
    """Return a convolution whose sums fit 16 bits, with a pool that tiles it."""
    return _model(
        nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(120, 5),
        ),
        (1, 8, 10),
        (0.0, 16.0),
    )  # fmt: skip


def _model(net: nn.Sequential, shape: tuple[int, ...], limits: tuple[float, float]) -> Model:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in net:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                spread = 1.5 / math.sqrt(layer.weight[0].numel())
                layer.weight.normal_(0.0, spread, generator=generator)
                assert layer.bias is not None  # none of them is without
                layer.bias.normal_(0.0, 0.3, generator=generator)
    low, high = limits
    draw = np.random.Generator(np.random.PCG64(0))
    rows = low + draw.random((300, *shape)) * (high - low)
    rows = np.rint(rows) if high > 3.0 else rows
    with torch.no_grad():
        inputs, last = torch.tensor(rows, dtype=torch.float32), net[-1]
        assert isinstance(last, nn.Linear)
        last.bias.sub_(net(inputs).mean(dim=0))  # or all rows would have one class
        classes = net(inputs).argmax(dim=1).numpy()
    return pyexport.from_torch(
        net,
        torch.zeros(1, *shape),
        input_range=limits,
        calibration=rows[:200],
        evaluation=(rows[200:], classes[200:]),
    )
