"""What a report is made of: one record that every section takes its figures from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyexport.artifact import Artifact
from pyexport.costing import Costing
from pyexport.ir import Array, Graph
from pyexport.memory_picture import MemoryPicture
from pyexport.program import Program
from pyexport.report.shapes import Shape
from pyexport.scores import Accuracy, Errors
from pyexport.verify.cause import Share
from pyexport.verify.generated import Generated
from pyexport.verify.goal import Attacked
from pyexport.verify.hunting import Hunt
from pyexport.verify.layer_errors import LayerError
from pyexport.verify.pair import Pair, Verdicts


@dataclass(frozen=True)
class Missing:
    """Why a part of the report is not there, in one sentence."""

    reason: str


@dataclass(frozen=True, eq=False)
class Known:
    """Rows of the device's inputs that searches start from and errors are measured on."""

    rows: Array
    targets: Array | None  # a class each, where that is known
    what: str  # "360 evaluation rows"


@dataclass(frozen=True, eq=False)
class Attack:
    """Starts that became another class, and what all models say about the results."""

    found: Attacked
    verdicts: Verdicts
    how: str


@dataclass(frozen=True, eq=False)
class Hunted:
    """Disagreements of float model and export, and the layers of the largest gap."""

    found: Hunt
    shares: tuple[Share, ...]


@dataclass(frozen=True)
class Command:
    """A command that gives figures of the report again."""

    what: str
    line: str


@dataclass(frozen=True, eq=False)
class Material:
    """Everything that was gathered about one export."""

    artifact: Artifact
    program: Program
    picture: MemoryPicture
    layers: tuple[Mapping[str, Any], ...]  # layer_rows
    subject: str  # name of the file that was reported on
    model: str  # name of the model file; "" where only the export is known
    model_reason: str  # how the model file was found, or why there is none
    hashes: Mapping[str, str]  # SHA-256 by file name
    graph: Graph | None  # of the float model
    known: Known
    verification: Mapping[str, Any]  # verify/document.py
    left_out_suites: Mapping[str, str]
    accuracy: Accuracy | None
    errors: Errors | None
    accuracy_rows: str  # "measured now on ...", "as the export recorded it"
    pair: Pair | Missing
    judge: str  # where the firmware judged inputs: a target; "" where it did not
    judge_reason: str  # why it did not
    judge_sums: Array | None  # what it traced of the spikes that are shown; None without neurons
    shape: Shape | Missing
    generated: Generated | Missing
    attack: Attack | Missing
    hunt: Hunted | Missing
    layer_errors: tuple[LayerError, ...] | Missing
    costs: tuple[Costing, ...] | Missing
    commands: tuple[Command, ...]
    seed: int
    saved: Mapping[str, str]  # files that figures were taken from, by kind; empty if all was run

    @property
    def scheme(self) -> str:
        """What the integer model is called: int8, or float32 of an export without scales."""
        return self.artifact.scheme
