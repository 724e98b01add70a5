"""What all runners share on the input side: a few fixed inputs, and whether there is an argmax."""

from __future__ import annotations

import numpy as np

from pyexport.errors import UsageError
from pyexport.runners.blobs import Blob, Slot, numpy_type
from pyexport.runners.build import Recipe
from pyexport.runners.protocol import Array

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
    random = np.random.default_rng(0)
    given = Slot(
        "in",
        interface.input_dtype,
        interface.input_size,
        interface.input_low,
        interface.input_high,
    )
    slots = interface.inputs or (given,)
    return np.concatenate([_values(slot, random) for slot in slots], axis=1).astype(
        Blob(slots).row_type
    )


def _values(slot: Slot, random: np.random.Generator) -> Array:
    shape, dtype = (_CHECK_INPUTS, slot.size), numpy_type(slot.dtype)
    if slot.dtype == "f32":
        inputs = random.uniform(slot.low, slot.high, shape).astype(dtype)
    else:
        inputs = random.integers(int(slot.low), int(slot.high), shape, endpoint=True).astype(dtype)
    inputs[0], inputs[1] = slot.low, slot.high
    return inputs
