"""What NIR cannot say about a spiking network, given by the user or noted in the file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from pyexport.errors import FileFormatError, UsageError
from pyexport.frontends.nir_file import Field
from pyexport.untrusted import printable

DELAYED = "-delayed"
RESETS = ("subtract", "zero", "none", "carry", f"subtract{DELAYED}", f"zero{DELAYED}")
ENCODINGS = ("direct", "rate", "latency", "delta:THRESHOLD", "steps")
READOUTS = ("count", "first_spike", "membrane_mean", "membrane_last")


@dataclass(frozen=True)
class SnnOptions:
    """What a NIR file leaves open; None where nothing is said."""

    reset: str | None = None  # one of RESETS
    dt: float | None = None  # seconds of a step
    steps: int | None = None
    encoding: str | None = None  # one of ENCODINGS, "steps" where the input is a sequence already
    readout: str | None = None  # one of READOUTS
    input_range: tuple[float, float] | None = None  # of rate and latency encoding

    def __post_init__(self) -> None:
        self._one_of("reset", RESETS)
        self._one_of("readout", READOUTS)
        if self.encoding is not None and self.delta is None:
            self._one_of("encoding", ENCODINGS)
        if self.dt is not None and not 0.0 < self.dt < math.inf:
            raise UsageError(f"--snn-dt {self.dt:g}: give the seconds of a step, above 0")
        if self.steps is not None and self.steps < 1:
            raise UsageError(f"--snn-steps {self.steps}: give 1 or more")

    def _one_of(self, name: str, known: tuple[str, ...]) -> None:
        value = getattr(self, name)
        if value is not None and value not in known:
            raise UsageError(
                f"--snn-{name} {printable(value, 40)} is unknown; use one of {', '.join(known)}"
            )

    @property
    def delta(self) -> float | None:
        """The threshold of "delta:0.5"; None of any other encoding."""
        kind, colon, number = (self.encoding or "").partition(":")
        if kind != "delta" or not colon:
            return None
        try:
            threshold = float(number)
        except ValueError:
            threshold = 0.0
        if not 0.0 < threshold < math.inf:
            raise UsageError(
                f"--snn-encoding {printable(self.encoding, 40)}: write delta:THRESHOLD, a change "
                "above 0"
            )
        return threshold

    def or_else(self, other: SnnOptions) -> SnnOptions:
        """Return these options, and the other ones where these say nothing."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(other, **{name: v for name, v in found.items() if v is not None})

    @property
    def given(self) -> bool:
        """Whether anything is said that only a NIR file needs."""
        return replace(self, input_range=None) != SnnOptions()


def noted(metadata: Mapping[str, Field], where: str) -> SnnOptions:
    """Return what the metadata of a node says under our names; others' notes are left alone."""
    texts = {key: _text(metadata, key) for key in ("reset", "encoding", "readout")}
    dt, steps, low, high = (_number(metadata, k) for k in ("dt", "steps", "low", "high"))
    span = None if low is None or high is None else (low, high)
    try:
        return SnnOptions(
            texts["reset"],
            dt,
            None if steps is None else int(steps),
            texts["encoding"],
            texts["readout"],
            span,
        )
    except (UsageError, ValueError, OverflowError) as error:
        reason = printable(str(error).removeprefix("--"))
        raise FileFormatError(f"{where}: its metadata {reason}") from None


def _text(metadata: Mapping[str, Field], key: str) -> str | None:
    value = metadata.get(f"pyexport_{key}")
    return value if isinstance(value, str) else None


def _number(metadata: Mapping[str, Field], key: str) -> float | None:
    value = metadata.get(f"pyexport_{key}")
    if value is None or isinstance(value, str) or value.size != 1:
        return None
    return float(value.reshape(-1)[0])
