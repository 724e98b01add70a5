"""Every error that pyexport raises on purpose; the CLI prints one as one line.

PyexportError                 exit 2: refused input or usage, nothing written
├── UsageError                the call itself is wrong (option, name, combination)
├── FileFormatError           a file is missing, truncated, hostile or of another kind
├── UnsupportedModelError     the file is fine, the model cannot be exported
│   └── UnsupportedOperatorError
├── InvalidModelError         the model's numbers are unusable (NaN, training mode)
├── CalibrationError          calibration or evaluation data do not fit the model
├── QuantizationError         a proof that the integers need does not hold
├── OutputError               the result cannot be written
├── ToolMissingError          a compiler or emulator is not installed; says which package brings it
├── ToolFailedError           a compiler or emulator was there and failed; says what it printed
├── DoesNotFitError           exit 1: the model is larger than the chip, nothing written
└── CheckFailedError          exit 1: a comparison ran and found a mismatch
    └── LinkError             a board stopped answering, or the line to it is gone
"""


class PyexportError(Exception):
    """Base of all errors with a message for the user: one line, the thing and the way out."""

    exit_code = 2


class UsageError(PyexportError):
    """The call is wrong: an option, a name, or a combination of both."""


class FileFormatError(PyexportError):
    """A file is missing, truncated, hostile, or not of a kind that can be read."""


class UnsupportedModelError(PyexportError):
    """The file could be read, but the model in it cannot be exported."""


class UnsupportedOperatorError(UnsupportedModelError):
    """The model holds an operator that has no kernel; the message names it and the ways out."""


class InvalidModelError(PyexportError):
    """The model's own numbers are unusable: NaN, infinity, or a layer left in training mode."""


class CalibrationError(PyexportError):
    """Calibration or evaluation data do not fit the model's input."""


class QuantizationError(PyexportError):
    """The integer model cannot be proved safe (an accumulator could overflow)."""


class OutputError(PyexportError):
    """The result cannot be written where it was asked for."""


class ToolMissingError(PyexportError):
    """A compiler or emulator is not installed; the message says what brings it."""


class ToolFailedError(PyexportError):
    """A compiler or emulator ran and failed; the message holds the first lines it printed."""


class DoesNotFitError(PyexportError):
    """The exported model needs more memory than the chip that it was specialized for has."""

    exit_code = 1


class CheckFailedError(PyexportError):
    """A verification ran to its end and found a difference."""

    exit_code = 1


class LinkError(CheckFailedError):
    """A board does not answer, or the line to it is gone; nothing more can be asked of it."""
