"""Options for what a NIR file of a spiking network cannot say."""

from typing import Annotated

import typer

from pyexport.frontends.snn_options import ENCODINGS, READOUTS, RESETS, SnnOptions
from pyexport.input_ranges import Declared

ResetOption = Annotated[
    str | None,
    typer.Option("--snn-reset", metavar="RESET", help=f"Of a NIR file: {', '.join(RESETS)}."),
]
DtOption = Annotated[
    float | None, typer.Option("--snn-dt", help="Of a NIR file: seconds of a step, e.g. 1e-4.")
]
StepsOption = Annotated[int | None, typer.Option("--snn-steps", help="Of a NIR file: steps.")]
EncodingOption = Annotated[
    str | None,
    typer.Option(
        "--snn-encoding", metavar="ENCODING", help=f"Of a NIR file: {', '.join(ENCODINGS)}."
    ),
]
ReadoutOption = Annotated[
    str | None,
    typer.Option("--snn-readout", metavar="READOUT", help=f"Of a NIR file: {', '.join(READOUTS)}."),
]


def snn_options(
    reset: str | None,
    dt: float | None,
    steps: int | None,
    encoding: str | None,
    readout: str | None,
    declared: Declared,
) -> SnnOptions:
    """Return what was said about a NIR file; an input range counts only beside other options."""
    said = SnnOptions(reset, dt, steps, encoding, readout)
    span = declared if isinstance(declared, tuple) else None
    return said.or_else(SnnOptions(input_range=span))
