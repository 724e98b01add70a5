"""The command line: one module a command; errors of ours end in one line."""

import os
import sys

import typer

from pyexport.cli.export import export_command
from pyexport.cli.inspect import inspect_command
from pyexport.cli.simulate import simulate_command
from pyexport.cli.targets import targets_command
from pyexport.cli.verify import verify_command
from pyexport.errors import PyexportError

app = typer.Typer(
    name="pyexport",
    help="Export a trained neural network as one C header, and prove that the two agree.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("export")(export_command)
app.command("simulate")(simulate_command)
app.command("verify")(verify_command)
app.command("inspect")(inspect_command)
app.command("targets")(targets_command)


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 a check failed, 2 refused, 3 a bug of ours."""
    try:
        app(args=arguments)
    except PyexportError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of a pipe went away: `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if os.environ.get("PYEXPORT_DEBUG"):
            raise
        name = type(error).__name__
        print(
            f"error: a bug of pyexport's: {name}: {error}; please report it with the output of "
            "the same command under PYEXPORT_DEBUG=1",
            file=sys.stderr,
        )
        sys.exit(3)
