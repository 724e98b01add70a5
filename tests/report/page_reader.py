"""Reads a report back: its tables, headings, links and pictures, and what breaks the rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "img", "br", "path", "rect", "circle", "link", "input"}


@dataclass
class Page(HTMLParser):
    """What a browser would find in a page; made by `read`."""

    tables: dict[str, list[list[str]]] = field(default_factory=dict)  # rows by caption
    headings: list[tuple[int, str]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)  # of href, src and the like
    images: list[dict[str, str]] = field(default_factory=list)
    drawings: list[dict[str, str]] = field(default_factory=list)  # svg
    unscoped: int = 0  # headings of tables that do not say of what
    text: str = ""
    _open: list[str] = field(default_factory=list)
    _rows: list[list[str]] = field(default_factory=list)
    _caption: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given[name] for name in ("href", "src", "action", "data") if name in given]
        if tag == "img":
            self.images.append(given)
        if tag == "svg":
            self.drawings.append(given)
        if tag in ("h1", "h2", "h3", "h4"):
            self.headings.append((int(tag[1]), ""))
        if tag == "table":
            self._rows, self._caption = [], ""
        if tag == "tr":
            self._rows.append([])
        if tag in ("th", "td"):
            self._rows[-1].append("")
            self.unscoped += tag == "th" and given.get("scope") not in ("row", "col")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self._open and self._open[-1] == tag, f"</{tag}> closes <{self._open[-1:]}>"
        self._open.pop()
        if tag == "table":
            assert self._caption not in self.tables, f"two tables are called {self._caption}"
            self.tables[self._caption] = self._rows

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        self.text += data
        words = " ".join(data.split())
        if "caption" in self._open:
            self._caption += words
        elif {"th", "td"} & set(self._open) and words:
            self._rows[-1][-1] = f"{self._rows[-1][-1]} {words}".strip()
        elif self._open and self._open[-1] in ("h1", "h2", "h3", "h4"):
            level, text = self.headings[-1]
            self.headings[-1] = (level, text + words)

    def table(self, start: str) -> list[list[str]]:
        """Return the rows of the only table whose caption starts so, its head first."""
        (found,) = [rows for caption, rows in self.tables.items() if caption.startswith(start)]
        return found

    def cell(self, start: str, row: str, column: str) -> str:
        """Return one cell, without what stands for a tick or a cross."""
        head, *rows = self.table(start)
        (line,) = [line for line in rows if line[0] == row]
        text = line[head.index(column)]
        for mark in ("✓ yes: ", "✗ no: "):
            text = text.removeprefix(mark)
        return text


def read(html: str) -> Page:
    """Return what is in a page; fails where a tag is not closed in order."""
    page = Page()
    page.feed(html)
    page.close()
    assert page._open == [], f"{page._open} are not closed"
    return page
