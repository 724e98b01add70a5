"""The section about accuracy: how right both models are, and which classes are mixed up."""

from __future__ import annotations

import numpy as np

from pyexport.report.page.blocks import Cell, Table, cells, columns, count, figure, percent
from pyexport.report.page.material import Material, Missing
from pyexport.report.page.section import Values

MOST_CLASSES = 12  # of a table of mixed-up classes


def scores_values(material: Material) -> Values:
    """Return the table of accuracy or errors, and of mixed-up classes where rows have one."""
    tables = [*_accuracy(material), *_errors(material), *_agreement(material), *_mixed(material)]
    if not tables:
        return Missing("no evaluation data say what is right; save some with the model")
    return {"tables": tables}


def _accuracy(material: Material) -> list[Table]:
    found, scheme = material.accuracy, material.scheme
    if found is None:
        return []
    rows = []
    for name, right in (("float", found.float_correct), (scheme, found.exported_correct)):
        rows.append(
            cells(name, percent(right, found.rows), count(right), count(found.rows - right))
        )
    change = found.exported_correct - found.float_correct
    rows.append(
        cells("change", f"{100 * change / found.rows:+.2f} points", f"{change:+,}", f"{-change:+,}")
    )
    caption = f"Accuracy on {found.rows:,} evaluation rows, {material.accuracy_rows}"
    return [Table(caption, columns("model", ">right", ">rows right", ">rows wrong"), tuple(rows))]


def _errors(material: Material) -> list[Table]:
    found, unit = material.errors, material.artifact.statements.output_unit
    if found is None:
        return []
    rows = (
        cells("float", figure(found.float_rmse), figure(found.float_mae)),
        cells(material.scheme, figure(found.exported_rmse), figure(found.exported_mae)),
    )
    of = f", {unit}" if unit else ""
    caption = f"Errors on {found.rows:,} evaluation rows{of}, {material.accuracy_rows}"
    titles = ("model", ">root mean square error", ">mean absolute error")
    return [Table(caption, columns(*titles), rows)]


def _agreement(material: Material) -> list[Table]:
    if material.graph is None or isinstance(material.pair, Missing):
        return []
    pair, rows = material.pair, material.known.rows
    by_float, by_export = pair.float_classes(pair.real(rows)), pair.integer_classes(rows)
    gap = np.abs(pair.float_outputs(pair.real(rows)) - pair.integer_outputs(rows))
    same = int((by_float == by_export).sum())
    table = Table(
        f"How near both models are on {material.known.what}",
        columns("what", ">figure"),
        (
            cells("rows that both give the same class", f"{same:,} of {len(rows):,}"),
            cells("largest difference of an output", figure(float(gap.max(initial=0.0)))),
            cells("mean difference of an output", figure(float(gap.mean()))),
        ),
    )
    return [table]


def _mixed(material: Material) -> list[Table]:
    pair, targets = material.pair, material.known.targets
    if isinstance(pair, Missing) or targets is None or pair.classes > MOST_CLASSES:
        return []
    given = pair.integer_classes(material.known.rows)
    if len(given) != len(targets) or targets.min() < 0 or targets.max() >= pair.classes:
        return []
    rows = []
    for number, label in enumerate(pair.labels):
        mine = given[targets == number]
        counts = [int((mine == other).sum()) for other in range(pair.classes)]
        shown = [_cell(n, other == number) for other, n in enumerate(counts)]
        rows.append((Cell(label), *shown))
    caption = f"Classes that {material.scheme} gives {material.known.what}; a row is a true class"
    titles = columns("true class", *(f">{label}" for label in pair.labels))
    return [Table(caption, titles, tuple(rows))]


def _cell(rows: int, is_right: bool) -> Cell:
    return Cell(count(rows) if rows else "\N{MIDDLE DOT}", strong=is_right)
