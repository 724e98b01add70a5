"""The two networks that generated inputs are measured on, and how much is asked of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyexport
from pyexport.ir import Linear
from pyexport.verify import Subject, subject_from_header
from pyexport.verify.pair import Pair
from scripts.evidence_topics import digits
from scripts.evidence_topics.example_files import trained_example
from scripts.evidence_topics.figures import Context
from scripts.example_models.catalog import Example

LENET = Example("lenet", "mnist")


@dataclass(frozen=True)
class Network:
    """A trained classifier of digits; counts are those of the whole topic, not its short part."""

    title: str  # in the names of its figures
    trained: Callable[[Context], Path]
    module: Callable[[Pair, Path], Any]  # as PyTorch, for foolbox: flat rows in, outputs
    starts: int  # of the attack near a start
    runs: int  # of the hunt beside random search
    faster: float  # how many times as fast the hunt must be
    hunted: int  # disagreements a run
    random: int  # uniform inputs that a hunt is measured against
    gap_random: int  # the same for the gap
    gap_steps: int
    met: float | None  # share of obligations to meet end to end; None: reported only
    compared: int  # inputs, on the host
    on_chips: int  # inputs, on each emulated chip


def mlp_of(pair: Pair, path: Path) -> Any:
    """Return the float graph of linear layers as a PyTorch module."""
    import torch

    layers: list[torch.nn.Module] = []
    for node in pair.graph.nodes:
        assert isinstance(node.op, Linear)  # the digits network has no other
        layer = torch.nn.Linear(node.op.weight.shape[1], node.op.weight.shape[0])
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(node.op.weight))
            layer.bias.copy_(torch.tensor(node.op.bias))
        layers += [layer] if node.op.low < 0.0 else [layer, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers)


def lenet_of(pair: Pair, path: Path) -> Any:
    """Return the trained LeNet for raw gray levels, flat; its file states what they are times."""
    import torch

    from scripts.example_models import networks

    stated = pyexport.load(path).metadata.statements.input_scale
    assert stated is not None  # the training script does
    scale: float = stated

    class Raw(torch.nn.Module):
        """The network as it was trained, behind the scale of its input."""

        def __init__(self, net: torch.nn.Module) -> None:
            super().__init__()
            self.net = net

        def forward(self, rows: torch.Tensor) -> Any:
            return self.net(rows.reshape(-1, 1, 28, 28) * scale)

    net = networks.lenet()
    net.load_state_dict(torch.export.load(path).state_dict)  # our own file
    return Raw(net)


DIGITS = Network(
    title="",
    trained=digits.trained,
    module=mlp_of,
    starts=200,
    runs=5,
    faster=15.0,
    hunted=500_000,
    random=200_000,
    gap_random=200_000,
    gap_steps=150,
    met=0.94,
    compared=10_000_000,
    on_chips=10_000,
)
CNN = Network(
    title=", MNIST CNN",
    trained=lambda context: trained_example(context, LENET).path,
    module=lenet_of,
    starts=100,
    runs=3,
    faster=15.0,
    hunted=5_000,
    random=20_000,
    gap_random=20_000,
    gap_steps=30,
    met=None,  # the search's work is limited: large networks get few rounds
    compared=100_000,
    on_chips=10_000,
)


def exported(context: Context, network: Network) -> Subject:
    """Return a network's export: header and artifact on disk."""
    if network is DIGITS:
        return digits.exported(context, folder_name="hunting")
    folder = context.folder / "export-lenet"
    pyexport.export(network.trained(context), folder, "lenet")
    return subject_from_header(folder / "lenet.h")
