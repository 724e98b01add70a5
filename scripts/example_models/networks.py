"""The networks of the examples, as their users would write them."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


def lenet() -> nn.Module:
    """Return a LeNet-5 with max pooling and ReLU, for 1 x 28 x 28."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def separable() -> nn.Module:
    """Return a depthwise-separable network (MobileNet's block) for 1 x 28 x 28."""
    return nn.Sequential(
        *_convolution(1, 16, 3, 2, 1),
        *_separable(16, 32), *_separable(32, 48, stride=2), *_separable(48, 48),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(48, 10),
    )  # fmt: skip


class Residual(nn.Module):
    """Two convolutions beside a shortcut, added."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Sequential(*_convolution(channels, out, 3, stride, 1))
        self.second = nn.Sequential(
            nn.Conv2d(out, out, 3, padding=1, bias=False), nn.BatchNorm2d(out)
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return the activated sum."""
        return torch.relu(self.second(self.first(x)) + self.shortcut(x))


def resnet() -> nn.Module:
    """Return MLPerf Tiny's ResNet-8, with half its channels, for 1 x 28 x 28."""
    return nn.Sequential(
        *_convolution(1, 8, 3, 1, 1),
        Residual(8, 8, 1), Residual(8, 16, 2), Residual(16, 32, 2),
        nn.AvgPool2d(7), nn.Flatten(), nn.Linear(32, 10),
    )  # fmt: skip


def keywords() -> nn.Module:
    """Return MLPerf Tiny's DS-CNN, with half its channels, for 1 x 49 x 10."""
    blocks = [layer for _ in range(4) for layer in _separable(32, 32)]
    return nn.Sequential(
        nn.ZeroPad2d((1, 1, 4, 5)), *_convolution(1, 32, (10, 4), (2, 2), 0), nn.Dropout(0.2),
        *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.4), nn.Linear(32, 12),
    )  # fmt: skip


def series() -> nn.Module:
    """Return a 1-D convolutional network for 3 x 128 that runs on an ATmega328P."""
    return nn.Sequential(
        nn.Conv1d(3, 12, 7, stride=2, padding=3, bias=False), nn.BatchNorm1d(12), nn.ReLU(),
        nn.Conv1d(12, 24, 5, stride=2, padding=2, bias=False), nn.BatchNorm1d(24), nn.ReLU(),
        nn.Conv1d(24, 32, 5, stride=2, padding=2, bias=False), nn.BatchNorm1d(32), nn.ReLU(),
        nn.AvgPool1d(4), nn.Flatten(), nn.Dropout(0.3), nn.Linear(128, 8),
    )  # fmt: skip


class GruClassifier(nn.Module):
    """A GRU over 32 frames of 4 readings of 3 axes; its last state decides."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(12, 24, batch_first=True)
        self.head = nn.Linear(24, 8)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits for x (n, 3, 128)."""
        frames = x.transpose(1, 2).reshape(-1, 32, 12)
        _, state = self.gru(frames)
        logits: Tensor = self.head(state[-1])
        return logits


class LstmClassifier(nn.Module):
    """An LSTM over 49 frames of 10 features; its last state decides."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(10, 32, batch_first=True)
        self.head = nn.Linear(32, 12)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits for x (n, 1, frames, features)."""
        _, (hidden, _) = self.lstm(x.squeeze(1))
        logits: Tensor = self.head(hidden[-1])
        return logits


def autoencoder() -> nn.Module:
    """Return MLPerf Tiny's autoencoder: 640, four layers of 128, 8, four of 128, 640."""
    layers: list[nn.Module] = []
    sizes = [640, 128, 128, 128, 128, 8, 128, 128, 128, 128]
    for size, out in pairwise(sizes):
        layers += [nn.Linear(size, out), nn.BatchNorm1d(out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(128, 640))


def _convolution(
    channels: int,
    out: int,
    kernel: int | tuple[int, int],
    stride: int | tuple[int, int],
    padding: int,
    groups: int = 1,
) -> list[nn.Module]:
    return [
        nn.Conv2d(channels, out, kernel, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU(),
    ]


def _separable(channels: int, out: int, stride: int = 1) -> list[nn.Module]:
    return [
        *_convolution(channels, channels, 3, stride, 1, groups=channels),
        *_convolution(channels, out, 1, 1, 0),
    ]
