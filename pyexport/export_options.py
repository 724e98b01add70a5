"""What a user may choose of an export, checked before a model is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pyexport.choices import DEFAULT_GOAL, GOALS, SUM_BITS, WEIGHT_BITS
from pyexport.codegen.identifiers import check_model_name
from pyexport.errors import UsageError
from pyexport.input_ranges import Declared, check_declared, range_words
from pyexport.ir import Array, Dataset
from pyexport.lower.selecting import check_kernel
from pyexport.targets import get_target
from pyexport.untrusted import printable

SCHEMES = ("int8", "float32")


@dataclass(frozen=True)
class ExportOptions:
    """What the user may choose; None takes it from the model file."""

    name: str
    scheme: str = "int8"
    target: str | None = None
    per_channel: bool = True
    input_range: Declared = None  # of several inputs, one for all or one each by name
    calibration: Dataset | None = None
    calibration_name: str | None = None  # the file that the calibration rows came from
    templates: Path | None = None
    optimize: str = DEFAULT_GOAL  # which kernels: one of GOALS; it changes no byte of the outputs
    layer_goals: tuple[tuple[str, str], ...] = ()  # (layer, goal) of layers with another one
    kernels: tuple[str, ...] = ()  # taken wherever they match, whatever the goal
    lanes: int = 32  # 16: final sums fit 16 bits where that costs little
    weights: int = 8  # bits of the weights of linear layers: 4 or 8
    layer_weights: tuple[tuple[str, int], ...] = ()  # (layer, bits) of layers with others
    check_fits: bool = True  # refuse what the target cannot hold
    finds: Array | None = None  # rows of the device's integers that become self-test vectors
    finds_name: str = "finds.npz"  # the file that they came from
    stream: bool = False  # one step of a sequence a call, with a state between the calls
    reading: tuple[str, ...] = ()  # words that say how the file was read, for the command line

    def __post_init__(self) -> None:
        check_model_name(self.name)
        if self.scheme not in SCHEMES:
            raise UsageError(f"scheme {self.scheme!r} is unknown; use one of {', '.join(SCHEMES)}")
        if self.target is not None:
            get_target(self.target)
        check_choices(self.optimize, self.lanes, self.scheme, self.layer_goals, self.kernels)
        check_weights(self.weights, self.layer_weights, self.scheme)
        check_declared(self.input_range)

    def command_line(self) -> tuple[str, ...]:
        """Return the options, as words, that make the same export again."""
        words = [*self.reading, *([] if self.scheme == "int8" else ["--scheme", self.scheme])]
        if self.target is not None:
            words += ["--target", self.target]
        if self.optimize != DEFAULT_GOAL:
            words += ["--optimize", self.optimize]
        for layer, goal in self.layer_goals:
            words += ["--optimize", f"{layer}={goal}"]
        for kernel in self.kernels:
            words += ["--kernel", kernel]
        if self.lanes != 32:
            words += ["--lanes", str(self.lanes)]
        if self.weights != 8:
            words += ["--weights", str(self.weights)]
        for layer, bits in self.layer_weights:
            words += ["--weights", f"{layer}={bits}"]
        if not self.per_channel:
            words.append("--per-tensor")
        words += range_words(self.input_range)
        if self.calibration is not None:
            words += ["--calibration", self.calibration_name or "ROWS.npz"]
        if self.finds is not None:
            words += ["--selftest-from", self.finds_name]
        if self.stream:
            words.append("--stream")
        if self.templates is not None:
            words += ["--templates", self.templates.name]
        return tuple(words)


def check_choices(
    optimize: str,
    lanes: int,
    scheme: str,
    layer_goals: tuple[tuple[str, str], ...] = (),
    kernels: tuple[str, ...] = (),
) -> None:
    """Raise UsageError unless these wishes go together."""
    _check_goal(optimize, f"optimize {optimize!r}")
    for layer, goal in layer_goals:
        _check_goal(goal, f"optimize {printable(layer)}={printable(goal)}")
    for kernel in kernels:
        check_kernel(kernel)
    if lanes not in SUM_BITS:
        raise UsageError(f"lanes {lanes!r}: the bits of a final sum are 16 or 32")
    if lanes != 32 and scheme != "int8":
        raise UsageError(f"lanes {lanes}: scheme {scheme} has no integer sums; use scheme int8")


def check_weights(weights: int, layers: tuple[tuple[str, int], ...], scheme: str) -> None:
    """Raise UsageError unless these are bits that weights can have."""
    for bits in (weights, *(bits for _, bits in layers)):
        if bits not in WEIGHT_BITS:
            raise UsageError(f"weights {bits!r}: a weight has 4 or 8 bits")
        if bits != 8 and scheme != "int8":
            raise UsageError(f"weights {bits}: scheme {scheme} has float weights; use scheme int8")


def _check_goal(goal: str, where: str) -> None:
    if goal not in GOALS:
        raise UsageError(f"{where} is unknown; use one of {', '.join(GOALS)}")
