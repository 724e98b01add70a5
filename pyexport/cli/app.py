"""The commands by name, and how one of them is run."""

from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from typing import Annotated, Any

import typer

import pyexport
from pyexport.errors import UsageError

# A command's module is imported when it is called: `export` starts without emulators.
COMMANDS = {
    "export": "pyexport.cli.export",
    "simulate": "pyexport.cli.simulate",
    "verify": "pyexport.cli.verify",
    "diff": "pyexport.cli.diff",
    "inspect": "pyexport.cli.inspect",
    "check": "pyexport.cli.check",
    "generate": "pyexport.cli.generate",
    "attack": "pyexport.cli.attack",
    "hunt": "pyexport.cli.hunt",
    "report": "pyexport.cli.report",
    "targets": "pyexport.cli.targets",
    "board": "pyexport.cli.board",
    "new": "pyexport.cli.new",
}
_TYPER_INTERRUPTED = 130  # typer turns Ctrl-C into this status, or in older versions into Abort


def make_app(names: Iterable[str] = tuple(COMMANDS)) -> typer.Typer:
    """Return the command line with the named commands."""
    app = typer.Typer(
        name="pyexport",
        help="Export a trained neural network as one C header, and prove that the two agree.",
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_common)
    for name in names:
        app.command(name)(getattr(import_module(COMMANDS[name]), f"{name}_command"))
    return app


def load(arguments: list[str]) -> Callable[[], None]:
    """Import what a command line needs and return what runs it.

    That raises PyexportError, or KeyboardInterrupt after Ctrl-C.
    """
    given = arguments or ["--help"]
    app = make_app(given[:1] if given[0] in COMMANDS else COMMANDS)
    return partial(_run, app, given)


def _run(app: typer.Typer, arguments: list[str]) -> None:
    try:
        status = app(args=arguments, prog_name="pyexport", standalone_mode=False)
    except typer.Abort:
        raise KeyboardInterrupt from None
    except Exception as error:
        if hasattr(error, "format_message"):  # the command line itself: an unknown option, say
            raise UsageError(_usage(error)) from None
        raise
    if status == _TYPER_INTERRUPTED:
        raise KeyboardInterrupt


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"pyexport {pyexport.__version__}")
        raise typer.Exit


def _common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Export a trained neural network as one C header, and prove that the two agree."""


def _usage(error: Any) -> str:
    """Return what is wrong with the command line, and where the right one is described."""
    command = error.ctx.command_path if getattr(error, "ctx", None) else "pyexport"
    return f"{error.format_message().rstrip('.')}; see {command} --help"
