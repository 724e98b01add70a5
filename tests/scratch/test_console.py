"""What the training scripts print."""

import sys

from pyexport.scratch.console import progress, table


def test_columns_are_aligned():
    text = table(("name", "n"), [("a", "10,000"), ("longer", "7")])
    assert text.splitlines() == [
        "name         n",
        "------  ------",
        "a       10,000",
        "longer       7",
    ]


def test_off_a_terminal_only_the_last_progress_is_shown(capsys):
    progress("half")
    progress("done", last=True)
    assert capsys.readouterr().err == "done\n"


def test_on_a_terminal_progress_overwrites_itself(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    progress("half")
    progress("done", last=True)
    assert capsys.readouterr().err == "\r\x1b[Khalf\r\x1b[Kdone\n"
