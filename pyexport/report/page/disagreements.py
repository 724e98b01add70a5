"""The section about inputs on which float model and export differ: classes, outputs, and layers."""

from __future__ import annotations

import numpy as np

from pyexport.ir import Array, FloatArray
from pyexport.report.page.blocks import (
    Cell,
    Figure,
    Table,
    cells,
    columns,
    decimals,
    figure,
    percent,
    plural,
)
from pyexport.report.page.drawing import draw_input, draw_pair
from pyexport.report.page.inputs import changes_drawn, limits_of, scale_of
from pyexport.report.page.material import Hunted, Material, Missing
from pyexport.report.page.section import Values
from pyexport.report.shapes import Shape
from pyexport.verify.cause import Cause, count_causes, parting
from pyexport.verify.pair import Pair

STRONGEST, NEAREST = 4, 4  # that are shown
MOST_OUTPUTS = 12  # of one input


def hunt_values(material: Material) -> Values:
    """Return the strongest disagreements, the nearest to known rows, and the largest gap."""
    hunted, pair = material.hunt, material.pair
    if isinstance(pair, Missing):
        return pair
    if isinstance(hunted, Missing):
        return hunted
    found, drawn = hunted.found, None if isinstance(material.shape, Missing) else material.shape
    return {
        "text": f"{plural(len(found.found.rows), 'distinct disagreement')} in "
        f"{found.found.tried:,} inputs tried on the boundary between classes",
        "tables": [*_causes(hunted), *_gap(material, hunted, pair)],
        "curves": drawn is not None and not drawn.is_picture,
        "strongest": _strongest(material, hunted, pair, drawn),
        "nearest": _nearest(material, hunted, pair, drawn),
    }


def margins(outputs: FloatArray, classes: Array, others: Array) -> FloatArray:
    """Return by how much each row's output of its class is above that of another class."""
    rows = np.arange(len(outputs))
    return np.asarray(outputs[rows, classes] - outputs[rows, others])


def _causes(hunted: Hunted) -> list[Table]:
    found = hunted.found.causes
    rows = [
        cells(
            *_place(cause),
            _does(cause, found),
            f"{n:,}",
            percent(n, len(found), 1),
        )
        for cause, n in count_causes(found)
    ]
    titles = columns("layer", "module", "what it does", ">disagreements", ">share")
    return [Table("The layer that turns the class", titles, tuple(rows))] if rows else []


def _does(cause: Cause, found: tuple[Cause, ...]) -> str:
    when = parting(cause, found)
    does = "clips" if cause.clips else "rounds"
    return does if when is None else f"{does}: {when.sentence()}"


def _place(cause: Cause) -> tuple[str, str]:
    return (cause.node or "layers do not match", cause.source)


def _gap(material: Material, hunted: Hunted, pair: Pair) -> list[Table]:
    gap = hunted.found.gap
    shown = [s for s in hunted.shares if abs(s.change) >= 0.005 * gap.size]
    rows = [cells(s.node, s.source, f"{s.change:+.4g}", f"{s.by_limits:+.4g}") for s in shown]
    quant = pair.artifact.graph.output.quant
    steps = "" if quant is None else f", {gap.size / quant.scale:,.0f} output steps"
    caption = (
        f"The largest gap found: output {pair.labels[gap.output]} is {figure(gap.float_value)} in "
        f"float and {figure(gap.integer_value)} in {material.scheme}{steps}"
    )
    titles = columns("layer", "module", ">adds to the gap", ">of that by its limits")
    return [Table(caption, titles, tuple(rows))]


def _strongest(material: Material, hunted: Hunted, pair: Pair, shape: Shape | None) -> list[Figure]:
    """Return those on which even the less sure of both models is surest against the other."""
    found = hunted.found.found
    rows = found.rows[: len(hunted.found.causes)]
    if not len(rows):
        return []
    floats, integers = pair.float_outputs(pair.real(rows)), pair.integer_outputs(rows)
    ours, theirs = found.float_classes[: len(rows)], found.integer_classes[: len(rows)]
    sure = margins(floats, ours, theirs), margins(integers, theirs, ours)
    order = np.argsort(-np.minimum(*sure), kind="stable")[:STRONGEST]
    figures = []
    for place, i in enumerate(order.tolist(), 1):
        drawn: tuple[tuple[str, str], ...] = ()
        names = pair.labels[ours[i]], pair.labels[theirs[i]]
        if shape is not None:
            alt = f"input that float takes for {names[0]}, {material.scheme} for {names[1]}"
            drawn = (
                ("input", draw_input(pair.real(rows[i][None])[0], shape, limits_of(pair), alt)),
            )
        lines = cells(
            f"float: {names[0]}, by {figure(float(sure[0][i]))}",
            f"{material.scheme}: {names[1]}, by {figure(float(sure[1][i]))}",
            hunted.found.causes[i].sentence(),
        )
        table = _outputs(material, pair, floats[i], integers[i], place)
        figures.append(
            Figure(drawn, lines, f"float {names[0]}, {material.scheme} {names[1]}", table)
        )
    return figures


def _outputs(
    material: Material, pair: Pair, floats: FloatArray, integers: FloatArray, place: int
) -> Table:
    top = np.argsort(-np.maximum(floats, integers), kind="stable")[:MOST_OUTPUTS]
    shown = np.sort(top)
    ends = (
        float(min(floats[shown].min(), integers[shown].min())),
        float(max(floats[shown].max(), integers[shown].max())),
    )
    texts = decimals(floats[shown].tolist()), decimals(integers[shown].tolist())
    classes = int(floats.argmax()), int(integers.argmax())
    rows = []
    for i, *said in zip(shown.tolist(), *texts, strict=True):
        alt = f"float {said[0]}, {material.scheme} {said[1]}"
        drawn = draw_pair(float(floats[i]), float(integers[i]), ends, alt)
        marked = [
            Cell(text, True if i == which else None)
            for text, which in zip(said, classes, strict=True)
        ]
        rows.append((Cell(pair.labels[i]), *marked, Cell(drawn, html=True)))
    left = pair.classes - len(shown)
    ring, square = "\N{WHITE CIRCLE}", "\N{BLACK SMALL SQUARE}"
    caption = f"Outputs {place}: {ring} float, {square} {material.scheme}; a tick for the class"
    if left:
        caption += f"; {left} smaller ones are not shown"
    return Table(caption, columns("class", ">float", f">{material.scheme}", "both"), tuple(rows))


def _nearest(material: Material, hunted: Hunted, pair: Pair, shape: Shape | None) -> list[Figure]:
    small = hunted.found.small
    if shape is None or not len(small.rows):
        return []
    starts, results = pair.real(small.starts), pair.real(small.rows)
    before = pair.integer_classes(small.starts)
    order = np.argsort(small.distance, kind="stable")[:NEAREST]
    reach = float(np.abs(results[order] - starts[order]).max(initial=0.0))
    scale = scale_of(pair, shape, np.concatenate([starts[order], results[order]]))
    figures = []
    for i in order.tolist():
        names = f"known: {pair.labels[before[i]]}", "they disagree"
        drawn = changes_drawn(starts[i], results[i], shape, scale, reach, names)
        moved = int((small.rows[i] != small.starts[i]).sum())
        lines = cells(
            f"float: {pair.labels[small.float_classes[i]]}",
            f"{material.scheme}: {pair.labels[small.integer_classes[i]]}",
            small.causes[i].sentence(),
            f"L2 distance {figure(float(small.distance[i]))}",
            plural(moved, "value") + " changed",
        )
        figures.append(Figure(drawn, lines))
    return figures
