#!/usr/bin/env python3
"""Trains spiking networks and GRUs of several widths on event streams, and names the smallest.

The task is that of scripts/event_streams.py. Validation data choose the epoch, and of each kind the
smallest width that reaches --accuracy; test data are looked at once. --output is a folder, which
gets snn.pt2 and gru.pt2 for `pyexport export`.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from rich.console import Console
from torch import Tensor, nn

import pyexport
from pyexport.errors import UsageError
from pyexport.scratch.console import run_script, table
from pyexport.snn import LIF, Readout
from scripts import event_streams
from scripts.options import Options

WIDTHS = {"snn": (6, 8, 12, 16, 24, 32, 48), "gru": (3, 4, 6, 8, 12, 16)}
TRAINING, VALIDATION, TEST = 2400, 800, 800  # samples, of seeds of their own
TRAINING_SEED, VALIDATION_SEED, TEST_SEED = 1, 2, 3
BATCH, RATE = 48, 8e-3
LEAKS = (2, 3, 4, 5)  # of hidden neurons, in turn: a membrane loses 2**-k a step, by a shift
OUTPUT_LEAK = 5
SPIKE_PENALTY = 2e-4  # of the loss, for each spike a sample: what does not fire costs no cycles
N_CALIBRATION = 200


class SpikingNet(nn.Module):
    """Leaky neurons of four time constants, and integrators that never fire as the readout."""

    def __init__(self, width: int) -> None:
        super().__init__()
        betas = [1.0 - 2.0 ** -LEAKS[k % len(LEAKS)] for k in range(width)]
        self.first = nn.Linear(event_streams.CHANNELS, width)
        self.neurons = LIF(betas)
        self.second = nn.Linear(width, event_streams.CLASSES)
        self.integrators = LIF(1.0 - 2.0**-OUTPUT_LEAK, reset="none", membranes=True)
        self.readout = Readout("membrane_mean")
        nn.init.normal_(self.first.weight, 0.0, 0.5)

    def forward(self, x: Tensor) -> Tensor:
        spikes = self.neurons(self.first(x))
        scores: Tensor = self.readout(self.integrators(self.second(spikes)))
        return scores

    def spikes(self, x: Tensor) -> Tensor:
        """Return the hidden spikes (batch, steps, width)."""
        fired: Tensor = self.neurons(self.first(x))
        return fired


class GruNet(nn.Module):
    """A GRU, and a linear layer on its last step."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gru = nn.GRU(event_streams.CHANNELS, width, batch_first=True)
        self.head = nn.Linear(width, event_streams.CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.gru(x)[0][:, -1])
        return scores


@dataclass(frozen=True, eq=False)
class Streams:
    """Streams (n, steps, channels) of 0 and 1, float32, and their classes (n,)."""

    x: Tensor
    y: Tensor


@dataclass(frozen=True, eq=False)
class Trained:
    """One width of one kind."""

    kind: str
    width: int
    seed: int
    model: nn.Module
    validation: float
    test: float
    spikes: float  # hidden ones a stream; 0 for a GRU

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        return sum(p.numel() for p in self.model.parameters())


def make_streams(count: int, seed: int) -> Streams:
    """Return samples of the task."""
    made, labels = event_streams.streams(count, seed)
    rows = [[list(step) for step in stream] for stream in made]
    return Streams(torch.tensor(rows, dtype=torch.float32), torch.tensor(labels))


def share(model: nn.Module, streams: Streams) -> float:
    """Return the share of streams, 0..1, whose class the model tells."""
    model.eval()
    with torch.no_grad():
        return float((model(streams.x).argmax(1) == streams.y).float().mean())


def train(kind: str, width: int, seed: int, epochs: int, say: Callable[[str], None]) -> Trained:
    """Return a network of this kind and width; validation data choose the epoch."""
    torch.manual_seed(seed)
    training = make_streams(TRAINING, TRAINING_SEED)
    validation = make_streams(VALIDATION, VALIDATION_SEED)
    test = make_streams(TEST, TEST_SEED)
    model: nn.Module = SpikingNet(width) if kind == "snn" else GruNet(width)
    optimizer = torch.optim.Adam(model.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    best, kept = -1.0, copy.deepcopy(model.state_dict())
    for epoch in range(1, epochs + 1):
        model.train()
        order = torch.randperm(TRAINING)
        for batch in order.split(BATCH):
            x, y = training.x[batch], training.y[batch]
            loss = nn.functional.cross_entropy(model(x), y)
            if isinstance(model, SpikingNet):
                loss = loss + SPIKE_PENALTY * model.spikes(x).sum() / len(x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
        seen = share(model, validation)
        if seen >= best:
            best, kept = seen, copy.deepcopy(model.state_dict())
        say(f"{kind} of {width}, seed {seed}: epoch {epoch}, validation {100 * seen:.1f} %")
    model.load_state_dict(kept)
    fired = 0.0
    if isinstance(model, SpikingNet):
        with torch.no_grad():
            fired = float(model.spikes(test.x).sum()) / TEST
    return Trained(kind, width, seed, model, best, share(model, test), fired)


def smallest(
    kind: str,
    accuracy: float,
    seeds: int,
    epochs: int,
    say: Callable[[str], None],
    done: Callable[[Trained], None],
) -> Trained | None:
    """Return the first width, upwards, of which a seed reaches the accuracy; None if none does.

    accuracy: share of the validation data, 0..1. Of several seeds the best one counts.
    """
    for width in WIDTHS[kind]:
        tried = [train(kind, width, seed, epochs, say) for seed in range(seeds)]
        for one in tried:
            done(one)
        best = max(tried, key=lambda one: one.validation)
        if best.validation >= accuracy:
            return best
    return None


def save(trained: Trained, path: Path) -> None:
    """Write the model with what an export asks for; its input is bytes of 0 and 1."""
    training = make_streams(N_CALIBRATION, TRAINING_SEED)
    test = make_streams(TEST, TEST_SEED)
    pyexport.save(
        trained.model.eval(),
        training.x[:1],
        path,
        input_range=(0, 1),
        labels=[f"pattern {number}" for number in range(event_streams.CLASSES)],
        calibration=training.x.numpy(),
        evaluation=(test.x.numpy(), test.y.numpy()),
    )


def row_of(one: Trained) -> tuple[str, ...]:
    return (
        one.kind,
        str(one.width),
        str(one.seed),
        str(one.parameters),
        f"{100 * one.validation:.2f} %",
        f"{100 * one.test:.2f} %",
        f"{one.spikes:.1f}",
    )


def show(every: list[Trained], found: dict[str, Trained | None], accuracy: float) -> None:
    header = ("kind", "width", "seed", "parameters", "validation", "test", "hidden spikes")
    print(table(header, [row_of(one) for one in every]))
    for kind, one in found.items():
        reached = f"{one.width} neurons reach" if one else "none of the widths reaches"
        print(f"{kind}: {reached} {100 * accuracy:g} % of the validation data")


def main() -> None:
    parser = Options(__doc__)
    parser.add_argument("--kinds", nargs="+", choices=sorted(WIDTHS), default=sorted(WIDTHS))
    parser.add_argument("--accuracy", type=float, default=0.9, help="to reach, default 0.9")
    parser.add_argument("--seeds", type=int, default=2, help="trainings of each width")
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--output", type=Path, default=Path(), help="folder for the two models")
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    chosen: argparse.Namespace = parser.parse_args()
    if not (0.0 < chosen.accuracy <= 1.0 and chosen.seeds >= 1 and chosen.epochs >= 1):
        raise UsageError("--accuracy lies in 0..1; --seeds and --epochs start at 1")
    if not chosen.output.is_dir():
        raise UsageError(f"{chosen.output}: no such folder; make it first")
    torch.set_num_threads(1)
    console = Console(stderr=True, quiet=chosen.json)
    every: list[Trained] = []
    with console.status("") as status:
        found = {
            kind: smallest(
                kind, chosen.accuracy, chosen.seeds, chosen.epochs, status.update, every.append
            )
            for kind in chosen.kinds
        }
    if not chosen.json:
        show(every, found, chosen.accuracy)
    for kind, one in found.items():
        if one is not None:
            save(one, chosen.output / f"{kind}.pt2")
    if chosen.json:
        print(
            json.dumps(
                {
                    "tried": [row_of(one) for one in every],
                    "smallest": {k: one and one.width for k, one in found.items()},
                }
            )
        )


if __name__ == "__main__":
    run_script(main)
