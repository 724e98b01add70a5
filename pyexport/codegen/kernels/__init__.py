"""Turns one Step into the values that its template prints: every number is made here.

A kernel called NAME has a module NAME in this folder with `values` and, where its body calls any,
`HELPERS`: templates that are printed once a header.
"""

import importlib
from typing import Any

from pyexport.program import Step


def kernel_values(step: Step) -> dict[str, Any]:
    """Return the template variables of a step's specialization."""
    values: dict[str, Any] = _module(step).values(dict(step.params))
    return values


def kernel_helpers(step: Step) -> tuple[str, ...]:
    """Return the helper templates that the body of a step's kernel calls."""
    helpers: tuple[str, ...] = getattr(_module(step), "HELPERS", ())
    return helpers


def _module(step: Step) -> Any:
    return importlib.import_module(f"{__name__}.{step.kernel}")
