"""A network trained from scratch, exported and run on chips: bit for bit, and as accurate."""

from __future__ import annotations

import pyexport
from pyexport.runners import open_runner
from pyexport.simulator import definition
from pyexport.simulator.fast import FastSimulator
from pyexport.simulator.plain import read_plain
from pyexport.verify import Subject, Suite, subject_from_header
from pyexport.verify.compare import compare_suite, simulate_suite
from scripts.evidence_topics.figures import Context, Figure, markdown_table
from scripts.evidence_topics.scratch_training import script

RUNNERS = ("host-gcc", "cortex-m0", "cortex-m4", "atmega328p")
LOST_LIMIT = 0.2  # points


def export(context: Context) -> tuple[Figure, ...]:
    """Train 784-32-10, which fits the flash of an ATmega328P, and compare 1,000 test images."""
    subject = _exported(context)
    artifact = subject.artifact
    accuracy = artifact.accuracy
    assert artifact.samples is not None and accuracy is not None  # the script stores test images
    rows = artifact.samples.inputs[: 100 if context.short else None]
    suite = Suite("MNIST", rows)
    simulator = FastSimulator(artifact.graph)
    plain = read_plain(subject.header.with_suffix(".px"))
    outputs = simulator.run(rows).tolist()
    wrong = [
        definition.run(plain, row).outputs != output
        for row, output in zip(rows.tolist(), outputs, strict=True)
    ]
    lines = [("definition", f"{len(rows):,}", str(sum(wrong)), "plain Python")]
    differing = sum(wrong)
    expected = simulate_suite(simulator, suite)
    for name in RUNNERS:
        context.say(f"running on {name}")
        runner = open_runner(name, subject.header, subject.interface)
        result = compare_suite(artifact, runner, suite, expected)
        differing += result.differing_rows
        lines.append((name, f"{result.rows:,}", str(result.differing_rows), runner.compiler))
    lost = 100 * (accuracy.float_correct - accuracy.exported_correct) / accuracy.rows
    shares = (accuracy.float_correct / accuracy.rows, accuracy.exported_correct / accuracy.rows)
    return (
        Figure(
            "scratch MNIST model as int8: definition = host C = Cortex-M0/M4 = ATmega328P",
            "0 bytes differ on 1,000 test images",
            f"{differing} rows differ on {len(rows):,} images",
            differing == 0,
            markdown_table(("where", "images", "images that differ", "made by"), lines),
        ),
        Figure(
            "accuracy that int8 loses, 1,000 test images",
            f"at most {LOST_LIMIT} points",
            f"{lost:.2f} points ({100 * shares[0]:.2f} % float, {100 * shares[1]:.2f} % int8)",
            lost <= LOST_LIMIT,
        ),
    )


def _exported(context: Context) -> Subject:
    part = "short" if context.short else "full"
    model = context.folder / f"mnist-scratch-{part}.pt"
    size = ("--epochs", "1", "--train", "8000") if context.short else ("--epochs", "2")
    if not model.exists():
        context.say("training 784-32-10")
        unfinished = model.with_suffix(".tmp.pt")
        options = ("--hidden", "32", *size, "--output", str(unfinished))
        script(context, "train_mnist_scratch.py", *options)
        unfinished.replace(model)
    folder = context.folder / f"export-scratch-{part}"
    pyexport.export(model, folder, "mnist")
    return subject_from_header(folder / "mnist.h")
