"""What all operators share: their base class, and arrays that nobody can change."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Op:
    """Base of all operators; `kind` is the name that errors, artifacts and kernels use."""

    kind: ClassVar[str]


def freeze(op: object, *names: str) -> None:
    """Make the arrays of these fields read-only, for the constructor of an operator.

    An array that is read-only already is kept as it is, so that two operators made from the same
    parameter share one object; any other is copied.
    """
    for name in names:
        value = getattr(op, name)
        if isinstance(value, np.ndarray) and not value.flags.writeable and value.base is None:
            continue
        array = np.array(value)
        array.setflags(write=False)
        object.__setattr__(op, name, array)


def require(condition: bool, problem: str) -> None:
    """Raise ValueError(problem) unless the condition holds."""
    if not condition:
        raise ValueError(problem)
