"""What all runners share on the input side: a few fixed inputs, and whether there is an argmax."""

from __future__ import annotations

import numpy as np

from pyexport.errors import UsageError
from pyexport.runners.build import Recipe
from pyexport.runners.protocol import Array, numpy_type

_CHECK_INPUTS = 20


def require_argmax(recipe: Recipe) -> None:
    """Raise UsageError if the header has no argmax."""
    if not recipe.interface.has_class:
        raise UsageError(f"{recipe.shown}: model {recipe.interface.name} has no argmax")


def check_inputs(recipe: Recipe) -> Array:
    """Return a few legal inputs, the same each time: all least, all greatest, and random ones.

    What is proved of a header holds for legal inputs only: others may overflow its sums.
    """
    interface = recipe.interface
    shape = (_CHECK_INPUTS, interface.input_size)
    low, high = interface.input_low, interface.input_high
    random = np.random.default_rng(0)
    dtype = numpy_type(interface.input_dtype)
    if interface.input_dtype == "f32":
        inputs = random.uniform(low, high, shape).astype(dtype)
    else:
        inputs = random.integers(int(low), int(high), shape, endpoint=True).astype(dtype)
    inputs[0], inputs[1] = low, high
    return inputs
