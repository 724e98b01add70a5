"""The example models that evidence is measured on: trained once, exported each time."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import pyexport
from pyexport.pipeline import Export, ExportOptions, export_model
from scripts.evidence_topics.figures import Context
from scripts.example_models.catalog import EXAMPLES, SOURCES, Example
from scripts.example_models.data import Split

# Small ones, committed with the weights that the training script gave: CI need not train.
COMMITTED = (Example("series", "gestures"), Example("gru", "gestures"))
SHORT_ROWS = 2_000


@dataclass(frozen=True, eq=False)
class Trained:
    """An example's model file, and the rows that it is measured on."""

    example: Example
    path: Path
    test: Split

    def export(self, target: str | None = None) -> Export:
        """Return the export under the example's name."""
        return export_model(
            pyexport.load(self.path), ExportOptions(self.example.name, target=target)
        )


def trained_examples(context: Context) -> tuple[Trained, ...]:
    """Return every example with all its test rows; in the short form two, with a few hundred."""
    if context.short:
        folder = context.root / "examples" / "models"
        return tuple(
            Trained(example, folder / f"{example.name}.pt2", _generated(example))
            for example in COMMITTED
        )
    return tuple(trained_example(context, example) for example in EXAMPLES)


def _generated(example: Example) -> Split:
    return SOURCES[example.data]().test.first(SHORT_ROWS)


def trained_example(context: Context, example: Example) -> Trained:
    """Return an example, trained if these sources did not train it yet."""
    path = context.root / "build" / "examples" / f"{example.name}-{_sources(context.root)}.pt2"
    if not path.exists():
        context.say(f"training {example.name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"unfinished-{path.name}")
        script = str(context.root / "scripts" / "train_examples.py")
        words = [example.family, "--data", example.data, "--out", str(unfinished)]
        subprocess.run([sys.executable, script, *words], check=True, stdout=subprocess.DEVNULL)
        for suffix in (".calibration.npz", ".test.npz", ".pt2"):  # the model itself comes last
            unfinished.with_suffix(suffix).replace(path.with_suffix(suffix))
    with np.load(path.with_suffix(".test.npz")) as rows:
        test = Split(rows["inputs"].astype(np.float32), rows["targets"].astype(np.int64))
    return Trained(example, path, test)


def _sources(root: Path) -> str:
    """Return a hash of all that decides what is trained."""
    digest = hashlib.sha256()
    for path in (
        *sorted((root / "scripts" / "example_models").glob("*.py")),
        root / "scripts" / "train_examples.py",
        root / "requirements" / "constraints.txt",
    ):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
