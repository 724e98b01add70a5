"""The runner of documentation blocks sees what it should: wrong output, failures, exemptions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.markdown_blocks import Block, Command, difference, read_blocks, read_console
from tests.test_docs import Session, run_block


def run_document(markdown: str, folder: Path) -> None:
    session = Session(folder)
    for block in read_blocks(markdown):
        run_block(session, block, "page.md")


def test_blocks_carry_their_language_line_and_comments() -> None:
    page = "# T\n<!-- not run: needs a real board -->\n\n```bash\nmake\n```\n\n```text\nx\n```\n"
    assert read_blocks(page) == [
        Block("bash", "make", 4, not_run="needs a real board"),
        Block("text", "x", 8),
    ]


def test_a_comment_does_not_reach_past_other_text() -> None:
    page = "<!-- not run: only the next block -->\nText.\n```bash\nmake\n```\n"
    assert read_blocks(page) == [Block("bash", "make", 3)]


def test_a_block_inside_a_list_loses_its_indentation() -> None:
    assert read_blocks("- x\n\n  ```python\n  if 1:\n      y = 2\n  ```\n")[0].text == (
        "if 1:\n    y = 2"
    )


def test_an_open_block_is_refused() -> None:
    with pytest.raises(ValueError, match="never closed"):
        read_blocks("```python\nx = 1\n")


def test_console_commands_keep_their_output_and_continuations() -> None:
    assert read_console("$ a \\\n>   b\none\n\ntwo\n$ c") == [
        Command("a \\\n  b", "one\n\ntwo"),
        Command("c", ""),
    ]


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ("a b", "a b\n", True),
        ("a b", "a c\n", False),
        ("a b", "a b\nmore\n", False),
        ("took ... s", "took 0.31 s\n", True),
        ("took ... s", "took 0.31 ms\n", False),
        ("first\n...\nlast", "first\nx\ny\nlast\n", True),
        ("first\n...\nlast", "first\nlast\n", True),
        ("first\n...", "first\nx\n", True),
        ("first\n...\nlast", "first\nx\n", False),
        ("(a.b)", "(axb)\n", False),
    ],
)
def test_output_is_compared_with_wildcards(expected: str, actual: str, same: bool) -> None:
    assert (difference(expected, actual) == "") is same


@pytest.mark.parametrize(
    "page",
    [
        "```console\n$ echo one\ntwo\n```",
        "```console\n$ false\n```",
        "```bash\nfalse\ntrue\n```",
        "```python\nraise ValueError\n```",
        "```python\nprint(1)\n```\n<!-- output -->\n```text\n2\n```",
        "<!-- exit: 1 -->\n```console\n$ true\n```",
        "<!-- run: false -->",
        "```c\nint main(void) { return 1; }\n```",
        "```c\nint main(void) { int unused; return 0; }\n```",
    ],
)
def test_a_wrong_document_fails(page: str, tmp_path: Path) -> None:
    with pytest.raises((AssertionError, ValueError)):
        run_document(page, tmp_path)


def test_a_right_document_passes_and_its_blocks_share_folder_and_names(tmp_path: Path) -> None:
    run_document(
        "<!-- run: echo 7 > number.txt -->\n"
        "```python\nfrom pathlib import Path\nx = int(Path('number.txt').read_text())\n```\n"
        "```python\nprint(x + 1)\n```\n<!-- output -->\n```text\n8\n```\n"
        "```console\n$ mkdir inner && cd inner\n$ cat ../number.txt\n7\n```\n"
        "<!-- exit: 3 -->\n```console\n$ cat ../number.txt && exit 3\n7\n```\n"
        "<!-- not run: it would fail here -->\n```bash\nfalse\n```\n"
        '```c\n#include <stdio.h>\nint main(void) { puts("hi"); return 0; }\n```\n',
        tmp_path,
    )
