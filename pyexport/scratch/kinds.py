"""The kinds of layers: what a file calls each, and how they may follow each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from pyexport.errors import UsageError
from pyexport.scratch.layers import (
    Dropout,
    Layer,
    LeakyReLU,
    Linear,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from pyexport.scratch.spiking import (
    COMPARISONS,
    ENCODINGS,
    METHODS,
    RESETS,
    Encode,
    Lif,
    Readout,
    check_spiking,
)
from pyexport.untrusted import printable


@dataclass(frozen=True)
class Kind:
    """A kind of layer, as a file knows it."""

    make: Callable[..., Layer]  # its class, called with its numbers
    numbers: Mapping[str, str] = field(default_factory=dict)  # name in a file -> in the class
    choices: Mapping[str, tuple[str | bool, ...]] = field(default_factory=dict)  # named alike


# Every layer that a file may hold.
KINDS = {
    "linear": Kind(Linear, {"inputs": "n_in", "outputs": "n_out"}),
    "relu": Kind(ReLU),
    "leaky_relu": Kind(LeakyReLU, {"slope": "slope"}),
    "sigmoid": Kind(Sigmoid),
    "tanh": Kind(Tanh),
    "dropout": Kind(Dropout, {"rate": "probability"}),
    "softmax": Kind(Softmax),
    "encode": Kind(
        Encode,
        {"steps": "steps", "low": "low", "high": "high"},
        {"encoding": ENCODINGS},
    ),
    "lif": Kind(
        Lif,
        {name: name for name in ("beta", "threshold", "alpha", "v_reset", "refractory")},
        {"reset": RESETS, "reset_delay": (True, False), "compare": COMPARISONS},
    ),
    "readout": Kind(Readout, {}, {"method": METHODS}),
}


def make_layer(kind: str, numbers: Mapping[str, float], choices: Mapping[str, str | bool]) -> Layer:
    """Return a layer as a file states it; raises UsageError for numbers that it refuses."""
    known = KINDS[kind]
    return known.make(**{own: numbers[stated] for stated, own in known.numbers.items()}, **choices)


def check_layers(layers: Sequence[object]) -> list[Linear]:
    """Return the linear layers; refuses what is no layer, and sizes that differ."""
    for number, layer in enumerate(layers):
        if isinstance(layer, type):
            name = printable(layer.__name__, 40)
            raise UsageError(f"layer {number} is the class {name}; write {name}(...)")
        if not callable(getattr(layer, "forward", None)):
            raise UsageError(
                f"layer {number}, {printable(repr(layer), 40)}, is no layer; give Linear, ReLU and"
                " the like one by one, or an object with forward(x, training)"
            )
    linears = [layer for layer in layers if isinstance(layer, Linear)]
    if not linears:
        raise UsageError("a network needs at least one Linear layer; give it one")
    for first, second in pairwise(linears):
        if first.n_out != second.n_in:
            raise UsageError(f"{first} is followed by {second}: sizes differ; make them agree")
    check_spiking(layers)
    return linears
