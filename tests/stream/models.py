"""Models over whole sequences that are exported one step at a time, without PyTorch."""

from __future__ import annotations

from functools import cache
from typing import Any

from pyexport.ir import Model
from pyexport.pipeline import Export, ExportOptions, export_model
from scripts import recurrent_nets
from scripts.recurrent_nets import CLASSES, N_IN, STEPS, N

__all__ = ["CLASSES", "KINDS", "N_IN", "STEPS", "N", "exported", "sequence_model"]


def sequence_model(kind: str, **options: Any) -> Model:
    """Return "gru", "lstm" or "two" (a GRU reads every step of an LSTM), and a linear head."""
    return recurrent_nets.sequence_model({"two": "lstm-gru"}.get(kind, kind), **options)


@cache
def exported(kind: str, *, stream: bool = True, gain: float = 1.0, n: int = N) -> Export:
    """Return the export of a model, one step at a time or of the whole sequence."""
    return export_model(sequence_model(kind, gain=gain, n=n), ExportOptions("net", stream=stream))


KINDS = ("gru", "lstm", "two")
