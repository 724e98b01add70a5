"""Runs the model that is flashed on a board: each row is asked for over the serial link."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pyexport.errors import LinkError, UsageError
from pyexport.runners.blobs import numpy_type
from pyexport.runners.link import Link
from pyexport.runners.messages import Ask, BoardInfo
from pyexport.runners.protocol import (
    CLASS_TYPE,
    Array,
    CutOffError,
    Finding,
    HeaderInterface,
    Measurement,
    RunResult,
    Timing,
)

_CLASS_BYTES = 2
_FIGURES = _CLASS_BYTES + 4  # behind the outputs: class and cycles
_STEP_BYTES = 4  # behind these, of a model with a state: how many steps it made since its reset
_ATTEMPTS = 5  # at a sequence that the board lost; more, and it restarts ever again

Progress = Callable[[int, int], None]  # rows answered, rows asked for


class BoardRunner:
    """A board at the other end of a link; it must run the very model that is expected."""

    traces = False  # the firmware on a board has no trace build

    def __init__(
        self,
        link: Link,
        interface: HeaderInterface,
        identity: str,
        progress: Progress = lambda done, rows: None,
    ) -> None:
        self.link = link
        self.info = require_model(link.identify(), link.name, interface.name, identity)
        self.interrupted = False  # by Ctrl-C, in the middle of `run`
        self._interface = interface
        self._progress = progress
        self._cycles: list[int] = []

    @property
    def name(self) -> str:
        """What the board calls itself."""
        return self.info.board

    @property
    def compiler(self) -> str:
        """Unknown to the host: the firmware was built and flashed by somebody else."""
        return f"as flashed, at {self.link.name}"

    def run(self, inputs: Array) -> RunResult:
        """Predict every row; raises CutOffError with the rows so far if the board is lost.

        With a state rows are steps, and a reset comes before each sequence of them.
        Ctrl-C ends the rows in the same way and sets `interrupted`.
        """
        interface = self._interface
        rows = interface.as_inputs(inputs)
        outputs = np.empty((len(rows), interface.output_size), numpy_type(interface.output_dtype))
        classes = np.empty(len(rows), CLASS_TYPE)
        done = 0
        try:
            for number, row in enumerate(rows):
                self._progress(number, len(rows))
                body = self._step(rows, number) if interface.state_bytes else self._predict(row)
                outputs[number] = np.frombuffer(body[: interface.output_bytes], outputs.dtype)
                figures = body[interface.output_bytes : interface.output_bytes + _FIGURES]
                classes[number] = int.from_bytes(figures[:_CLASS_BYTES], "little")
                self._cycles.append(int.from_bytes(figures[_CLASS_BYTES:], "little"))
                done = number + 1
        except (LinkError, KeyboardInterrupt) as error:
            self.interrupted = isinstance(error, KeyboardInterrupt)
            why = "interrupted by Ctrl-C" if self.interrupted else str(error)
            raise CutOffError(why, self._result(outputs[:done], classes[:done])) from None
        return self._result(outputs, classes)

    def trace(self, inputs: Array) -> RunResult:
        """Raise UsageError: accumulators stay on the board."""
        raise UsageError(f"{self.link.name}: accumulators cannot be asked for over the link")

    def argmax(self, outputs: Array) -> Array:
        """Return the class that the board finds in every row of `outputs`."""
        interface = self._interface
        if not self.info.has_argmax:
            raise UsageError(f"{self.link.name}: model {interface.name} has no argmax")
        rows = interface.as_outputs(outputs)
        classes = np.empty(len(rows), CLASS_TYPE)
        for number, row in enumerate(rows):
            body = self._ask(Ask.ARGMAX, row.tobytes(), _CLASS_BYTES)
            classes[number] = int.from_bytes(body, "little")
        return classes

    def selftest(self) -> bool:
        """Run the self-test on the board and return what it says."""
        return self._ask(Ask.SELFTEST, b"", 1) == b"\x01"

    def measure(self, inputs: Array) -> Measurement:
        """Raise UsageError: flash and stack cannot be seen from here; `timing` has the cycles."""
        raise UsageError(f"{self.link.name}: flash and stack cannot be measured over the link")

    def check(self) -> tuple[Finding, ...]:
        """Return no proofs: the image is on the board."""
        return ()

    def timing(self) -> Timing | None:
        """Return the cycles of all predictions so far; None if the board counts none."""
        if not self.info.clock_hz or not self._cycles:
            return None
        return Timing(
            count_mean=sum(self._cycles) / len(self._cycles),
            count_min=min(self._cycles),
            count_max=max(self._cycles),
            clock_hz=self.info.clock_hz,
        )

    def _predict(self, row: Array) -> bytes:
        """Return what the board says to one row: outputs, class, cycles, number of the step."""
        more = _STEP_BYTES if self._interface.state_bytes else 0
        size = self._interface.output_bytes + _FIGURES + more
        return self._ask(Ask.PREDICT, row.tobytes(), size)

    def _step(self, rows: Array, number: int) -> bytes:
        """Return what the board says to row `number`, after those before it in its sequence.

        A board that restarted begins a sequence of its own: the step's number tells, and all steps
        are made again from a reset.
        """
        first = number - number % (self._interface.steps or len(rows))
        for start in (number, *[first] * _ATTEMPTS):
            if start == first:
                self._ask(Ask.RESET, b"", 0)
            for at in range(start, number + 1):
                body = self._predict(rows[at])
                if int.from_bytes(body[-_STEP_BYTES:], "little") != at - first + 1:
                    break
            else:
                return body
        raise LinkError(
            f"{self.link.name}: the board lost its state {_ATTEMPTS + 1} times before step "
            f"{number - first + 1} of a sequence; does it restart by itself? check its power"
        )

    def _ask(self, ask: Ask, body: bytes, size: int) -> bytes:
        """Return an answer's body, which must have `size` bytes."""
        answer = self.link.ask(ask, body)
        if len(answer) != size:
            raise LinkError(
                f"{self.link.name}: the board answered {len(answer)} bytes to "
                f"{ask.name.lower()}, not {size}; flash it with the firmware of this version"
            )
        return answer

    def _result(self, outputs: Array, classes: Array) -> RunResult:
        values = self._interface.read_outputs(outputs)
        return RunResult(values, classes if self.info.has_argmax else None, None)


def require_model(info: BoardInfo, port: str, name: str, identity: str) -> BoardInfo:
    """Return `info` if the board runs the model of that identity; raises UsageError if not."""
    if info.identity != identity:
        raise UsageError(
            f"{port}: the board runs another model: {info.model}, identity {info.identity[:16]}, "
            f"not {name}, {identity[:16]}; flash {name} or verify the export that is flashed"
        )
    return info
