"""Standard streams that may be closed, full or cut off: each ends in one line, none in a bug."""

import contextlib
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO, cast

from pyexport.errors import OutputError

BROKEN_PIPE = 141  # what a shell reports for a command that SIGPIPE ended
_NUMBERS = {"stdin": 0, "stdout": 1, "stderr": 2}


class BrokenOutputError(OutputError):
    """The reader of standard output is gone: nobody is left to tell, so the end is quiet."""

    exit_code = BROKEN_PIPE


def open_closed_streams() -> None:
    """Give every standard stream that was closed (`>&-`) a place that takes and holds nothing.

    Otherwise the next file that is opened, a header say, would get the number of the stream, and
    what a library prints would end up in it.
    """
    for name, number in _NUMBERS.items():  # upwards: each open takes the least free number
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


def guard_streams() -> None:
    """Let writing to standard output raise OutputError, and to standard error never raise."""
    sys.stdout = cast(TextIO, _Guarded(sys.stdout, _refuse))
    sys.stderr = cast(TextIO, _Guarded(sys.stderr, _ignore))


class _Guarded:
    """A text stream that tells `failed` of its first error, then and at every later use."""

    def __init__(self, stream: TextIO, failed: Callable[[OSError], None]) -> None:
        self._stream = stream
        self._failed = failed
        self._error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write text as the stream does."""
        written = len(text)
        try:
            written = self._stream.write(text)
        except OSError as error:
            self._end(error)
        self._tell()
        return written

    def flush(self) -> None:
        """Flush as the stream does."""
        try:
            self._stream.flush()
        except OSError as error:
            self._end(error)
        self._tell()

    def _end(self, error: OSError) -> None:
        """Lead what is still buffered nowhere, or Python would complain of it at its end."""
        self._error = error
        with contextlib.suppress(OSError, ValueError):  # ValueError: a stream without a file
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def _tell(self) -> None:
        if self._error is not None:
            self._failed(self._error)


def _refuse(error: OSError) -> None:
    if isinstance(error, BrokenPipeError):
        raise BrokenOutputError("the reader of standard output is gone") from None
    raise OutputError(
        f"standard output cannot be written ({error.strerror}); free space or send it elsewhere"
    ) from None


def _ignore(_error: OSError) -> None:
    """There is no place left to complain."""
