"""The example models: what int8 costs them, what they take, and that C computes the same bytes."""

from __future__ import annotations

import hashlib
import json
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import asdict

from pyexport.pipeline import Export
from scripts.evidence_topics.example_agreement import agree
from scripts.evidence_topics.example_files import Trained, trained_examples
from scripts.evidence_topics.example_measures import AREA, POINTS, Measured, measure
from scripts.evidence_topics.figures import Context, Figure, markdown_table
from scripts.evidence_topics.formats_startup import imports

RELATIVE = 1e-5  # of float outputs and gradients
EXPORT_LIMIT = 3.0  # seconds
_RUNS = 5


def exports(context: Context) -> tuple[tuple[str, Export], ...]:
    """Return every example with its portable export."""
    return tuple((each.example.name, each.export()) for each in trained_examples(context))


def examples(context: Context) -> tuple[Figure, ...]:
    """Export every example, score it on all its test rows, and run it on the host and on a chip."""
    found = []
    for trained in trained_examples(context):
        found.append(measured(context, trained))
    if not context.short:
        page = context.root / "docs" / "examples.md"
        text = with_tables(page.read_text(encoding="utf-8"), found)
        page.write_text(text, encoding="utf-8")
    return figures_of(found)


def measured(context: Context, trained: Trained) -> Measured:
    """Return the figures of one example, those known for the same sources without measuring.

    An emulated chip takes minutes for the larger ones: a run that was interrupted resumes.
    """
    known = context.folder / f"{trained.path.stem}-{len(trained.test.targets)}.json"
    key = _sources(context, trained)
    if known.exists():
        document = json.loads(known.read_text(encoding="utf-8"))
        if document["sources"] == key:
            return Measured(**document["measured"])
    context.say(f"measuring {trained.example.name}")
    found = measure(trained)
    document = {"sources": key, "measured": asdict(found)}
    known.write_text(json.dumps(document), encoding="utf-8")
    return found


def _sources(context: Context, trained: Trained) -> str:
    """Return a hash of the model and of all that exports, simulates, compiles and runs it."""
    digest = hashlib.sha256(trained.path.read_bytes())
    for folder in ("pyexport", "templates", "requirements"):
        for path in sorted((context.root / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(context.root)).encode() + path.read_bytes())
    digest.update((context.root / "scripts/evidence_topics/example_measures.py").read_bytes())
    return digest.hexdigest()


def with_tables(page: str, found: list[Measured]) -> str:
    """Return docs/examples.md with both tables between its marks."""
    for name, table in (("scores", score_table(found)), ("costs", cost_table(found))):
        start = f"<!-- {name}: written by scripts/evidence.py -->\n"
        end = f"<!-- end of {name} -->\n"
        before, opened, rest = page.partition(start)
        _, closed, after = rest.partition(end)
        if not opened or not closed:
            raise ValueError(f"docs/examples.md lacks the marks {start.strip()} and {end.strip()}")
        page = before + start + "\n" + "\n".join(table) + "\n\n" + end + after
    return page


def figures_of(found: list[Measured]) -> tuple[Figure, ...]:
    """Return the figures of the examples, with their tables."""
    classifiers = [each for each in found if not each.is_anomaly]
    detectors = [each for each in found if each.is_anomaly]
    wrong = sum(each.host_wrong + each.chip_wrong for each in found)
    rows = sum(each.rows + each.chip_rows for each in found)
    figures = [
        Figure(
            "int8 against float, example models, post-training",
            f"within {POINTS} points each",
            _worst(classifiers, "{:.2f} points"),
            bool(classifiers) and all(each.ok for each in classifiers),
            score_table(found),
        ),
        Figure(
            "example models: C on the host and on a chip each = simulator",
            "0 rows differ",
            f"{wrong} of {rows:,} rows differ",
            wrong == 0 and all(each.rows and each.chip_rows for each in found),
            cost_table(found),
        ),
    ]
    if detectors:  # the short form has none
        figures.append(
            Figure(
                "int8 against float, autoencoder, area under the ROC curve",
                f"within {AREA}",
                _worst(detectors, "{:.4f}"),
                all(each.ok for each in detectors),
            )
        )
    return tuple(figures)


def score_table(found: list[Measured]) -> tuple[str, ...]:
    """Return what each example can do, float and int8."""
    header = ("model", "network", "parameters", "MACs", "test rows", "float", "int8", "difference")
    lines = []
    for each in found:
        form = "AUC {:.4f}" if each.is_anomaly else "{:.2f} %"
        unit = 1 if each.is_anomaly else 100
        change = "{:+.4f}" if each.is_anomaly else "{:+.2f}"
        lines.append(
            (
                each.name,
                each.title,
                f"{each.parameters:,}",
                f"{each.macs:,}",
                f"{each.rows:,}",
                form.format(unit * each.float_score),
                form.format(unit * each.int8_score),
                change.format(-each.loss),
            )
        )
    return markdown_table(header, lines)


def cost_table(found: list[Measured]) -> tuple[str, ...]:
    """Return what each example takes on the smallest chip that holds it, and what was compared."""
    header = (
        "model", "tables", "scratch", "chip", "flash", "stack", "an inference",
        "host rows", "chip rows", "rows that differ", "compiler",
    )  # fmt: skip
    lines = [
        (
            each.name,
            f"{each.tables:,}",
            f"{each.scratch:,}",
            each.chip,
            f"{each.flash:,}",
            f"{each.stack:,}",
            each.inference,
            f"{each.rows:,}",
            f"{each.chip_rows:,}",
            str(each.host_wrong + each.chip_wrong),
            each.compiler,
        )
        for each in found
    ]
    return (
        *markdown_table(header, lines),
        "",
        "Bytes: tables lie in flash; flash is an image that only predicts, tables included; stack "
        "is one call's, scratch included. The chip is the smallest of four that holds the model.",
    )


def _worst(found: list[Measured], form: str) -> str:
    if not found:
        return "none measured"
    worst = max(found, key=lambda each: abs(each.loss))
    count = f"; {len(found)} models" if len(found) > 1 else ""
    return f"{form.format(abs(worst.loss))} at most ({worst.name}{count})"


def agreement(context: Context) -> tuple[Figure, ...]:
    """Compare the float reference with PyTorch: outputs, and gradients on the inputs."""
    outputs: dict[str, float] = {}
    gradients: dict[str, float] = {}
    for trained in trained_examples(context):
        name = trained.example.name
        context.say(f"comparing {name} with PyTorch")
        outputs[name], gradients[name] = agree(trained)
    figures = []
    for what, found in (
        ("float reference against PyTorch, every example", outputs),
        ("input gradients against autograd, every example", gradients),
    ):
        name, worst = max(found.items(), key=lambda item: item[1])
        figures.append(
            Figure(
                what,
                f"{RELATIVE:.0e} relative",
                f"{worst:.1e} at most ({name})",
                worst <= RELATIVE,
            )
        )
    return tuple(figures)


def export_time(context: Context) -> tuple[Figure, ...]:
    """Time scripts/export.py on every example, as a whole process, and see what it imports."""
    lines: list[tuple[str, ...]] = []
    slowest, foreign = 0.0, set()
    for trained in trained_examples(context):
        folder = context.folder / "timed-examples"
        command = ["scripts/export.py", str(trained.path), "--name", trained.example.name]
        command += ["--output", str(folder)]
        foreign |= imports(context.root, command) & {"torch"}
        seconds = [_seconds(context, command) for _ in range(1 if context.short else _RUNS)]
        shutil.rmtree(folder)
        slowest = max(slowest, min(seconds))
        lines.append(
            (_size(trained), f"{min(seconds):.2f} s", f"{statistics.median(seconds):.2f} s")
        )
    return (
        Figure(
            "`export.py` on the largest example",
            f"under {EXPORT_LIMIT:g} s wall, no torch import",
            f"{slowest:.2f} s the slowest of {len(lines)} (best of {len(seconds)} runs); "
            f"{'torch' if foreign else 'no torch'} import",
            not foreign and (context.short or slowest < EXPORT_LIMIT),  # CI's machine may be busy
            markdown_table(("model and size of its file", "best", "median"), lines),
        ),
    )


def _size(trained: Trained) -> str:
    return f"{trained.example.name}, {trained.path.stat().st_size:,} bytes"


def _seconds(context: Context, command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, *command], cwd=context.root, check=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return time.perf_counter() - started
