"""Writes hostile model files and their harmless twins: python scripts/make_hostile_files.py FOLDER.

FOLDER/hostile/NAME and FOLDER/twin/NAME, and FOLDER/index.json, which says how an export of each
must end. Whatever runs code of a hostile file makes FOLDER/canary.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.hostile_files import graphs, pickles, tensors, zips
from scripts.hostile_files.case import Case


def all_cases(canary: Path) -> list[Case]:
    """Return every case; the code in them would create the file `canary`."""
    path = str(canary)
    return [*pickles.cases(path), *zips.cases(), *graphs.cases(path), *tensors.cases()]


def write(folder: Path) -> int:
    """Write both files of every case; returns the number of cases."""
    cases = all_cases(folder / "canary")
    for side in ("hostile", "twin"):
        (folder / side).mkdir(parents=True, exist_ok=True)
    for case in cases:
        (folder / "hostile" / case.name).write_bytes(case.hostile)
        (folder / "twin" / case.name).write_bytes(case.twin)
    index = {c.name: {"hostile": c.ends, "twin": c.twin_ends, "options": c.options} for c in cases}
    if len(index) != len(cases):
        raise SystemExit("two cases have the same name")
    (folder / "index.json").write_text(json.dumps(index, indent=1), encoding="utf-8")
    return len(cases)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="made if missing; outside any checkout")
    print(f"{write(parser.parse_args().folder.resolve())} hostile files and as many twins")
