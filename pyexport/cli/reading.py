"""Options that say how a model file is read: defined once, for every command that reads one."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from pyexport.errors import UsageError
from pyexport.frontends import load_model
from pyexport.frontends.snn_options import ENCODINGS, READOUTS, RESETS, SnnOptions
from pyexport.frontends.weight_files import Layers, parse_input_shape
from pyexport.input_ranges import Declared
from pyexport.ir import Model
from pyexport.untrusted import printable

_OF_NIR = {  # options that make the network: field, option, type
    "snn_reset": ("--snn-reset", str),
    "snn_dt": ("--snn-dt", float),
    "snn_steps": ("--snn-steps", int),
    "snn_encoding": ("--snn-encoding", str),
    "snn_readout": ("--snn-readout", str),
}


@dataclass(frozen=True)
class Reading:
    """What a command line says about a file beside its name; each field is an option."""

    arch: Annotated[
        str | None,
        typer.Option(
            "--arch", help="Layers of a file of weights: sizes and letters, e.g. 64-32r-16r-10."
        ),
    ] = None
    code: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="FILE.py:NAME",
            help="Class or function that makes the network of a file of weights; runs that file.",
        ),
    ] = None
    example: Annotated[
        str | None,
        typer.Option(
            "--input", metavar="SHAPE", help="Shape of one example, for --model or --trust: 1,64."
        ),
    ] = None
    snn_reset: Annotated[
        str | None,
        typer.Option("--snn-reset", metavar="RESET", help=f"Of a NIR file: {', '.join(RESETS)}."),
    ] = None
    snn_dt: Annotated[
        float | None, typer.Option("--snn-dt", help="Of a NIR file: seconds of a step, e.g. 1e-4.")
    ] = None
    snn_steps: Annotated[int | None, typer.Option("--snn-steps", help="Of a NIR file: steps.")] = (
        None
    )
    snn_encoding: Annotated[
        str | None,
        typer.Option(
            "--snn-encoding", metavar="ENCODING", help=f"Of a NIR file: {', '.join(ENCODINGS)}."
        ),
    ] = None
    snn_readout: Annotated[
        str | None,
        typer.Option(
            "--snn-readout", metavar="READOUT", help=f"Of a NIR file: {', '.join(READOUTS)}."
        ),
    ] = None
    trust: Annotated[
        bool,
        typer.Option(
            "--trust",
            help="Open a file that can only be run, such as TorchScript or a pickle; runs it.",
        ),
    ] = False

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Return the shape of one example; raises UsageError."""
        return parse_input_shape(self.example)

    def check(self) -> None:
        """Raise UsageError for options that do not go together, before any file is read."""
        Layers(self.arch, self.code, self.shape, self.trust)
        self.snn(None)

    def snn(self, declared: Declared) -> SnnOptions:
        """Return what is said of a NIR file; an input range is of its encoder if it has none."""
        span = declared if isinstance(declared, tuple) else None
        said = (self.snn_reset, self.snn_dt, self.snn_steps, self.snn_encoding, self.snn_readout)
        return SnnOptions(*said, input_range=span)

    def words(self) -> tuple[str, ...]:
        """Return the options as words, without the folder of code that was run."""
        said: list[tuple[str, Any]] = [("--arch", self.arch), ("--input", self.example)]
        if self.code is not None:
            said.append(("--model", Path(self.code).name))
        said += [(option, getattr(self, name)) for name, (option, _) in _OF_NIR.items()]
        found = [word for option, value in said if value is not None for word in (option, value)]
        return (*map(str, found), *(["--trust"] if self.trust else []))

    def of_export(self, options: tuple[str, ...], where: str) -> Reading:
        """Return what an export was made with of a NIR file; raises UsageError for anything else.

        options: the words that its artifact keeps.
        """
        stored = dict(pairwise(options))
        filled: dict[str, Any] = {}
        for name, (option, as_type) in _OF_NIR.items():
            own, word = getattr(self, name), stored.get(option)
            try:
                kept = None if word is None else as_type(word)
            except ValueError:
                raise UsageError(f"{where}: {option} {printable(word or '', 40)} is none") from None
            if own is not None and own != kept:
                was = f"with {option} {kept}" if kept is not None else f"without {option}"
                raise UsageError(f"{option} {own}: {where} was exported {was}; leave it out")
            filled[name] = kept
        return replace(self, **filled)

    def load(self, path: Path, declared: Declared = None) -> Model:
        """Return the model of a file; raises PyexportError."""
        return load_model(
            path,
            trust=self.trust,
            arch=self.arch,
            code=self.code,
            input_shape=self.shape,
            snn=self.snn(declared),
        )


PLAIN = Reading()


def reads_model(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command with all options of Reading in place of its parameter `reading`."""
    names = [field.name for field in fields(Reading)]
    options = get_type_hints(Reading, include_extras=True)
    own = get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name != "reading":
            parameters.append(parameter.replace(annotation=own[parameter.name]))
            continue
        parameters += [
            parameter.replace(name=name, annotation=options[name], default=getattr(PLAIN, name))
            for name in names
        ]

    @functools.wraps(command)
    def called(**given: Any) -> None:
        command(reading=Reading(**{name: given.pop(name) for name in names}), **given)

    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {p.name: p.annotation for p in parameters}
    return called
