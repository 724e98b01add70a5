"""Inputs that a network has prepared once, to take them often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyexport.scratch.backends.plan import Plan


class Encoded:
    """An input in the form of one kind of network; Sequential.encode makes it."""

    __slots__ = ("data", "form")

    def __init__(self, data: Any, form: Plan | None) -> None:
        self.data = data
        self.form = form  # the fixed-point formats of the layer that takes it; None: floats


Input = Sequence[float] | Encoded
