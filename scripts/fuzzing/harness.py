"""Runs one reader on many inputs in this process, and stops at the first that goes wrong.

Wrong is: an exception that is no PyexportError, a message that is not one printable line, an event
of Python's audit log that runs something, a run over SECONDS, and a run that makes the process grow
by more than GROWTH.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import NoReturn

import atheris

from pyexport.errors import PyexportError
from pyexport.untrusted import printable
from scripts.fuzzing.reader import Reader

SECONDS = 10  # of one run
GROWTH_KIB = 64 << 10
LONGEST = 16 << 10  # bytes of an input
MAX_MESSAGE = 1000  # characters
RUNNING = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "subprocess.",
           "pickle.", "socket.", "ctypes.", "exec", "import")  # fmt: skip


class FindingError(Exception):
    """What a reader must not do."""


class Harness:
    """Counts the runs of a reader and checks each."""

    def __init__(self, reader: Reader, runs: int, seconds: float, result: Path) -> None:
        self._reader, self._runs, self._result = reader, runs, result
        self._deadline = time.monotonic() + seconds
        self._started, self._done, self._accepted = time.process_time(), 0, 0
        self._refusals: set[tuple[str, int]] = set()
        self._peak = self._largest = 0
        self._resident = 0
        self._rng = random.Random()
        self._watching = False

    def warm_up(self, inputs: list[bytes]) -> None:
        """Run every seed once, so that modules are loaded before growth and imports count."""
        for data in inputs:
            try:
                self._reader.read(data)
            except PyexportError:
                continue
        printable("\0\u2028\ud800")  # loads the encoding that it escapes with
        sys.addaudithook(self._audit)

    def one(self, data: bytes) -> None:
        """Run the reader once."""
        if self._done == 0:
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak
            self._peak = _peak_kib()
        self._watching = True
        try:
            self._reader.read(data)
            self._accepted += 1
        except PyexportError as error:
            self._watching = False
            self._check_refusal(error)
        finally:
            self._watching = False
        peak = _peak_kib()
        if peak > self._peak:
            if peak - self._peak > GROWTH_KIB:
                raise FindingError(f"memory grew by {peak - self._peak} KiB")
            self._largest = max(self._largest, peak - self._peak)
            self._peak = peak
        self._done += 1
        if self._done == max(self._runs // 10, 1):  # the fuzzer's own caches are full by then
            self._resident = _resident_kib()
        if self._done >= self._runs or (
            self._done % 256 == 0 and time.monotonic() > self._deadline
        ):
            self._finish()

    def mutate(self, data: bytes, max_size: int, seed: int) -> bytes:
        """Return a changed input: by what knows the format, or byte by byte."""
        rng = self._rng
        rng.seed(seed)
        mutate = self._reader.mutate
        if mutate is None or not data or rng.random() < 0.2:
            changed: bytes = atheris.Mutate(data, max_size)
            return changed
        changed = mutate(data, rng)
        while rng.random() < 0.3:
            changed = mutate(changed, rng)
        return changed[:max_size]

    def _check_refusal(self, error: PyexportError) -> None:
        message = str(error)
        if not message.isprintable() or len(message) > MAX_MESSAGE:
            raise FindingError(f"the message is not one line: {message!r}")
        cause: BaseException = error
        while cause.__context__ is not None:
            cause = cause.__context__
        trace = cause.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        if trace is not None:
            self._refusals.add((trace.tb_frame.f_code.co_filename, trace.tb_lineno))

    def _audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if self._watching and event.startswith(RUNNING):
            raise FindingError(f"the reader ran something: {event} {arguments[:1]}")

    def _finish(self) -> NoReturn:
        facts = {
            "reader": self._reader.name,
            "runs": self._done,
            "accepted": self._accepted,
            "refusals": len(self._refusals),  # places in the code that refused an input
            "cpu_seconds": round(time.process_time() - self._started, 1),
            "largest_growth_kib": self._largest,  # of one run
            "leaked_kib": max(_resident_kib() - self._resident, 0),  # after the first tenth
        }
        self._result.write_text(json.dumps(facts), encoding="utf-8")
        sys.stderr.flush()
        os._exit(0)


def fuzz(reader: Reader, runs: int, seconds: float, seed: int, folder: Path) -> NoReturn:
    """Run a reader until the count or the time is reached; leaves the process."""
    warnings.simplefilter("error")  # NumPy's too: a reader checks before it computes
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="pickletools")
    inputs = reader.seeds()
    paths = []
    for name in ("seeds", "found"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(inputs):
        path = folder / "seeds" / str(number)
        path.write_bytes(data)
        paths.append(str(path))
    harness = Harness(reader, runs, seconds, folder / "result.json")
    harness.warm_up(inputs)
    options = [
        f"-seed={seed}", "-runs=-1", f"-max_len={LONGEST}", f"-timeout={SECONDS}",
        f"-rss_limit_mb={(_resident_kib() >> 10) + 512}", f"-artifact_prefix={folder}/found/",
        f"-seed_inputs={','.join(paths)}", "-verbosity=0", "-print_pcs=0",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options], harness.one, custom_mutator=harness.mutate)
    atheris.Fuzz()
    raise SystemExit("the fuzzer ended early")


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _resident_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() >> 10
