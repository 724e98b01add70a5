"""What kernels let their tensors share, and what lowering makes of it: views, free steps, order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from pyexport.codegen.context import call_arguments
from pyexport.ir import Graph, Node, Op, Tensor
from pyexport.lower import lower
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.memory import View
from pyexport.lower.reuse import (
    Reuse,
    cut_apart,
    cut_out,
    element_for_element,
    no_reuse,
    same_bytes,
    side_by_side,
)
from pyexport.program import Step
from pyexport.simulator.fast import FastSimulator
from tests.codegen.compile_c import CompiledModel
from tests.networks import Recipe, device_rows, export_recipe


@dataclass(frozen=True)
class Fake(Op):
    """An operator of no meaning."""

    kind: ClassVar[str] = "fake"
    name: str = "fake"


def kernel(name: str, reuse: object = no_reuse, trace: int = 0) -> Kernel:
    return Kernel(
        name=name,
        matches=lambda node, graph, target: isinstance(node.op, Fake) and node.op.name == name,
        lower=lambda node, graph: Lowered((), (), trace_size=trace),
        workspace=lambda node, graph: 0,
        cost=lambda node, graph: 1,
        template=f"ops/{name}.h.j2",
        reuse=reuse,  # type: ignore[arg-type]
    )


FAKES = (
    kernel("make", trace=1),
    kernel("relu", element_for_element),
    kernel("reshape", same_bytes),
    kernel("join", lambda node, graph: side_by_side(node, graph, 0)),
    kernel("split", lambda node, graph: cut_apart(node, graph, 0)),
)


def graph(shapes: dict[str, tuple[int, ...]], *nodes: tuple[str, str, str]) -> Graph:
    """Return a graph; a node is a kernel's name, its inputs and its outputs, e.g. "a b", "c"."""
    return Graph(
        tuple(Tensor(name, shape, "u8") for name, shape in shapes.items()),
        tuple(
            Node(f"n{i}", Fake(kind), tuple(reads.split()), tuple(writes.split()))
            for i, (kind, reads, writes) in enumerate(nodes)
        ),
        ("x",),
        ("y",),
    )


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyexport.lower.selecting.KERNELS", FAKES)


def steps(program: object) -> dict[str, Step]:
    return {s.node: s for s in program.steps if isinstance(s, Step)}  # type: ignore[attr-defined]


def test_a_concatenation_of_rows_costs_nothing() -> None:
    program = lower(
        graph(
            {"x": (1,), "a": (2, 5), "b": (3, 5), "c": (5, 5), "y": (1,)},
            ("make", "x", "a"), ("make", "x", "b"), ("join", "a b", "c"), ("make", "c", "y"),
        )
    )  # fmt: skip
    assert steps(program)["n2"].is_free
    assert steps(program)["n2"].placed == ("a", "b")
    base = program.buffer("c").offset
    assert (program.buffer("a").offset, program.buffer("b").offset) == (base, base + 10)
    assert program.arena_bytes == program.arena_lower_bound == 25


def test_a_concatenation_of_channels_is_copied() -> None:
    wide = graph(
        {"x": (1,), "a": (5, 2), "b": (5, 3), "c": (5, 5), "y": (1,)},
        ("make", "x", "a"), ("make", "x", "b"), ("join", "a b", "c"), ("make", "c", "y"),
    )  # fmt: skip
    node = wide.nodes[2]
    assert side_by_side(node, wide, 1) == Reuse()
    one_row = graph(
        {"x": (1,), "a": (1, 2), "b": (1, 3), "c": (1, 5), "y": (1,)},
        ("make", "x", "a"), ("make", "x", "b"), ("join", "a b", "c"), ("make", "c", "y"),
    )  # fmt: skip
    views = side_by_side(node, one_row, 1).views
    assert views == (View("a", "c", 0), View("b", "c", 2))


def test_a_slice_of_rows_is_a_view_and_one_of_columns_is_not() -> None:
    cut = graph({"x": (4, 3), "y": (2, 3)}, ("make", "x", "y"))
    assert cut_out(cut.nodes[0], cut, 0, 1).views == (View("y", "x", 3),)
    assert cut_out(cut.nodes[0], cut, 1, 1) == Reuse()


def test_a_relu_takes_the_place_of_what_it_reads_and_steps_keep_their_numbers() -> None:
    program = lower(
        graph(
            {"x": (1,), "a": (90,), "b": (90,), "c": (5,), "d": (5,), "e": (5,), "y": (1,)},
            ("make", "x", "a"), ("make", "x", "b"), ("make", "a", "c"), ("make", "b", "d"),
            ("relu", "d", "e"), ("make", "c e", "y"),
        )
    )  # fmt: skip
    assert program.buffer("e").offset == program.buffer("d").offset
    order = [step.node for step in program.steps if isinstance(step, Step)]
    assert order != sorted(order)
    assert program.arena_bytes == program.arena_lower_bound == 100
    # accumulators are numbered as in the graph, whatever runs first
    assert [steps(program)[f"n{i}"].trace for i in (0, 1, 2, 3, 4, 5)] == [0, 1, 2, 3, -1, 4]


def test_views_of_the_callers_memory_have_a_pointer_of_their_own() -> None:
    program = lower(
        graph(
            {"x": (6,), "a": (2,), "b": (4,), "c": (6,), "y": (6,)},
            ("split", "x", "a b"), ("make", "a b", "c"), ("relu", "c", "y"),
        )
    )  # fmt: skip
    b, c = program.buffer("b"), program.buffer("c")
    assert (b.kind, b.inside, b.offset) == ("input", "x", 2)
    assert (c.kind, c.inside, c.offset) == ("output", "y", 0)
    assert program.arena_bytes == 0
    assert call_arguments(steps(program)["n1"], program, "m") == "a, b, 0, c"
    assert call_arguments(steps(program)["n2"], program, "m") == "c, out"


def test_a_softmax_works_in_the_output_and_c_agrees(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.undo()
    for scheme in ("int8", "float32"):
        exported = export_recipe(Recipe((7, 9, 30), softmax=True, scheme=scheme))
        assert exported.program.buffer("linear1_out").inside == "output"
        assert exported.program.arena_bytes == 9 * (4 if scheme == "float32" else 1)
        compiled = CompiledModel(exported, tmp_path / scheme)  # type: ignore[operator]
        rows = device_rows(exported, 40)
        wanted = FastSimulator(exported.artifact.graph).run(rows)
        assert (compiled.run(rows) == wanted).all()
