"""The sections with pictures of inputs: generated ones, and starts that became another class."""

from __future__ import annotations

import numpy as np

from pyexport.ir import FloatArray
from pyexport.report.generated import verdict_lines
from pyexport.report.page.blocks import Cell, Figure, Table, cells, columns, figure, percent, plural
from pyexport.report.page.drawing import Limits, draw_both, draw_difference, draw_input
from pyexport.report.page.material import Attack, Material, Missing
from pyexport.report.page.section import Values
from pyexport.report.shapes import Shape
from pyexport.report.sheets import span_of
from pyexport.verify.generated import Generated
from pyexport.verify.pair import Pair, Verdicts

MOST_CLASSES = 20  # that are shown
MOST_CHANGES = 12


def generated_values(material: Material) -> Values:
    """Return the optimal input of each class and the composites, with who says what."""
    made, pair, shape = material.generated, material.pair, material.shape
    if isinstance(pair, Missing):
        return pair
    if isinstance(made, Missing):
        return made
    sheets = []
    if not isinstance(shape, Missing):
        optimal = pair.real(made.optimal.rows)
        sheets.append(
            {
                "title": "From the least legal input",
                "text": f"one input a class{_contrast(material, shape, optimal)}",
                "figures": _panels(material, made, made.optimal, optimal, shape),
            }
        )
        if len(made.composites):
            many = len(made.grown_targets) // len(made.classes)
            sheets.append(
                {
                    "title": "From noise",
                    "text": f"the mean of {plural(many, 'input')} of each class"
                    + _contrast(material, shape, made.composites),
                    "figures": _panels(material, made, made.means, made.composites, shape),
                }
            )
    return {
        "sheets": sheets,
        "tables": _shares(material, pair, made),
        "curves": not isinstance(shape, Missing) and not shape.is_picture,
        "more": max(0, len(made.classes) - MOST_CLASSES),
        "wrong": made.wrong_rows,
    }


def attack_values(material: Material) -> Values:
    """Return starts, results and differences, and the table of distances."""
    attack, pair, shape = material.attack, material.pair, material.shape
    if isinstance(pair, Missing):
        return pair
    if isinstance(attack, Missing):
        return attack
    found = attack.found
    figures = [] if isinstance(shape, Missing) else _changes(material, attack, pair, shape)
    reached = int(found.succeeded.sum())
    goal = "the class sought" if found.targeted else "another class"
    return {
        "text": f"{reached} of {plural(len(found.rows), 'start')} became {goal}; {attack.how}",
        "figures": figures,
        "curves": not isinstance(shape, Missing) and not shape.is_picture,
        "tables": [_distances(material, attack, pair)],
        "wrong": attack.verdicts.wrong_rows,
    }


def says(
    material: Material, verdicts: Verdicts, row: int, wanted: int, targeted: bool = True
) -> tuple[Cell, ...]:
    """Return who gives a row which class, with a tick where it is the wanted one."""
    pair = material.pair
    assert isinstance(pair, Pair)  # the callers looked
    lines = verdict_lines(pair, verdicts, row, wanted, material.judge or None, targeted)
    first = 0 if material.graph is not None else 1  # without a float model nobody asked it
    return tuple(Cell(text, held) for text, held in lines[first:])


def limits_of(pair: Pair) -> Limits:
    """Return the least and greatest legal real value."""
    low, high = pair.limits
    return float(low.min()), float(high.max())


def scale_of(pair: Pair, shape: Shape, rows: FloatArray) -> Limits:
    """Return what is black and white; of curves the ends of the axis, which the rows span."""
    return limits_of(pair) if shape.is_picture else span_of(rows, limits_of(pair))


def changes_drawn(
    start: FloatArray,
    result: FloatArray,
    shape: Shape,
    scale: Limits,
    reach: float,
    names: tuple[str, str],
) -> tuple[tuple[str, str], ...]:
    """Return the drawings of a start and what became of it."""
    difference = draw_difference(result - start, reach, shape, "difference of the two")
    if not shape.is_picture:
        alt = f"{names[0]}, dashed, and {names[1]}, solid"
        both = draw_both(start, result, shape, scale, alt)
        return ((f"{names[0]} (dashed), {names[1]} (solid)", both), ("difference", difference))
    return (
        (names[0], draw_input(start, shape, scale, names[0])),
        (names[1], draw_input(result, shape, scale, names[1])),
        ("difference", difference),
    )


def _panels(
    material: Material, made: Generated, verdicts: Verdicts, rows: FloatArray, shape: Shape
) -> list[Figure]:
    pair = material.pair
    assert isinstance(pair, Pair)  # the caller looked
    scale, found = span_of(rows, limits_of(pair)), []
    for i, number in enumerate(made.classes[:MOST_CLASSES]):
        label = pair.labels[number]
        drawn = draw_input(rows[i], shape, scale, f"input generated for class {label}")
        found.append(Figure((("", drawn),), says(material, verdicts, i, number), label))
    return found


def _shares(material: Material, pair: Pair, made: Generated) -> list[Table]:
    """Return which share of the rows that grew from noise each model gives their class."""
    if not len(made.grown_targets):
        return []
    by = [("float", "float")] if material.graph is not None else []
    by.append((material.scheme, "integer"))
    by += [(_judge(material), "firmware")] if material.judge else []
    rows = []
    for i, number in enumerate(made.classes[:MOST_CLASSES]):
        mean = int(made.means.integer_classes[i])
        shares = (percent(made.share(number, which), 1.0, 1) for _, which in by)
        rows.append(cells(pair.labels[number], *shares, Cell(pair.labels[mean], mean == number)))
    many = len(made.grown_targets) // len(made.classes)
    titles = columns("class", *(f">{name}" for name, _ in by), f"{material.scheme} on their mean")
    caption = f"Share of the {many} inputs grown from noise that is given their class"
    return [Table(caption, titles, tuple(rows))]


def _changes(material: Material, attack: Attack, pair: Pair, shape: Shape) -> list[Figure]:
    found = attack.found
    starts, results = pair.real(found.starts), pair.real(found.rows)
    before = pair.integer_classes(found.starts)
    reach = float(np.abs(results - starts).max(initial=0.0))
    scale = scale_of(pair, shape, np.concatenate([starts, results]))
    figures = []
    for i in range(min(MOST_CHANGES, len(starts))):
        goal = int(found.targets[i])
        sought = pair.labels[goal] if found.targeted else f"not {pair.labels[goal]}"
        names = f"start: {pair.labels[before[i]]}", f"sought: {sought}"
        drawn = changes_drawn(starts[i], results[i], shape, scale, reach, names)
        moved = int((found.rows[i] != found.starts[i]).sum())
        more = cells(
            f"L2 distance {figure(float(found.distance[i]))}", plural(moved, "value") + " changed"
        )
        lines = says(material, attack.verdicts, i, goal, found.targeted)
        figures.append(Figure(drawn, (*lines, *more)))
    return figures


def _distances(material: Material, attack: Attack, pair: Pair) -> Table:
    found, verdicts = attack.found, attack.verdicts
    reached = found.distance[found.succeeded]
    rows = []
    for name, classes in (
        ("float", verdicts.float_classes if material.graph is not None else None),
        (material.scheme, verdicts.integer_classes),
        (_judge(material), verdicts.firmware_classes),
    ):
        if classes is not None:
            rows.append(cells(f"fooled: {name}", percent(found.hit_share(classes), 1.0, 1)))
    if len(reached):
        for what, value in (
            ("least", reached.min()), ("median", np.median(reached)), ("largest", reached.max()),
        ):  # fmt: skip
            rows.append(cells(f"{what} L2 distance", figure(float(value))))
    unit = material.artifact.input_unit
    caption = "How far is enough" + (f", in {unit}" if unit else "")
    return Table(caption, columns("what", ">figure"), tuple(rows))


def _judge(material: Material) -> str:
    return "C on host" if material.judge.startswith("host") else material.judge


def _contrast(material: Material, shape: Shape, rows: FloatArray) -> str:
    pair = material.pair
    assert isinstance(pair, Pair)  # the caller looked
    low, high = span_of(rows, limits_of(pair))
    if not shape.is_picture:
        return ""
    unit = f" {material.artifact.input_unit}" if material.artifact.input_unit else ""
    return f"; black is {low:.3g}, white {high:.3g}{unit}"
