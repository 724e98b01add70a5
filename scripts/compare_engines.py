#!/usr/bin/env python3
"""Times one training sample in each engine: ours, and micrograd, NumPy, PyTorch where installed.

All train the same network on the same images with the same loss, in one process and one thread,
turn by turn, so that a busy machine slows all of them alike. The best round counts. The images are
in each engine's own form before the clock starts: encoded, or arrays and tensors.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pyexport.errors import FileFormatError, UsageError
from pyexport.scratch import MLP, SGD
from pyexport.scratch.console import progress, run_script, table
from pyexport.scratch.data import Samples
from pyexport.scratch.mnist import load_mnist
from pyexport.scratch.nn import ENGINES
from scripts.options import Options

RATE = 0.02
INPUT_BITS = 4  # of a pixel in the packed engine, as train_mnist_scratch.py has them
MNIST = "MNIST"
NOISE = "noise with as many black pixels, because MNIST was not found"
MOST_COUNTED = 512  # images that --count can train on
BATCH = 32  # of the second row of NumPy and PyTorch

Round = Callable[[], None]  # trains on its samples once
Engine = Callable[[Samples], Round]


def ours(sizes: Sequence[int], engine: str, input_bits: int = INPUT_BITS) -> Engine:
    """Return one of our engines, which trains a sample at a time."""
    network = MLP(*sizes, engine=engine, input_bits=input_bits)
    optimizer = SGD(RATE)
    network.train()

    def prepare(samples: Samples) -> Round:
        encoded = [(network.encode(row), target) for row, target in samples]

        def train() -> None:
            for row, target in encoded:
                network.step(row, target, loss="cross_entropy", optimizer=optimizer)

        return train

    return prepare


def with_micrograd(sizes: Sequence[int]) -> Engine:
    """Return micrograd's own MLP with the same loss, written in its Values."""
    nn: Any = importlib.import_module("micrograd.nn")
    network = nn.MLP(sizes[0], list(sizes[1:]))

    def prepare(samples: Samples) -> Round:
        rows = [([value / 256 for value in row], target) for row, target in samples]

        def train() -> None:
            for row, target in rows:
                outputs = network(row)
                highest = max(output.data for output in outputs)
                powers = [2.718281828459045 ** (output.data - highest) for output in outputs]
                total = sum(powers)
                network.zero_grad()
                # The derivative of the cross-entropy, as a weighted sum of outputs: micrograd has
                # no logarithm.
                weighted = sum(
                    output * (power / total - (index == target))
                    for index, (output, power) in enumerate(zip(outputs, powers, strict=True))
                )
                weighted.backward()
                for parameter in network.parameters():
                    parameter.data -= RATE * parameter.grad

        return train

    return prepare


def with_numpy(sizes: Sequence[int], batch: int) -> Engine:
    """Return an engine in NumPy, float32, written out by hand."""
    np: Any = importlib.import_module("numpy")
    generator = np.random.default_rng(0)
    weights = [
        generator.normal(0, (2 / n) ** 0.5, (n, m)).astype(np.float32) for n, m in pairwise(sizes)
    ]
    biases = [np.zeros(m, np.float32) for m in sizes[1:]]

    def prepare(samples: Samples) -> Round:
        rows = np.frombuffer(joined(samples), np.uint8)
        rows = rows.reshape(len(samples), -1).astype(np.float32) / 256
        targets = np.array(samples.targets)

        def train() -> None:
            for start in range(0, len(rows), batch):
                values = [rows[start : start + batch]]
                for index, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
                    value = values[-1] @ weight + bias
                    values.append(np.maximum(value, 0) if index < len(weights) - 1 else value)
                powers = np.exp(values[-1] - values[-1].max(axis=1, keepdims=True))
                gradient = powers / powers.sum(axis=1, keepdims=True)
                gradient[np.arange(len(gradient)), targets[start : start + batch]] -= 1
                gradient /= len(gradient)
                for index in range(len(weights) - 1, -1, -1):
                    below = (gradient @ weights[index].T) * (values[index] > 0) if index else None
                    weights[index] -= RATE * (values[index].T @ gradient)
                    biases[index] -= RATE * gradient.sum(axis=0)
                    gradient = below

        return train

    return prepare


def with_torch(sizes: Sequence[int], batch: int) -> Engine:
    """Return an engine in PyTorch, float32, as its tutorials write it."""
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(1)
    layers: list[Any] = []
    for n, m in pairwise(sizes):
        layers += [torch.nn.Linear(n, m), torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE)

    def prepare(samples: Samples) -> Round:
        pixels = torch.frombuffer(bytearray(joined(samples)), dtype=torch.uint8)
        rows = pixels.reshape(len(samples), -1) / 256
        targets = torch.tensor(samples.targets)

        def train() -> None:
            for start in range(0, len(rows), batch):
                optimizer.zero_grad()
                outputs = network(rows[start : start + batch])
                loss = torch.nn.functional.cross_entropy(outputs, targets[start : start + batch])
                loss.backward()
                optimizer.step()

        return train

    return prepare


def images(count: int, seed: int = 0) -> tuple[Samples, str]:
    """Return images and what they are: MNIST, or where it is not at hand, noise."""
    try:
        return load_mnist(train=count, test=0).train, MNIST
    except FileFormatError:
        generator = random.Random(seed)
        rows = [
            bytes(
                generator.randrange(1, 256) if generator.random() < 0.19 else 0 for _ in range(784)
            )
            for _ in range(count)
        ]
        return Samples(rows, [generator.randrange(10) for _ in rows]), NOISE


def joined(samples: Samples) -> bytes:
    """Return all the pixels, one image after the other."""
    return b"".join(row for row in samples.inputs if isinstance(row, bytes))


def contestants(sizes: Sequence[int], input_bits: int, slow: bool) -> dict[str, tuple[Engine, int]]:
    """Return the engines that are installed, each with the samples of a round."""
    found = {
        "packed, batch 1": (ours(sizes, "packed", input_bits), 256),
        "lists, batch 1": (ours(sizes, "lists"), 64),
    }
    if slow:
        found["value, batch 1"] = (ours(sizes, "value"), 8)
        if importlib.util.find_spec("micrograd"):
            found["micrograd, batch 1"] = (with_micrograd(sizes), 1)
    if importlib.util.find_spec("numpy"):
        for batch in (1, BATCH):
            found[f"NumPy, batch {batch}"] = (with_numpy(sizes, batch), 256)
    if importlib.util.find_spec("torch"):
        for batch in (1, BATCH):
            found[f"PyTorch, batch {batch}"] = (with_torch(sizes, batch), 256)
    return found


def compare(
    engines: dict[str, tuple[Engine, int]], samples: Samples, rounds: int
) -> dict[str, float]:
    """Return the CPU seconds of one training sample in each engine, the best of some rounds."""
    rounds_of = {
        name: (prepare(samples.part(0, count)), count) for name, (prepare, count) in engines.items()
    }
    best = dict.fromkeys(engines, float("inf"))
    for number in range(rounds):
        progress(f"round {number + 1} of {rounds}")
        for name, (train, count) in rounds_of.items():
            started = time.process_time()
            train()
            best[name] = min(best[name], (time.process_time() - started) / count)
    progress(f"compared {len(engines)} engines", last=True)
    return best


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = Options(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[784, 32, 10], metavar="N")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--fast", action="store_true", help="leave out value and micrograd")
    parser.add_argument("--input-bits", type=int, default=INPUT_BITS, help="of a pixel, packed")
    parser.add_argument("--count", type=int, help="only train --engine on N images, silently")
    parser.add_argument("--engine", choices=ENGINES, default="packed", help="that --count trains")
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    chosen = parser.parse_args(arguments)
    if chosen.sizes[0] != 784:
        raise UsageError(f"--sizes starts with {chosen.sizes[0]}; images have 784 pixels")
    if chosen.rounds < 1:
        raise UsageError(f"--rounds is {chosen.rounds}; rounds start at 1")
    if chosen.count is not None and not 0 <= chosen.count <= MOST_COUNTED:
        raise UsageError(f"--count is {chosen.count}; give 0 to {MOST_COUNTED}")
    return chosen


def main() -> None:
    chosen = parse_arguments()
    if chosen.count is not None:  # what an instruction counter runs
        # Always as many are loaded, so that two counts differ by their training alone.
        samples, source = images(MOST_COUNTED)
        prepare = ours(chosen.sizes, chosen.engine, chosen.input_bits)
        for number in range(chosen.count):  # encoding an image is part of what is counted
            prepare(samples.part(number, number + 1))()
        if source != MNIST:
            progress(f"the images are {source}", last=True)
        return
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"  # read by NumPy and PyTorch when they are imported, below
    samples, source = images(256)
    engines = contestants(chosen.sizes, chosen.input_bits, slow=not chosen.fast)
    seconds = compare(engines, samples, chosen.rounds)
    if chosen.json:
        made = {"images": source, "sizes": chosen.sizes, "input_bits": chosen.input_bits}
        print(json.dumps(made | {"seconds": seconds}))
        return
    packed = seconds["packed, batch 1"]
    rows = [
        (name, f"{1e6 * value:,.1f}", f"{value / packed:,.2f}") for name, value in seconds.items()
    ]
    print(
        f"{'-'.join(map(str, chosen.sizes))}, one training sample, best of {chosen.rounds} rounds"
    )
    print(f"images: {source}; packed takes {chosen.input_bits} bits of a pixel, the others all 8")
    print(table(("engine", "CPU microseconds", "times packed"), rows))
    for name in ("micrograd", "numpy", "torch"):
        if importlib.util.find_spec(name) is None:
            print(f"{name} is not installed")


if __name__ == "__main__":
    run_script(main)
