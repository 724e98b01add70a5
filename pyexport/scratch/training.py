"""The training loop: seeded order, falling learning rate, and validation data that choose."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pyexport.errors import UsageError
from pyexport.scratch.data import Samples, batches, check_targets
from pyexport.scratch.losses import find_loss
from pyexport.scratch.nn import Sequential
from pyexport.scratch.optim import SGD


@dataclass(frozen=True)
class Recipe:
    """How to train; rates are of stochastic gradient descent and fall on a straight line."""

    loss: str = "cross_entropy"
    epochs: int = 1
    rate: float = 0.02
    final_rate: float = 0.001
    batch: int = 1
    skip_below: float = 0.0  # samples with a smaller loss are not trained on in this epoch
    time_budget: float | None = None  # CPU seconds after which to stop; the rate falls by then
    seed: int = 0
    looks: int = 1  # looks at the validation data in an epoch

    def __post_init__(self) -> None:
        find_loss(self.loss)
        if self.epochs < 1 or self.batch < 1 or self.looks < 1:
            raise UsageError(
                f"epochs, batch and looks start at 1; not {self.epochs}, {self.batch}, {self.looks}"
            )
        if not 0.0 < self.final_rate <= self.rate < math.inf:
            raise UsageError(
                f"the rate must fall to a positive one, not from {self.rate} to {self.final_rate};"
                " give final_rate too"
            )
        if math.isnan(self.skip_below):
            raise UsageError("skip_below is NaN; use 0 to train on every sample")
        if self.time_budget is not None and not self.time_budget > 0.0:
            raise UsageError(
                f"a time budget of {self.time_budget} seconds leaves no time; give more than 0"
            )


@dataclass(frozen=True)
class Look:
    """What was known at one time of a training."""

    epoch: float  # share of the data seen, in epochs
    samples: int
    seconds: float  # CPU time of training and looking so far
    loss: float  # mean over the samples since the look before
    accuracy: float  # share of the validation data, 0..1


def accuracy(network: Sequential, samples: Samples) -> float:
    """Return the share of samples, 0..1, whose largest output is their class.

    The network is in eval mode then; call train() before you go on.
    """
    if not len(samples):
        raise UsageError("there are no samples to measure the accuracy on; split some off")
    network.eval()
    return sum(network.classify(row) == target for row, target in samples) / len(samples)


def fit(
    network: Sequential, samples: Samples, validation: Samples, recipe: Recipe
) -> Iterator[Look]:
    """Train, yielding each look; at the end the weights of the best look are back in place.

    On equal accuracy the later weights count as better. The same seed gives the same weights, but
    not with a time budget. What the packed engine sees more than once it keeps encoded: some 3 kB
    for an MNIST image.
    """
    if not len(samples):
        raise UsageError("there are no samples to train on; read or split the data again")
    if not len(validation):
        raise UsageError("there are no samples to choose the weights by; split some off")
    for part, what in ((samples, "training data"), (validation, "validation data")):
        check_targets(part, max(network.n_out, 2), what)
    clock = _Clock(recipe, recipe.epochs * len(samples))
    if recipe.epochs > 1:
        samples = _encoded(network, samples)
    if recipe.epochs * recipe.looks > 1:
        validation = _encoded(network, validation)
    optimizer = SGD(clock.rate)
    best, kept = -1.0, _weights(network)
    for epoch in range(recipe.epochs):
        limits = [round(len(samples) * (k + 1) / recipe.looks) for k in range(recipe.looks)]
        total, count, seen = 0.0, 0, 0
        network.train()
        for batch in batches(samples, recipe.batch, recipe.seed * 1_000_003 + epoch):
            loss = network.step_batch(
                batch.inputs,
                batch.targets,
                loss=recipe.loss,
                optimizer=optimizer,
                skip_below=recipe.skip_below,
            )
            total += loss * len(batch)
            count += len(batch)
            seen += len(batch)
            clock.samples += len(batch)
            over = clock.over()
            if seen >= limits[0] or over:
                share = accuracy(network, validation)
                if share >= best:
                    best, kept = share, _weights(network)
                network.train()
                limits = [limit for limit in limits if limit > seen]
                yield Look(
                    epoch + seen / len(samples),
                    clock.samples,
                    clock.seconds(),
                    total / count,
                    share,
                )
                total, count = 0.0, 0
            if over:
                break
        if clock.over():
            break
    network.eval()
    for layer, (weight, bias) in zip(network.linears, kept, strict=True):
        layer.load(weight, bias)


def _encoded(network: Sequential, samples: Samples) -> Samples:
    """Return the samples in the form that costs least to train on; other engines gain nothing."""
    if network.engine != "packed":
        return samples
    inputs: list[Any] = [network.encode(row) for row in samples.inputs]
    return Samples(inputs, samples.targets)


class _Clock:
    """Counts samples and CPU time; the rate follows whichever is nearer to its end."""

    def __init__(self, recipe: Recipe, total: int) -> None:
        self.samples = 0
        self._recipe = recipe
        self._total = total
        self._start = time.process_time()

    def seconds(self) -> float:
        return time.process_time() - self._start

    def over(self) -> bool:
        budget = self._recipe.time_budget
        return budget is not None and self.seconds() >= budget

    def rate(self, step: int) -> float:
        """Return the learning rate; skipped samples count, so `step` does not decide it."""
        share = self.samples / self._total
        if self._recipe.time_budget is not None:
            share = min(max(share, self.seconds() / self._recipe.time_budget), 1.0)
        return self._recipe.rate + (self._recipe.final_rate - self._recipe.rate) * share


def _weights(network: Sequential) -> list[tuple[list[list[float]], list[float]]]:
    return [(layer.weight, layer.bias) for layer in network.linears]
