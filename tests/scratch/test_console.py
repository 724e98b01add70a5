"""What the training scripts print."""

import sys

import pytest

from pyexport.errors import UsageError
from pyexport.scratch.console import progress, run_script, table


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


@pytest.mark.parametrize("error", [UsageError("no such\nthing"), OSError(2, "no such file", "a")])
def test_a_script_that_fails_prints_one_line_and_exits_2(capsys, error):
    def main():
        raise error

    with pytest.raises(SystemExit) as caught:
        run_script(main)
    assert caught.value.code == 2
    text = capsys.readouterr().err
    assert text.startswith("error: ") and text.count("\n") == 1
