"""The multilayer perceptron: the network that most people want first."""

from __future__ import annotations

from itertools import pairwise

from pyexport.errors import UsageError
from pyexport.scratch.backends.packed import PIXEL_BITS
from pyexport.scratch.kinds import KINDS
from pyexport.scratch.layers import Layer, Linear
from pyexport.scratch.nn import Sequential

ACTIVATIONS = ("relu", "leaky_relu", "sigmoid", "tanh")


class MLP(Sequential):
    """Linear layers of these sizes with the activation between them: MLP(784, 64, 10)."""

    def __init__(
        self,
        *sizes: int,
        activation: str = "relu",
        output_gain: float = 1.0,
        seed: int = 0,
        engine: str = "packed",
        input_bits: int = PIXEL_BITS,
        clip: float = 4.0,
    ) -> None:
        if len(sizes) < 2:
            raise UsageError("MLP needs at least two sizes: inputs and outputs, e.g. MLP(784, 10)")
        if activation not in ACTIVATIONS:
            raise UsageError(f"no activation {activation!r}; use one of {', '.join(ACTIVATIONS)}")
        init = "xavier" if activation in ("sigmoid", "tanh") else "he"
        layers: list[Layer] = []
        for n_in, n_out in pairwise(sizes[:-1]):
            layers += [Linear(n_in, n_out, init), KINDS[activation].make()]
        layers.append(Linear(sizes[-2], sizes[-1], init, gain=output_gain))
        super().__init__(*layers, seed=seed, engine=engine, input_bits=input_bits, clip=clip)
