"""Turns one Step into the values that its template prints: every number is made here.

A kernel called NAME has a module NAME in this folder with `values` and, where its body calls any,
`HELPERS`: templates that are printed once a header. Those that are printed once for each set of
values, `helper_values` names.
"""

import importlib
from typing import Any

from pyexport.program import Step

Helper = tuple[str, dict[str, Any]]  # a template and the values that it prints


def kernel_values(step: Step) -> dict[str, Any]:
    """Return the template variables of a step's specialization."""
    values: dict[str, Any] = _module(step).values(dict(step.params))
    return values


def kernel_helpers(step: Step) -> tuple[Helper, ...]:
    """Return what the body of a step's kernel calls: templates, and values of their own."""
    module = _module(step)
    shared: tuple[Helper, ...] = tuple((name, {}) for name in getattr(module, "HELPERS", ()))
    own = getattr(module, "helper_values", None)
    return shared if own is None else (*shared, *own(dict(step.params)))


def _module(step: Step) -> Any:
    return importlib.import_module(f"{__name__}.{step.kernel}")
