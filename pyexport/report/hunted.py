"""The files of a hunt: all finds, the nearest ones as a sheet, and rows to calibrate with."""

from __future__ import annotations

import io

import numpy as np

from pyexport.ir import Array
from pyexport.report.shapes import Shape
from pyexport.report.sheets import Change, draw_changes
from pyexport.verify.hunting import Hunt
from pyexport.verify.pair import Pair

SHEET = 12


def hunt_files(
    pair: Pair, found: Hunt, shape: Shape, pictures: bool = True, calibration: Array | None = None
) -> dict[str, bytes]:
    """Return file names and contents: NAME-hunt.npz, NAME-hunt.png, NAME-calibration.npz."""
    name, small = pair.artifact.name, found.small
    files = {
        f"{name}-hunt.npz": _archive(
            rows=found.found.rows,
            float=found.found.float_classes,
            integer=found.found.integer_classes,
            small_starts=small.starts,
            small_rows=small.rows,
            small_float=small.float_classes,
            small_integer=small.integer_classes,
            small_distance=small.distance,
            gap_row=found.gap.row,
            gap_worst=found.gap.worst,
        )
    }
    if calibration is not None:
        files[f"{name}-calibration.npz"] = _archive(inputs=calibration)
    if not pictures or not len(small.rows):
        return files
    low, high = pair.limits
    starts, results = pair.real(small.starts), pair.real(small.rows)
    before, labels = pair.integer_classes(small.starts), pair.labels
    order = np.argsort(small.distance, kind="stable")[:SHEET]
    changes = []
    for i in order.tolist():
        lines = (
            (f"float: {labels[small.float_classes[i]]}", None),
            (f"{pair.artifact.scheme}: {labels[small.integer_classes[i]]}", None),
            (small.causes[i].sentence(), None),
            (f"L2 distance {small.distance[i]:.3g}", None),
            (f"{int((small.rows[i] != small.starts[i]).sum())} values changed", None),
        )
        titles = f"known: {labels[before[i]]}", "they disagree"
        changes.append(Change(starts[i], results[i], *titles, lines))
    files[f"{name}-hunt.png"] = draw_changes(
        changes,
        shape,
        (float(low.min()), float(high.max())),
        f"{name}: inputs on which float model and export disagree",
        f"the nearest to known rows, of {len(found.found.rows):,} found on legal inputs",
    )
    return files


def _archive(**arrays: Array) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()
