"""Checkpoints that the tests share; every number comes from a fixed seed."""

import random
from dataclasses import replace

from pyexport.scratch.checkpoint import Checkpoint, LayerRecord, Rows
from pyexport.statements import Statements


def linear(inputs: int, outputs: int, seed: int) -> LayerRecord:
    generator = random.Random(seed)
    return LayerRecord(
        "linear",
        {"inputs": inputs, "outputs": outputs},
        [[generator.gauss(0.0, 0.4) for _ in range(inputs)] for _ in range(outputs)],
        [generator.gauss(0.0, 0.4) for _ in range(outputs)],
    )


def small(**changes) -> Checkpoint:
    """Return a 6-5-3 network with everything that a checkpoint may say."""
    generator = random.Random(9)
    rows = [bytes(generator.randrange(17) for _ in range(6)) for _ in range(20)]
    checkpoint = Checkpoint(
        graph=(
            linear(6, 5, 1),
            LayerRecord("relu"),
            LayerRecord("dropout", {"rate": 0.25}),
            linear(5, 3, 2),
        ),
        statements=Statements(
            input_range=(0.0, 16.0), input_unit="pixel", labels=("no", "yes", "perhaps")
        ),
        calibration=Rows(rows[:8]),
        evaluation=Rows(rows, [generator.randrange(3) for _ in rows]),
    )
    stated = {name: changes.pop(name) for name in list(changes) if hasattr(Statements, name)}
    statements = replace(checkpoint.statements, **stated)
    return replace(checkpoint, statements=statements, **changes)
