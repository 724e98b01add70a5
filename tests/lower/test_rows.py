"""Row loops of programs made by hand: which rows run when, what lines must hold, where they lie."""

from __future__ import annotations

import pytest

from pyexport.lower.placing import place_buffers
from pyexport.lower.rows import needed_rows, row_order
from pyexport.memory_picture import memory_picture
from pyexport.program import Buffer, Line, Program, RowLoop, RowStep, Step


def step(node: str, reads: str, writes: str, workspace: str = "") -> Step:
    return Step(
        kernel="conv", template="ops/conv.h.j2", node=node, trace=-1,
        reads=tuple(reads.split()), writes=tuple(writes.split()), consts=(), params=(),
        workspace=workspace,
    )  # fmt: skip


def loop(rows: int = 8, capacity: int = 3) -> RowLoop:
    """Return a 3x3 convolution, another one, and a pooling of 2 rows, over planes of 10 bytes."""
    return RowLoop(
        (
            RowStep(step("c0", "x", "l0"), rows=rows, rows_in=rows, window=3, halo=1),
            RowStep(step("c1", "l0", "l1", "space"), rows=rows, rows_in=rows, window=3, halo=1),
            RowStep(step("pool", "l1", "p"), rows=rows // 2, rows_in=rows, window=2, stride=2),
        ),
        (Line("l0", 10, capacity), Line("l1", 10, 2)),
    )


def buffer(name: str, size: int, kind: str = "arena") -> Buffer:
    return Buffer(name, kind, "u8", size, size)


def test_rows_are_made_as_late_as_their_readers_allow() -> None:
    order = list(row_order(loop(rows=4)))
    assert order == [
        (0, 0), (0, 1), (1, 0), (0, 2), (1, 1), (2, 0),
        (0, 3), (1, 2), (1, 3), (2, 1),
    ]  # fmt: skip


def test_every_row_runs_once_and_after_what_it_reads() -> None:
    example = loop(rows=9)
    done: set[tuple[int, int]] = set()
    for index, row in row_order(example):
        first, last = example.steps[index].input_rows(row)
        if index:
            assert {(index - 1, r) for r in range(first, last + 1)} <= done
        assert (index, row) not in done
        done.add((index, row))
    assert {i: sum(1 for j, _ in done if j == i) for i in range(3)} == {0: 9, 1: 9, 2: 4}


def test_a_line_needs_the_rows_of_its_readers_window() -> None:
    assert needed_rows(loop()) == {"l0": 3, "l1": 2}


def test_a_residual_row_loop_keeps_rows_for_the_slower_branch() -> None:
    skip = RowLoop(
        (
            RowStep(step("c0", "x", "l0"), rows=8, rows_in=8),
            RowStep(step("c1", "l0", "l1"), rows=8, rows_in=8, window=5, halo=2),
            RowStep(step("add", "l0 l1", "y"), rows=8, rows_in=8),
        ),
        (Line("l0", 10, 5), Line("l1", 10, 1)),
    )
    assert needed_rows(skip) == {"l0": 5, "l1": 1}


def test_padding_and_enlarging_are_windows_too() -> None:
    conv = RowStep(step("c", "x", "y"), rows=8, rows_in=8, window=3, halo=1)
    assert [conv.input_rows(r) for r in (0, 3, 7)] == [(0, 1), (2, 4), (6, 7)]
    strided = RowStep(step("c", "x", "y"), rows=4, rows_in=8, window=3, stride=2)
    assert [strided.input_rows(r) for r in (0, 3)] == [(0, 2), (6, 7)]
    larger = RowStep(step("u", "x", "y"), rows=8, rows_in=4, repeat=2)
    assert [larger.input_rows(r) for r in (0, 1, 7)] == [(0, 0), (0, 0), (3, 3)]


def test_lines_lie_in_the_arena_while_their_loop_runs_only() -> None:
    buffers = [
        buffer("x", 80, "input"), buffer("l0", 30, "line"), buffer("l1", 20, "line"),
        buffer("space", 7), buffer("p", 40), buffer("q", 55), buffer("y", 2, "output"),
    ]  # fmt: skip
    steps = (loop(), step("dense", "p", "q"), step("last", "q", "y"))
    placed = place_buffers(buffers, steps, {})
    assert placed.arena_bytes == placed.lower_bound == 30 + 20 + 7 + 40
    places = {b.name: range(b.offset, b.offset + b.bytes) for b in placed.buffers}
    together = ("l0", "l1", "space", "p")
    for i, a in enumerate(together):
        for b in together[i + 1 :]:
            assert not set(places[a]) & set(places[b])
    program = Program(
        buffers=placed.buffers, consts=(), steps=placed.steps, inputs=("x",), outputs=("y",),
        arena_bytes=placed.arena_bytes, arena_lower_bound=placed.lower_bound, trace_sizes=(),
    )  # fmt: skip
    picture = memory_picture(program)
    assert picture.steps == ("c0..pool", "dense", "last")
    assert picture.alive == (97, 95, 55)
    assert {r.name: r.kind for r in picture.rows if r.in_arena} == {
        "l0": "line", "l1": "line", "space": "workspace", "p": "arena", "q": "arena"
    }  # fmt: skip


def test_a_loop_that_reads_a_line_before_it_is_written_is_refused() -> None:
    first, second, third = loop().steps
    with pytest.raises(ValueError, match="c1 reads l0, not yet written"):
        RowLoop((second, first, third), loop().lines)
    with pytest.raises(ValueError, match="halo 3 of 3 rows"):
        RowStep(step("c", "x", "y"), rows=8, rows_in=8, window=3, halo=3)
    with pytest.raises(ValueError, match="at least 1"):
        RowStep(step("c", "x", "y"), rows=0, rows_in=8)
    with pytest.raises(ValueError, match="without steps"):
        RowLoop((), ())
