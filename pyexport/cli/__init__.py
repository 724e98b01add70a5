"""The command line: one module a command; errors of ours end in one line.

Little is imported here, so that Ctrl-C finds `main` ready for it while all the rest is loaded.
"""

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from pyexport.cli.streams import BROKEN_PIPE, guard_streams, open_closed_streams
from pyexport.errors import PyexportError
from pyexport.untrusted import printable

INTERRUPTED = 130  # what a shell reports for a command that Ctrl-C ended


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run one command and exit: 0 done, 1 a check failed, 2 refused, 3 a bug of ours.

    Also 130 after Ctrl-C, and 141 where the reader of standard output is gone. Without arguments
    those of the process are taken, which is then expected to end.
    """
    streams = sys.stdout, sys.stderr
    try:
        status = _status(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        _complain("interrupted")
        status = INTERRUPTED
    finally:
        sys.stdout, sys.stderr = streams
        if arguments is None:
            _let_ctrl_c_end_the_process()
    sys.exit(status)


def _status(arguments: list[str]) -> int:
    """Run one command and return its exit status; raises KeyboardInterrupt alone."""
    try:
        open_closed_streams()
        guard_streams()
        try:
            _load_and_run(arguments)
        finally:
            sys.stdout.flush()  # here, where an error can still be told
    except PyexportError as error:
        if error.exit_code != BROKEN_PIPE:
            _complain(str(error))
        return error.exit_code
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            _complain(f"{printable(error.filename, 300)}: {error.strerror}; use a shorter path")
            return 2
        if os.environ.get("PYEXPORT_DEBUG"):
            raise
        name = type(error).__name__
        _complain(
            f"a bug of pyexport's: {name}: {error}; please report it with the output of the same "
            "command under PYEXPORT_DEBUG=1"
        )
        return 3
    return 0


def _load_and_run(arguments: list[str]) -> None:
    with _ctrl_c_ends_the_process():
        from pyexport.cli.app import load

        app = load(arguments)
    app()


@contextmanager
def _ctrl_c_ends_the_process() -> Iterator[None]:
    """Let Ctrl-C end the process with its line at once, while nothing is open or written yet.

    KeyboardInterrupt cannot do that while modules are imported: Python drops one that falls into
    a callback of the import system, and some modules catch it.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # ignored: under nohup
        yield
        return

    def end(_signal: int, _frame: object) -> None:
        os.write(2, b"error: interrupted\n")
        os._exit(INTERRUPTED)

    signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _complain(message: str) -> None:
    """Print one line on standard error."""
    print("error: " + " ".join(message.split()), file=sys.stderr)


def _let_ctrl_c_end_the_process() -> None:
    """From here on Ctrl-C ends the process at once: there is no work left that it could spoil."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored: nohup
        signal.signal(signal.SIGINT, signal.SIG_DFL)
