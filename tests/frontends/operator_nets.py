"""Networks of the operators beyond MLPs, as users write them, with an example input of each."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from tests.frontends.models import Wrapped


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def separable(channels: int, out: int, stride: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False),
        nn.BatchNorm2d(channels), nn.ReLU6(),
        nn.Conv2d(channels, out, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU6(),
    ]  # fmt: skip


def ds_cnn() -> nn.Module:
    """Return the shape of a keyword-spotting network: 49 frames of 10 features."""
    return nn.Sequential(
        nn.Conv2d(1, 16, (10, 4), (2, 2), (5, 1), bias=False), nn.BatchNorm2d(16), nn.ReLU6(),
        *separable(16, 16), *separable(16, 24, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Dropout(0.2), nn.Linear(24, 12),
    )  # fmt: skip


class Block(nn.Module):
    """A residual block of two convolutions."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or channels != out:
            self.shortcut = nn.Conv2d(channels, out, 1, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        y += self.shortcut(x)
        return functional.relu(y)


def resnet8() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        Block(8, 8, 1), Block(8, 16, 2), Block(16, 24, 2),
        nn.AvgPool2d(4), nn.Flatten(), nn.Linear(24, 10),
    )  # fmt: skip


def cnn1d() -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(3, 8, 5, padding=2), nn.BatchNorm1d(8), nn.ReLU(), nn.MaxPool1d(2),
        nn.Conv1d(8, 12, 3, dilation=2, padding="same"), nn.ReLU(), nn.AvgPool1d(4),
        nn.Flatten(), nn.Linear(48, 5),
    )  # fmt: skip


def autoencoder() -> nn.Module:
    return nn.Sequential(
        nn.Linear(64, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Linear(24, 8), nn.ReLU(),
        nn.Linear(8, 24), nn.ReLU(), nn.Linear(24, 64),
    )  # fmt: skip


def conv_autoencoder() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 4, 3, 2, 1), nn.LeakyReLU(0.1),
        nn.ConvTranspose2d(4, 8, 3, 2, 1, output_padding=1), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Upsample(scale_factor=2), nn.Conv2d(8, 2, 3, padding=1), nn.Sigmoid(),
    )  # fmt: skip


def lstm() -> nn.Module:
    layers = {"lstm": nn.LSTM(3, 12, batch_first=True), "head": nn.Linear(12, 4)}
    return Wrapped(layers, lambda m, x: m.head(m.lstm(x)[0][:, -1]))


def lstm_of_two_layers() -> nn.Module:
    layers = {"lstm": nn.LSTM(3, 6, num_layers=2, batch_first=True), "head": nn.Linear(6, 4)}
    return Wrapped(layers, lambda m, x: m.head(m.lstm(x)[1][0][-1]))


def gru() -> nn.Module:
    layers = {"gru": nn.GRU(3, 12, batch_first=True), "head": nn.Linear(12, 4)}
    return Wrapped(layers, lambda m, x: m.head(m.gru(x)[1].squeeze(0)))


def tagger() -> nn.Module:
    """Return a GRU with a linear layer on every step."""
    layers = {"gru": nn.GRU(3, 8, batch_first=True), "head": nn.Linear(8, 4)}
    return Wrapped(layers, lambda m, x: torch.log_softmax(m.head(torch.tanh(m.gru(x)[0])), -1))


def squeeze_excite() -> nn.Module:
    """Return a net with concatenation, padding, SiLU and channels scaled by a sigmoid."""
    layers = {
        "a": nn.Conv2d(3, 8, 3, padding=1), "b": nn.Conv2d(3, 4, 1),
        "down": nn.Conv2d(12, 4, 1), "up": nn.Conv2d(4, 12, 1), "head": nn.Linear(12, 5),
    }  # fmt: skip

    def forward(m, x):
        y = torch.cat(
            [functional.silu(m.a(x)), functional.pad(m.b(x)[:, :, 1:-1], (0, 0, 1, 1))], 1
        )
        gate = m.up(functional.relu(m.down(y.mean((2, 3), keepdim=True))))
        return m.head((y * torch.sigmoid(gate)).amax((2, 3)))

    return Wrapped(layers, forward)


def attention() -> nn.Module:
    layers = {
        "qkv": nn.Linear(8, 24), "out": nn.Linear(8, 8), "norm": nn.LayerNorm(8),
        "head": nn.Linear(8, 3),
    }  # fmt: skip

    def forward(m, x):
        q, k, v = (
            t.unflatten(2, (2, 4)).transpose(1, 2) for t in m.qkv(m.norm(x)).chunk(3, dim=-1)
        )
        y = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return m.head(functional.gelu(x + m.out(y)).mean(1))

    return Wrapped(layers, forward)


def encoder() -> nn.Module:
    """Return PyTorch's own attention, which puts the sequence before the batch."""
    layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, norm_first=True)
    return Wrapped(
        {"layer": layer, "head": nn.Linear(8, 3)}, lambda m, x: m.head(m.layer(x).mean(1))
    )


NETS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "lenet": (lenet, (1, 28, 28)),
    "ds_cnn": (ds_cnn, (1, 49, 10)),
    "resnet8": (resnet8, (3, 16, 16)),
    "cnn1d": (cnn1d, (3, 32)),
    "autoencoder": (autoencoder, (64,)),
    "conv_autoencoder": (conv_autoencoder, (2, 16, 12)),
    "lstm": (lstm, (9, 3)),
    "lstm_of_two_layers": (lstm_of_two_layers, (9, 3)),
    "gru": (gru, (9, 3)),
    "tagger": (tagger, (9, 3)),
    "squeeze_excite": (squeeze_excite, (3, 8, 6)),
    "attention": (attention, (6, 8)),
    "encoder": (encoder, (6, 8)),
}
