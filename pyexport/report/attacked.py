"""The files of an attack: sheets of starts and results, and the numbers."""

from __future__ import annotations

import io

import numpy as np

from pyexport.report.generated import verdict_lines
from pyexport.report.shapes import Shape
from pyexport.report.sheets import Change, draw_changes
from pyexport.verify.near import Near
from pyexport.verify.pair import Pair, Verdicts

SHEET = 12  # changes on a sheet


def attack_files(
    pair: Pair,
    found: Near,
    verdicts: Verdicts,
    shape: Shape,
    how: str,
    target: str | None,
    pictures: bool = True,
) -> dict[str, bytes]:
    """Return file names and contents: NAME-attack.npz and NAME-attack.png, of the first starts."""
    name = pair.artifact.name
    files = {f"{name}-attack.npz": _numbers(pair, found, verdicts)}
    if not pictures:
        return files
    low, high = pair.limits
    starts, results = pair.real(found.starts), pair.real(found.rows)
    before = pair.integer_classes(found.starts)
    changes = []
    for i in range(min(SHEET, len(starts))):
        lines = verdict_lines(pair, verdicts, i, int(found.targets[i]), target)
        moved = int((found.rows[i] != found.starts[i]).sum())
        more = (f"L2 distance {found.distance[i]:.3g}", None), (f"{moved} values changed", None)
        titles = f"start: {pair.labels[before[i]]}", f"sought: {pair.labels[found.targets[i]]}"
        changes.append(Change(starts[i], results[i], *titles, (*lines, *more)))
    reached = f"{int(found.succeeded.sum())} of {len(starts)} starts reach it"
    files[f"{name}-attack.png"] = draw_changes(
        changes, shape, (float(low.min()), float(high.max())),
        f"{name}: inputs near a start, of another class", f"{how}; {reached}",
    )  # fmt: skip
    return files


def _numbers(pair: Pair, found: Near, verdicts: Verdicts) -> bytes:
    arrays = {
        "starts": found.starts,
        "rows": found.rows,
        "targets": found.targets,
        "succeeded": found.succeeded,
        "distance": found.distance,
        "float": verdicts.float_classes,
        "integer": verdicts.integer_classes,
    }
    if verdicts.firmware_classes is not None:
        arrays["firmware"] = verdicts.firmware_classes
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()
