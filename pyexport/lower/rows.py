"""In which order the rows of a RowLoop are computed, and how many of each its lines must hold."""

from __future__ import annotations

from collections.abc import Iterator

from pyexport.program import RowLoop


def row_order(loop: RowLoop) -> Iterator[tuple[int, int]]:
    """Yield (step, row) in the order in which rows are computed: each as late as possible.

    Before a row of the last step all rows are computed that it needs and that are not there yet,
    those of the earlier steps first. Rows that nothing in the loop needs come last.
    """
    makers = {name: i for i, step in enumerate(loop.steps) for name in step.step.writes}
    made = [0] * len(loop.steps)

    def make(index: int, row: int) -> Iterator[tuple[int, int]]:
        for wanted in range(made[index], row + 1):
            step = loop.steps[index]
            for name in step.step.reads:
                if name in makers:
                    yield from make(makers[name], step.input_rows(wanted)[1])
            made[index] = wanted + 1
            yield (index, wanted)

    for row in range(loop.rows):
        yield from make(len(loop.steps) - 1, row)
    for index, step in enumerate(loop.steps):  # what only readers behind the loop want
        yield from make(index, step.rows - 1)


def needed_rows(loop: RowLoop) -> dict[str, int]:
    """Return how many rows each line must hold so that no row is lost before its last use."""
    lines = {line.buffer for line in loop.lines}
    makers = {name: i for i, step in enumerate(loop.steps) for name in step.step.writes}
    newest = dict.fromkeys(lines, -1)
    needed = dict.fromkeys(lines, 1)
    for index, row in row_order(loop):
        step = loop.steps[index]
        for name in step.step.reads:
            if name in lines and name in makers:
                first, _ = step.input_rows(row)
                needed[name] = max(needed[name], newest[name] - first + 1)
        for name in step.step.writes:
            if name in lines:
                newest[name] = row
    return needed
