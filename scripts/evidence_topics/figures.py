"""What a topic returns: figures with their targets, and how they become a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One line of a topic's table: what was asked for, what was measured, whether it holds."""

    what: str
    wanted: str
    measured: str
    ok: bool
    details: tuple[str, ...] = ()  # Markdown lines below the table

    def as_json(self) -> dict[str, Any]:
        """Return the figure as plain JSON values."""
        return asdict(self) | {"details": list(self.details)}

    @staticmethod
    def from_json(document: dict[str, Any]) -> Figure:
        """Return the figure of such values."""
        return Figure(**{**document, "details": tuple(document["details"])})


@dataclass(frozen=True)
class Context:
    """Where a topic works, and how much of it: the short part is what CI runs."""

    root: Path  # the checkout
    folder: Path  # kept between runs: trained models, exports
    short: bool
    say: Callable[[str], None]


@dataclass(frozen=True)
class Task:
    """One step of a topic: its name, by which a finished one is found again, and its function."""

    name: str
    run: Callable[[Context], tuple[Figure, ...]]
    sources: tuple[str, ...] = ()  # files and folders that its figures depend on; (): all
    sums_up: bool = False  # it measures nothing, and makes figures of what other tasks stored


@dataclass(frozen=True)
class Topic:
    """A page of docs/evidence/: title, introduction and the tasks that measure its figures."""

    name: str
    title: str
    introduction: str
    tasks: tuple[Task, ...]
    shown_in: str = ""  # a document that shows the table too, between two marks


def page(topic: Topic, figures: list[Figure], machine: str) -> str:
    """Return the Markdown page of a topic."""
    lines = [
        f"# {topic.title}",
        "",
        topic.introduction,
        "",
        "Made by:",
        "",
        "```text",
        f"python scripts/evidence.py {topic.name} --check",
        "```",
        "",
        f"Measured with {machine}.",
        "",
        "| what | wanted | measured | holds |",
        "|---|---|---|---|",
    ]
    lines += [f"| {f.what} | {f.wanted} | {f.measured} | {_mark(f.ok)} |" for f in figures]
    for figure in figures:
        if figure.details:
            lines += ["", f"## {figure.what}", "", *figure.details]
    return "\n".join(lines) + "\n"


def shown(topic: Topic, document: str, figures: list[Figure]) -> str:
    """Return a document with the topic's table between its marks, without the last column."""
    start = f"<!-- figures of {topic.name}: written by scripts/evidence.py -->\n"
    end = "<!-- end of figures -->\n"
    before, found, rest = document.partition(start)
    if not found or end not in rest:
        raise ValueError(f"{topic.shown_in} lacks the marks {start.strip()} and {end.strip()}")
    lines = ["| what | wanted | measured |", "|---|---|---|"]
    lines += [f"| {f.what} | {f.wanted} | {f.measured} |" for f in figures]
    return before + start + "\n" + "\n".join(lines) + "\n\n" + end + rest.partition(end)[2]


def _mark(ok: bool) -> str:
    return "yes" if ok else "**NO**"


def markdown_table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return a Markdown table's lines; all columns but the first align right."""
    rule = "|---|" + "---:|" * (len(header) - 1)
    return (
        "| " + " | ".join(header) + " |",
        rule,
        *("| " + " | ".join(row) + " |" for row in rows),
    )
