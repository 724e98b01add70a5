"""What one example model gives: its scores, its memory, and how C compares with the simulator."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import pyexport
from pyexport.artifact import quantize_inputs
from pyexport.errors import DoesNotFitError
from pyexport.ir import Array, Constant, Dataset, FloatArray, Graph
from pyexport.layout import to_device
from pyexport.lower import select_kernel
from pyexport.passes import run_passes
from pyexport.pipeline import Export, render_artifact
from pyexport.reference import forward
from pyexport.runners import Runner, open_runner
from pyexport.simulator.fast import FastSimulator
from pyexport.verify import Suite
from pyexport.verify.compare import class_words, compare_suite, differs, simulate_suite
from pyexport.verify.subject import header_interface
from scripts.evidence_topics.example_files import Trained
from scripts.example_models.scoring import anomaly_scores, area_under_curve

POINTS = 0.5  # of accuracy that int8 may cost
AREA = 0.005  # of the area under the ROC curve
_ROUNDING = 1e-9  # 2 rows of 400 are 0.5 points, whatever a subtraction of shares says
CHIPS = ("atmega328p", "cortex-m0", "cortex-m4", "cortex-m7")  # the first with room is taken
TRACED_ROWS = 50  # on the host, whose accumulators are compared too
CHIP_MACS = 3_000_000  # how much an emulated chip computes for the comparison
CHIP_ROWS = (1, 30)  # at least, at most
_CHUNK = 500


@dataclass(frozen=True)
class Measured:
    """What one example gave."""

    name: str
    title: str
    is_anomaly: bool
    parameters: int
    macs: int
    rows: int
    float_score: float  # share of rows that are right, or area under the ROC curve
    int8_score: float
    tables: int  # bytes
    scratch: int
    host_wrong: int
    chip: str
    chip_rows: int
    chip_wrong: int
    flash: int  # bytes of an image that only predicts, on the chip
    stack: int  # high-water of one call, scratch included
    inference: str
    compiler: str

    @property
    def loss(self) -> float:
        """What int8 costs: points of accuracy, or area; negative where it is better."""
        return (self.float_score - self.int8_score) * (1 if self.is_anomaly else 100)

    @property
    def ok(self) -> bool:
        """Whether it costs little enough."""
        return abs(self.loss) <= (AREA if self.is_anomaly else POINTS) + _ROUNDING


def measure(trained: Trained) -> Measured:
    """Return the figures of one example."""
    export = trained.export()
    artifact, recipe = export.artifact, trained.example.recipe
    graph = run_passes(pyexport.load(trained.path).graph)
    rows = quantize_inputs(artifact, Dataset(trained.test.inputs.astype(np.float64)))
    outputs = FastSimulator(artifact.graph).run(rows)
    quant = artifact.graph.output.quant
    assert quant is not None  # the export is int8
    macs = sum(select_kernel(node, artifact.graph, None).cost(node, artifact.graph)
               for node in artifact.graph.nodes)  # fmt: skip
    return Measured(
        name=trained.example.name,
        title=recipe.title,
        is_anomaly=recipe.is_anomaly,
        parameters=parameters(graph),
        macs=macs,
        rows=len(rows),
        float_score=score(trained, float_outputs(graph, trained.test.inputs)),
        int8_score=score(trained, quant.dequantize(outputs)),
        tables=export.program.const_bytes,
        scratch=export.program.arena_bytes,
        host_wrong=wrong_on_host(export, rows, outputs),
        **on_chip(export, rows, macs),
    )


def parameters(graph: Graph) -> int:
    """Return how many numbers the float network has learned, batch norms folded."""
    return sum(
        value.size
        for node in graph.nodes
        if not isinstance(node.op, Constant)
        for value in vars(node.op).values()
        if isinstance(value, np.ndarray)
    )


def float_outputs(graph: Graph, inputs: Array) -> FloatArray:
    """Return what the float reference computes for raw rows, (n, outputs)."""
    rows = inputs.astype(np.float64)
    parts = [
        forward(graph, to_device(rows[first : first + _CHUNK], graph.input))
        for first in range(0, len(rows), _CHUNK)
    ]
    return np.concatenate([part.reshape(len(part), -1) for part in parts])


def score(trained: Trained, outputs: FloatArray) -> float:
    """Return the share of test rows that are right, or the area under the ROC curve, 0..1."""
    targets = trained.test.targets
    if trained.example.recipe.is_anomaly:
        scale = pyexport.load(trained.path).metadata.statements.input_scale
        assert scale is not None  # the training script states it
        return area_under_curve(anomaly_scores(trained.test.inputs * scale, outputs), targets)
    return float(np.mean(outputs.argmax(axis=1) == targets))


def wrong_on_host(export: Export, rows: Array, expected: Array) -> int:
    """Return how many rows differ in C on this computer: outputs and classes of all of them.

    Accumulators are compared on the first TRACED_ROWS.
    """
    with tempfile.TemporaryDirectory(prefix="pyexport-") as folder:
        runner = _runner("host", export, Path(folder))
        found = runner.run(rows)
        wrong = differs(expected, found.outputs).any(axis=1)
        if found.classes is not None:
            wrong |= found.classes.astype(np.int64) != class_words(expected, None)
        return int(wrong.sum()) + _wrong_traced(export, runner, rows[:TRACED_ROWS])


def on_chip(export: Export, rows: Array, macs: int) -> dict[str, Any]:
    """Return what the smallest emulated chip that holds an example says, as Measured's fields."""
    for name in CHIPS:
        try:
            special = render_artifact(replace(export.artifact, target=name))
            with tempfile.TemporaryDirectory(prefix="pyexport-") as folder:
                runner = _runner(name, special, Path(folder))
                cost = runner.measure(rows[:1])
                count = min(max(CHIP_MACS // macs, CHIP_ROWS[0]), CHIP_ROWS[1])
                return {
                    "chip": name,
                    "chip_rows": count,
                    "chip_wrong": _wrong_traced(special, runner, rows[:count]),
                    "flash": cost.flash_bytes,
                    "stack": cost.stack_bytes,
                    "inference": f"{cost.count_mean:,.0f} {cost.unit}",
                    "compiler": cost.compiler,
                }
        except DoesNotFitError:
            continue
    raise DoesNotFitError(f"{export.artifact.name} fits none of {', '.join(CHIPS)}")


def _runner(name: str, export: Export, folder: Path) -> Runner:
    header = export.write(folder)[0]
    return open_runner(name, header, header_interface(export.artifact, export.program))


def _wrong_traced(export: Export, runner: Runner, rows: Array) -> int:
    suite = Suite("test", rows)
    expected = simulate_suite(FastSimulator(export.artifact.graph), suite)
    result = compare_suite(export.artifact, runner, suite, expected)
    return result.differing_rows + (len(rows) - result.rows)  # a row that was not run is wrong
