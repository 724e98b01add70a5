"""The command line: one module a command; errors of ours end in one line."""

import os
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer

import pyexport
from pyexport.errors import PyexportError

# A command's module is imported when it is called: `export` starts without emulators.
COMMANDS = {
    "export": "pyexport.cli.export",
    "simulate": "pyexport.cli.simulate",
    "verify": "pyexport.cli.verify",
    "inspect": "pyexport.cli.inspect",
    "targets": "pyexport.cli.targets",
}
INTERRUPTED = 130  # what a shell reports for a command that Ctrl-C ended


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


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 a check failed, 2 refused, 3 a bug of ours."""
    given = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        app = make_app(given[:1] if given[0] in COMMANDS else COMMANDS)
        sys.exit(app(args=given, prog_name="pyexport", standalone_mode=False) or 0)
    except PyexportError as error:
        _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted", INTERRUPTED)
    except Exception as error:
        if hasattr(error, "format_message"):  # the command line itself: an unknown option, say
            _fail(_usage(error), 2)
        if os.environ.get("PYEXPORT_DEBUG"):
            raise
        name = type(error).__name__
        _fail(
            f"a bug of pyexport's: {name}: {error}; please report it with the output of the same "
            "command under PYEXPORT_DEBUG=1",
            3,
        )


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


def _fail(message: str, status: int) -> NoReturn:
    """Print one line on standard error and exit."""
    print("error: " + " ".join(message.split()), file=sys.stderr)
    sys.exit(status)


def _usage(error: Any) -> str:
    """Return what is wrong with the command line, and where the right one is described."""
    command = error.ctx.command_path if getattr(error, "ctx", None) else "pyexport"
    return f"{error.format_message().rstrip('.')}; see {command} --help"
