"""Functions of one element: clamps, PReLU, and the curves that the integers keep as tables."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from pyexport.operators.base import Array, Op, freeze, require

FUNCTIONS: dict[str, tuple[str, ...]] = {  # name -> its parameters
    "leaky_relu": ("slope",),  # x if x >= 0, else slope * x
    "elu": ("alpha", "scale"),  # scale * (x if x > 0, else alpha * (exp(x) - 1))
    "celu": ("alpha",),  # x if x > 0, else alpha * (exp(x / alpha) - 1)
    "sigmoid": (),  # 1 / (1 + exp(-x))
    "log_sigmoid": (),
    "tanh": (),
    "hardsigmoid": (),  # min(max(x / 6 + 1 / 2, 0), 1)
    "hardswish": (),  # x * hardsigmoid(x)
    "silu": (),  # x * sigmoid(x)
    "mish": (),  # x * tanh(log(1 + exp(x)))
    "gelu": (),  # x * (1 + erf(x / sqrt(2))) / 2
    "gelu_tanh": (),  # its approximation by a tanh
    "softplus": (
        "beta",
        "threshold",
    ),  # log(1 + exp(beta * x)) / beta; x where beta * x > threshold
    "softsign": (),  # x / (1 + abs(x))
    "exp": (),
    "abs": (),
}


@dataclass(frozen=True)
class Clamp(Op):
    """y = min(max(x, low), high). ReLU is low 0 and high infinity, ReLU6 is 0 and 6."""

    kind: ClassVar[str] = "clamp"
    low: float
    high: float


@dataclass(frozen=True)
class Activation(Op):
    """y = function(x), element by element; `function` is a key of FUNCTIONS."""

    kind: ClassVar[str] = "activation"
    function: str
    parameters: tuple[float, ...] = ()  # in the order of FUNCTIONS[function]

    def __post_init__(self) -> None:
        require(self.function in FUNCTIONS, f"activation: {self.function!r} is unknown")
        wanted = FUNCTIONS[self.function]
        require(
            len(self.parameters) == len(wanted) and all(map(math.isfinite, self.parameters)),
            f"{self.function}: takes {len(wanted)} finite parameters, not {self.parameters}",
        )

    def parameter(self, name: str) -> float:
        """Return the parameter of that name."""
        return self.parameters[FUNCTIONS[self.function].index(name)]


@dataclass(frozen=True, eq=False)
class PRelu(Op):
    """y = x if x >= 0, else slope * x, with a slope for each element of the last axis."""

    kind: ClassVar[str] = "prelu"
    slope: Array  # (n,), float

    def __post_init__(self) -> None:
        freeze(self, "slope")
        require(self.slope.ndim == 1, f"prelu: slope {self.slope.shape} is not one an element")
