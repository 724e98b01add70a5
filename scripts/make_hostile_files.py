"""Writes hostile files and their harmless twins: python scripts/make_hostile_files.py [FOLDER].

FOLDER (tests/corpus, which git ignores) gets hostile/NAME and twin/NAME, and index.json, which says
how each is used and how that must end. Whatever runs code of a hostile file makes FOLDER/canary.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.hostile_files import (
    artifacts,
    graphs,
    lookalikes,
    onnx,
    pickles,
    rows,
    sidecars,
    tensors,
    zips,
)
from scripts.hostile_files.case import Case

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "tests" / "corpus"
INDEX = "index.json"


def all_cases(canary: Path) -> list[Case]:
    """Return every case; the code in them would create the file `canary`."""
    path = str(canary)
    models = [*pickles.cases(path), *zips.cases(), *graphs.cases(path), *tensors.cases()]
    models += [*onnx.cases(), *sidecars.cases(), *lookalikes.cases(path)]
    return [*models, *rows.cases(path), *artifacts.cases()]


def write(folder: Path, at: Path | None = None) -> int:
    """Write the files of every case; returns the number of cases. `at`: where they will lie."""
    cases = all_cases((at or folder) / "canary")
    if len({case.name for case in cases}) != len(cases):
        raise SystemExit("two cases have the same name")
    for side in ("hostile", "twin"):
        (folder / side).mkdir(parents=True, exist_ok=True)
    for case in cases:
        for side, files in (("hostile", case.hostile_files()), ("twin", case.twin_files())):
            for name, content in files.items():
                (folder / side / name).write_bytes(content)
    index = {"made_by": sources_hash(), "cases": {case.name: case.entry() for case in cases}}
    (folder / INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")
    return len(cases)


def ready_corpus(folder: Path = CORPUS) -> Path:
    """Return the folder, made now where it is missing or older than this script."""
    try:
        made_by = json.loads((folder / INDEX).read_text(encoding="utf-8"))["made_by"]
    except (OSError, ValueError, KeyError, TypeError):
        made_by = None
    if made_by == sources_hash():
        return folder
    fresh = folder.with_name(f".{folder.name}.{os.getpid()}")  # two tests may do this at once
    write(fresh, folder)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        fresh.rename(folder)
    except OSError:  # the other was faster, with the same content
        shutil.rmtree(fresh)
    return folder


def sources_hash() -> str:
    """Return a hash of the code that makes the files."""
    digest = hashlib.sha256()
    for path in (Path(__file__), *sorted((ROOT / "scripts" / "hostile_files").glob("*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=CORPUS, help="made if missing")
    chosen = parser.parse_args().folder.resolve()
    print(f"{write(chosen)} hostile files and as many twins in {chosen}")
