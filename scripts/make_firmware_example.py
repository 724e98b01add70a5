#!/usr/bin/env python3
"""Makes firmware/include/example: the digits model that the firmware runs before any export.

Trains with scripts/train_digits.py, or takes a model that was trained so, and exports it. Another
processor or PyTorch may round otherwise and train other weights: keep the files that are there
unless the header's format has changed. With --from-artifact only the text is printed again, from
the digits.px that is there.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pyexport.artifact import read_artifact
from pyexport.frontends import load_model
from pyexport.pipeline import Export, ExportOptions, export_model, render_artifact
from pyexport.project import EXAMPLE_FOLDER, project_files
from pyexport.writing import write_together

ROOT = Path(__file__).resolve().parent.parent

FOLDER = ROOT / "firmware" / EXAMPLE_FOLDER
NAME = "digits"


def from_artifact() -> Export:
    """Return the export of the example's own artifact."""
    return render_artifact(read_artifact(FOLDER / f"{NAME}.px"))


def trained() -> Export:
    """Return the export of a newly trained model."""
    with tempfile.TemporaryDirectory(prefix="pyexport-") as folder:
        model = Path(folder) / f"{NAME}.pt"
        script = ROOT / "scripts" / "train_digits.py"
        subprocess.run([sys.executable, str(script), "--output", str(model)], check=True)
        return export_model(load_model(model), ExportOptions(NAME))


def main() -> None:
    """Write the example's files and print their paths."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--from-artifact", action="store_true", help="keep the weights")
    export = from_artifact() if parser.parse_args().from_artifact else trained()
    for path in write_together(FOLDER, project_files(export)):
        print(path)


if __name__ == "__main__":
    main()
