"""Convolutions with two sums in a word: blocks of outputs whose sums stay in registers."""

from typing import Any

from pyexport.codegen.swar_windows import HELPERS, window_note, window_values

__all__ = ["HELPERS", "values"]


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    return {**window_values(params), "note": window_note(params, "two sums in a word")}
