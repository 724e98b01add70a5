"""A network trained from scratch, exported and run on chips: bit for bit, and as accurate."""

from __future__ import annotations

import hashlib
import sys

import pyexport
from pyexport.runners import open_runner
from pyexport.simulator import definition
from pyexport.simulator.fast import FastSimulator
from pyexport.simulator.plain import read_plain
from pyexport.verify import Subject, Suite, subject_from_header
from pyexport.verify.compare import compare_suite, simulate_suite
from scripts.evidence_topics.figures import Context, Figure, markdown_table
from scripts.evidence_topics.processes import script

SCRIPT = "train_mnist_scratch.py"
RUNNERS = ("host-gcc", "cortex-m0", "cortex-m4", "atmega328p")
LOST_LIMIT = 0.2  # points
LOST_SHORT = 0.5  # of a model that saw few images, and is less sure of its answers


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
    limit = LOST_SHORT if context.short else LOST_LIMIT
    return (
        Figure(
            "scratch MNIST model as int8: definition = host C = Cortex-M0/M4 = ATmega328P",
            "0 bytes differ on 1,000 test images" + " (100: short form)" * context.short,
            f"{differing} rows differ on {len(rows):,} images",
            differing == 0,
            markdown_table(("where", "images", "images that differ", "made by"), lines),
        ),
        Figure(
            "accuracy that int8 loses, 1,000 test images",
            f"at most {limit} points" + " (8,000 training images: short form)" * context.short,
            f"{lost:.2f} points ({100 * shares[0]:.2f} % float, {100 * shares[1]:.2f} % int8)",
            lost <= limit,
        ),
    )


def _exported(context: Context) -> Subject:
    part = "short" if context.short else "full"
    size = ("--epochs", "1", "--train", "8000") if context.short else ("--epochs", "2")
    options = ("--hidden", "32", *size)
    model = context.folder / f"mnist-scratch-{made_from(context, options)}.pt"
    if not model.exists():
        context.say("training 784-32-10")
        unfinished = model.with_suffix(".tmp.pt")
        script(context, SCRIPT, *options, "--output", str(unfinished))
        unfinished.replace(model)
    folder = context.folder / f"export-scratch-{part}"
    pyexport.export(model, folder, "mnist")
    return subject_from_header(folder / "mnist.h")


def made_from(context: Context, options: tuple[str, ...]) -> str:
    """Return a hash of all that decides a trained model: the engine, the script, its options."""
    sources = sorted((context.root / "pyexport" / "scratch").rglob("*.py"))
    digest = hashlib.sha256(repr((options, sys.version_info)).encode())
    for path in (*sources, context.root / "scripts" / SCRIPT):
        digest.update(str(path.relative_to(context.root)).encode() + b"\0")
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
