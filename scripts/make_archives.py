"""Writes the small torch.export archives of tests/golden/archives with the PyTorch that runs it.

    python make_archives.py FOLDER    writes FOLDER/torch-2.13.0/*.pt2

It needs PyTorch alone. An archive holds the paths of the files that were traced: run a copy of this
file in a folder like /tmp/model, with PyTorch in one like /tmp/site (pip install --target), so that
no path of yours is kept. Weights are fixed fractions of 64, exact in every float type: the archives
of all versions must read to the same network.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import nn


class Sensor(nn.Module):
    """A normalised input, a BatchNorm, a dropout and a softmax: 4 inputs, 3 classes."""

    mean: torch.Tensor
    spread: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([1.0, 2.0, 3.0, 4.0]))
        self.register_buffer("spread", torch.tensor([2.0, 4.0, 0.5, 8.0]))
        self.hidden = nn.Linear(4, 6)
        self.norm = nn.BatchNorm1d(6)
        self.drop = nn.Dropout(0.25)
        self.last = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = (x - self.mean) / self.spread
        x = self.drop(torch.relu(self.norm(self.hidden(x))))
        return torch.softmax(self.last(x), dim=-1)


def fill(module: nn.Module) -> None:
    """Give every parameter and buffer fixed values: fractions of 64 between -1 and 1."""
    with torch.no_grad():
        for index, (name, tensor) in enumerate(module.state_dict(keep_vars=True).items()):
            if name in ("mean", "spread") or not tensor.is_floating_point():
                continue
            count = torch.arange(tensor.numel(), dtype=torch.float64)
            values = ((count * 37 + index * 11) % 127 - 63) / 64
            if name.endswith("running_var"):
                values = values.abs() + 0.5
            tensor.copy_(values.reshape(tensor.shape))


def classifier() -> nn.Sequential:
    """Return the same layers as Sensor as a Sequential without the normalised input."""
    return nn.Sequential(
        nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.25), nn.Linear(6, 3),
        nn.Softmax(-1),
    )  # fmt: skip


def write(folder: Path, name: str, program: torch.export.ExportedProgram) -> None:
    """Write one archive as this PyTorch writes it."""
    torch.export.save(program, folder / f"{name}.pt2")


def main() -> None:
    """Write all archives into a folder named after the version."""
    version = torch.__version__.partition("+")[0]
    folder = Path(sys.argv[1]) / f"torch-{version}"
    folder.mkdir(parents=True, exist_ok=True)
    plain, sensor, half = classifier().eval(), Sensor().eval(), classifier().eval()
    for module in (plain, sensor, half):
        fill(module)
    half.to(torch.bfloat16)
    row = (torch.zeros(1, 4),)
    batch = ({0: torch.export.Dim("batch")},)
    dynamic = torch.export.export(plain, (torch.zeros(2, 4),), dynamic_shapes=batch)
    exported = torch.export.export(sensor, row)
    write(folder, "plain", torch.export.export(plain, row))
    write(folder, "dynamic", dynamic)
    write(folder, "sensor", exported)
    write(folder, "sensor-decomposed", exported.run_decompositions())
    write(folder, "bfloat16", torch.export.export(half, (torch.zeros(1, 4).bfloat16(),)))


if __name__ == "__main__":
    main()
