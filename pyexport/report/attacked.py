"""The files of an attack: sheets of starts and results, and the numbers."""

from __future__ import annotations

import io

import numpy as np

from pyexport.report.generated import verdict_lines
from pyexport.report.shapes import Shape
from pyexport.report.sheets import Change, draw_changes
from pyexport.verify.goal import Attacked
from pyexport.verify.pair import Pair, Verdicts

SHEET = 12  # changes on a sheet


def attack_files(
    pair: Pair,
    found: Attacked,
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
        goal = int(found.targets[i])
        lines = verdict_lines(pair, verdicts, i, goal, target, found.targeted)
        moved = int((found.rows[i] != found.starts[i]).sum())
        more = (f"L2 distance {found.distance[i]:.3g}", None), (f"{moved} values changed", None)
        sought = pair.labels[goal] if found.targeted else f"not {pair.labels[goal]}"
        titles = f"start: {pair.labels[before[i]]}", f"sought: {sought}"
        changes.append(Change(starts[i], results[i], *titles, (*lines, *more)))
    reached = f"{int(found.succeeded.sum())} of {len(starts)} starts succeed"
    files[f"{name}-attack.png"] = draw_changes(
        changes, shape, (float(low.min()), float(high.max())),
        f"{name}: inputs near a start, of another class", f"{how}; {reached}",
    )  # fmt: skip
    return files


def _numbers(pair: Pair, found: Attacked, verdicts: Verdicts) -> bytes:
    arrays = {
        "starts": found.starts,
        "rows": found.rows,
        "targets": found.targets,
        "succeeded": found.succeeded,
        "distance": found.distance,
        "float": verdicts.float_classes,
        "integer": verdicts.integer_classes,
    }
    if found.queries is not None:
        arrays["queries"] = found.queries
    if verdicts.firmware_classes is not None:
        arrays["firmware"] = verdicts.firmware_classes
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()
