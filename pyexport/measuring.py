"""Measures an export on its evaluation rows, and chooses those that travel in the .px."""

from __future__ import annotations

from dataclasses import dataclass

from pyexport.artifact import Artifact, Samples, quantize_inputs
from pyexport.ir import Dataset, Graph, Metadata
from pyexport.layout import inputs_to_device
from pyexport.reference import forward
from pyexport.rows import input_tensors, row_size
from pyexport.scores import Accuracy, Errors
from pyexport.scoring import accuracy, errors
from pyexport.simulator.fast import FastSimulator
from pyexport.streams import at_the_end, step_rows

MAX_STORED_SAMPLES = 10_000  # evaluation rows that travel in the .px


@dataclass(frozen=True, eq=False)
class Measured:
    """The stored rows, and how right the model is on all of them; None where nothing says so."""

    samples: Samples | None = None
    accuracy: Accuracy | None = None
    errors: Errors | None = None


def measure(graph: Graph, artifact: Artifact, metadata: Metadata) -> Measured:
    """Return what the evaluation rows of a model say of its float graph and of the artifact.

    Of a stream each row is a sequence, and what is compared is what its last step gives.
    """
    data, exported = metadata.evaluation, artifact.graph
    if data is None or not len(data.inputs):
        return Measured()
    steps = 1 if artifact.stream is None else artifact.stream.steps
    inputs = data.inputs
    if artifact.stream is not None:
        size = row_size(input_tensors(exported))
        inputs = step_rows(inputs_to_device(inputs, graph), size, steps)
    rows, kept = quantize_inputs(artifact, Dataset(inputs)), MAX_STORED_SAMPLES // steps
    if data.targets is None or len(exported.outputs) > 1:  # of which output, nothing says
        return Measured(Samples(rows[: kept * steps], None))
    shapes = graph.output.shape, exported.output.shape
    targets = at_the_end(data.targets, *shapes)
    samples = Samples(rows[: kept * steps], targets[:kept])
    ideal = forward(graph, inputs_to_device(data.inputs, graph)).reshape(len(targets), -1)
    ideal = at_the_end(ideal, *shapes)
    outputs = FastSimulator(exported, steps).run(rows)[steps - 1 :: steps]
    if metadata.statements.is_regression:
        return Measured(samples, errors=errors(ideal, outputs, targets, exported.output))
    right = accuracy(ideal, outputs, targets, exported.output, metadata.statements)
    return Measured(samples, accuracy=right)
