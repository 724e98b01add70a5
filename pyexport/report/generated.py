"""The files of generated inputs: sheets, the animation of their growth, and the numbers."""

from __future__ import annotations

import io

import numpy as np

from pyexport.report.growth import growth_gif
from pyexport.report.shapes import Shape
from pyexport.report.sheets import Limits, Panel, draw_panels, span_of
from pyexport.runners import RUNNER_NAMES, target_of
from pyexport.verify.generated import Generated
from pyexport.verify.pair import Pair, Verdicts


def generated_files(
    pair: Pair,
    made: Generated,
    shape: Shape,
    how: tuple[str, str],
    target: str | None,
    pictures: bool = True,
) -> dict[str, bytes]:
    """Return file names and contents: NAME-generated.npz, and the pictures.

    how: what was done from black and from noise, for the line below a title; target: where the
    firmware ran.
    """
    name = pair.artifact.name
    files = {f"{name}-generated.npz": _numbers(made)}
    if not pictures:
        return files
    low, high = pair.limits
    limits = (float(low.min()), float(high.max()))
    labels = [pair.labels[number] for number in made.classes]
    rows = pair.real(made.optimal.rows)
    panels = [
        Panel(row, label, verdict_lines(pair, made.optimal, i, number, target))
        for i, (row, label, number) in enumerate(zip(rows, labels, made.classes, strict=True))
    ]
    scale = span_of(rows, limits)
    files[f"{name}-optimal.png"] = draw_panels(
        panels, shape, scale, f"{name}: the optimal input of each class",
        f"from the least legal input, {how[0]}{_contrast(pair, shape, scale, limits)}",
    )  # fmt: skip
    if not len(made.composites):
        return files
    count = len(made.grown_targets) // len(made.classes)
    scale = span_of(made.composites, limits)
    panels = [
        Panel(row, label, _share_lines(pair, made, i, target))
        for i, (row, label) in enumerate(zip(made.composites, labels, strict=True))
    ]
    files[f"{name}-composites.png"] = draw_panels(
        panels, shape, scale, f"{name}: means of {count:,} inputs of each class",
        f"class of the mean, share of its inputs; {how[1]}{_contrast(pair, shape, scale, limits)}",
    )  # fmt: skip
    files[f"{name}-growth.gif"] = growth_gif(made.frames, shape, scale, labels)
    return files


def verdict_lines(
    pair: Pair,
    verdicts: Verdicts,
    row: int,
    wanted: int,
    target: str | None,
    targeted: bool = True,
) -> tuple[tuple[str, bool | None], ...]:
    """Return who says which class to one row, and whether it is the wanted one.

    Not targeted: whether it is another than that.
    """
    said = [("float", verdicts.float_classes), (pair.artifact.scheme, verdicts.integer_classes)]
    if verdicts.firmware_classes is not None and target is not None:
        said.append((firmware_word(target), verdicts.firmware_classes))
    return tuple(
        (f"{who}: {pair.labels[classes[row]]}", bool((classes[row] == wanted) == targeted))
        for who, classes in said
    )


def firmware_word(target: str) -> str:
    """Return what a runner's answers are called: the C of this computer, the chip or the board."""
    if target not in RUNNER_NAMES:
        return target  # what a board calls itself
    return target if target_of(target).is_chip else "C on host"


def _share_lines(
    pair: Pair, made: Generated, row: int, target: str | None
) -> tuple[tuple[str, bool | None], ...]:
    """Return which class each gives the mean, and which share of its inputs is of this class."""
    number = made.classes[row]
    shares = [made.share(number, by) for by in ("float", "integer", "firmware")]
    lines = verdict_lines(pair, made.means, row, number, target)
    return tuple(
        (f"{text}, {100 * share:.1f} %", held)
        for (text, held), share in zip(lines, shares, strict=False)
    )


def _contrast(pair: Pair, shape: Shape, scale: Limits, limits: Limits) -> str:
    if scale == limits or not shape.is_picture:
        return ""
    unit = f" {pair.artifact.input_unit}" if pair.artifact.input_unit else ""
    return f"; black is {scale[0]:.3g}, white {scale[1]:.3g}{unit}"


def _numbers(made: Generated) -> bytes:
    arrays = {
        "classes": np.array(made.classes),
        "optimal": made.optimal.rows,
        "optimal_float": made.optimal.float_classes,
        "optimal_integer": made.optimal.integer_classes,
        "grown": made.grown.rows,
        "grown_targets": made.grown_targets,
        "grown_float": made.grown.float_classes,
        "grown_integer": made.grown.integer_classes,
        "composites": made.composites,
        "composites_float": made.means.float_classes,
        "composites_integer": made.means.integer_classes,
    }
    parts = (("optimal", made.optimal), ("grown", made.grown), ("composites", made.means))
    for name, verdicts in parts:
        if verdicts.firmware_classes is not None:
            arrays[f"{name}_firmware"] = verdicts.firmware_classes
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()
