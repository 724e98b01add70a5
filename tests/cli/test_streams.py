"""Standard output that is closed, full or cut off, and Ctrl-C at any moment: one line at most."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STARTS = {
    "script": [str(ROOT / "scripts" / "export.py")],
    "module": ["-m", "pyexport", "export"],
    "entry point": ["-c", "import sys; from pyexport.cli import main; sys.exit(main())", "export"],
}
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full, which Linux has")


def shell(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script of bash in which $PYEXPORT is the command."""
    command = f"{sys.executable} -m pyexport"
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=120,
        env=os.environ | {"PYEXPORT": command, "PYTHONPATH": str(ROOT)} | environment,
    )  # fmt: skip


@pytest.mark.parametrize("closing", [">&-", "<&- >&-", "<&- >&- 2>&-", "2>&-"])
def test_closed_streams_change_no_result(
    model: Path, exported: Path, tmp_path: Path, closing: str
) -> None:
    done = shell(f"$PYEXPORT export {model} --name digits {closing}", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    for path in exported.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), "nothing is printed in it"


@needs_full
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", ["inspect {px}", "inspect {px} --json", "--help"])
def test_a_full_output_is_one_line_and_status_2(
    exported: Path, tmp_path: Path, arguments: str, unbuffered: str
) -> None:
    command = arguments.format(px=exported / "digits.px")
    done = shell(f"$PYEXPORT {command} > /dev/full", tmp_path, PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 2
    assert done.stderr.startswith("error: standard output cannot be written (No space left")
    assert done.stderr.count("\n") == 1


@needs_full
def test_a_full_error_stream_changes_no_status(tmp_path: Path) -> None:
    assert shell("$PYEXPORT export none.pt 2> /dev/full", tmp_path).returncode == 2


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", ["inspect {px}", "inspect {px} --json", "--help"])
def test_a_reader_that_is_gone_is_no_failed_check(
    exported: Path, tmp_path: Path, arguments: str, unbuffered: str
) -> None:
    command = arguments.format(px=exported / "digits.px")
    late = f"{{ read < gone; $PYEXPORT {command}; echo $? > status; }}"
    script = f"mkfifo gone; {late} | {{ exec <&-; echo > gone; }}; cat status"
    done = shell(script, tmp_path, PYTHONUNBUFFERED=unbuffered)
    assert (done.stdout, done.stderr) == ("141\n", "")


@pytest.mark.parametrize("start", STARTS)
def test_ctrl_c_while_modules_are_imported_is_one_line(tmp_path: Path, start: str) -> None:
    slow = tmp_path / "modules"
    slow.mkdir()
    (slow / "typer.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(60)\n")
    process = subprocess.Popen(
        [sys.executable, *STARTS[start], "model.pt"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": f"{slow}{os.pathsep}{ROOT}"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "error: interrupted\n")


def test_an_ignored_ctrl_c_stays_ignored(model: Path, tmp_path: Path) -> None:
    """A job that a script puts in the background must not die of the foreground's Ctrl-C."""
    code = (
        "import signal, sys\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from pyexport.cli import main\n"
        "try:\n    main()\n"
        "finally:\n    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "export", str(model)], cwd=tmp_path, capture_output=True,
        text=True, timeout=60, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
