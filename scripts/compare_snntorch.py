#!/usr/bin/env python3
"""Compares random spiking networks of snnTorch with what pyexport makes of them, spike for spike.

    python scripts/compare_snntorch.py --nets 100

Each network is linear, neurons, linear, neurons. Every spike of both layers is compared with those
of pyexport.snn (float32, bit for bit, membranes too) and of the float reference, which evaluates
the exported graph in float64, as the network of snnTorch then does.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pyexport.frontends.torch_save import from_torch
from pyexport.reference import evaluate
from pyexport.snn import from_snntorch

MODES = tuple(itertools.product(("Leaky", "Synaptic"), ("subtract", "zero", "none"), (True, False)))
N_IN = 12


@dataclass
class Row:
    """What was compared in one mode."""

    neurons: str
    reset: str
    reset_delay: bool
    compared: int = 0  # spikes or their absence: steps x neurons of both layers
    fired: int = 0
    differ: int = 0  # spikes of pyexport.snn in float32
    membranes: int = 0  # membranes of pyexport.snn in float32 whose bits differ
    reference: int = 0  # spikes of the float reference in float64


def random_net(mode: tuple[str, str, bool], neurons: int, seed: int) -> nn.Sequential:
    """Return linear, neurons, linear, neurons; every other net has one beta for all of a layer."""
    import snntorch

    kind, reset, delay = mode
    torch.manual_seed(seed)
    size = () if seed % 2 else (neurons,)

    def layer() -> Any:
        beta, alpha = torch.rand(size) * 0.98, torch.rand(size) * 0.9
        rest = {"threshold": torch.rand(size) + 0.3, "reset_mechanism": reset}
        if kind == "Leaky":
            return snntorch.Leaky(beta, **rest, reset_delay=delay)
        return snntorch.Synaptic(alpha, beta, **rest, reset_delay=delay)

    first, second = nn.Linear(N_IN, neurons), nn.Linear(neurons, neurons)
    with torch.no_grad():  # both layers are to fire, some neurons rarely, others at every step
        first.weight *= 3.0
        second.weight *= 4.0
    return nn.Sequential(first, layer(), second, layer())


def spikes_of(net: nn.Sequential, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Return spikes and membranes (steps, n) of each layer, step by step as snnTorch does it."""
    layers: list[Any] = list(net)
    states: dict[int, Any] = {i: layers[i].reset_mem() for i in (1, 3)}
    spikes: dict[int, list[Tensor]] = {1: [], 3: []}
    membranes: dict[int, list[Tensor]] = {1: [], 3: []}
    with torch.no_grad():
        for step in x:
            value = step.clone()[None]
            for i, layer in enumerate(layers):
                if i not in states:
                    value = layer(value)
                    continue
                before = states[i] if isinstance(states[i], tuple) else (states[i],)
                value, *after = layer(value, *before)
                states[i] = tuple(after)
                value = value.to(x.dtype)  # snnTorch's spikes are float32 always
                spikes[i].append(value[0])
                membranes[i].append(after[-1][0])
    return [torch.stack(spikes[i]) for i in (1, 3)], [torch.stack(membranes[i]) for i in (1, 3)]


def compare(nets: int, steps: int = 40, neurons: int = 50) -> list[Row]:
    """Return what was compared of so many random networks in each mode."""
    rows = [Row(*mode) for mode in MODES]
    for row, mode in zip(rows, MODES, strict=True):
        for seed in range(nets):
            net = random_net(mode, neurons, seed)
            x = torch.rand(steps, N_IN)
            compare_modules(row, net, x)
            compare_reference(row, net.double(), x.double())
    return rows


def compare_modules(row: Row, net: nn.Sequential, x: Tensor) -> None:
    theirs, their_membranes = spikes_of(net, x)
    ours: list[Any] = list(from_snntorch(net, steps=None, encoding=None, readout="count"))
    ours[1].membranes = True
    value: Any = x[None]
    with torch.no_grad():
        for layer, wanted in zip((0, 2), zip(theirs, their_membranes, strict=True), strict=True):
            # Step by step and where memory is aligned, as snnTorch's are: sums in the same order.
            steps = [ours[layer](step.clone()[None])[0] for step in value[0]]
            currents = torch.stack(steps)[None]
            spikes, membranes = ours[layer + 1](currents)
            row.compared += spikes.numel()
            row.fired += int(wanted[0].sum())
            row.differ += int((spikes[0] != wanted[0]).sum())
            row.membranes += int((membranes[0] != wanted[1]).sum())
            value = spikes


def compare_reference(row: Row, net: nn.Sequential, x: Tensor) -> None:
    theirs, _ = spikes_of(net, x)
    ours = from_snntorch(net, steps=None, encoding=None, readout="count")
    graph = from_torch(ours, x[None]).graph
    values = evaluate(graph, x.numpy()[None])
    layers = [node for node in graph.nodes if node.op.kind == "lif"]
    for node, wanted in zip(layers, theirs, strict=True):
        row.reference += int(np.count_nonzero(values[node.outputs[0]][0] != wanted.numpy()))


def main() -> int:
    """Print the table; returns 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", type=int, default=100)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    rows = compare(options.nets)
    print("neurons   reset     delayed  compared    fired  differ  membranes  reference")
    for row in rows:
        print(
            f"{row.neurons:<10}{row.reset:<10}{row.reset_delay!s:<7}{row.compared:>10}"
            f"{row.fired:>9}{row.differ:>8}{row.membranes:>11}{row.reference:>11}"
        )
    return int(any(row.differ or row.membranes or row.reference for row in rows))


if __name__ == "__main__":
    sys.exit(main())
