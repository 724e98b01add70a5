"""Topics of evidence that run side by side: printed whole, failures by name, nothing left over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.check_evidence import TOPICS, check
from scripts.evidence import TOPICS as ALL_TOPICS
from scripts.evidence import unpublished
from scripts.evidence_topics.figures import Figure

ROOT = Path(__file__).resolve().parents[2]
# Stands in for scripts/evidence.py; each topic tells when it ran.
STAND_IN = """
import subprocess, sys, time
from pathlib import Path
topic, options = sys.argv[1], sys.argv[2:]
assert options == ["--check", "--short"]
if topic == "hangs":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(__file__).with_name("pids").write_text(str(child.pid))
    child.wait()
start = time.monotonic()
for line in range(3):
    print(topic, "line", line, flush=True)
    time.sleep(0.05)
if topic == "misses":
    print("MISSED: bytes that differ: 3 of 9", file=sys.stderr)
    print("MISSED: the page has no line: speed", file=sys.stderr)
    sys.exit(1)
if topic == "breaks":
    raise RuntimeError("no such chip")
with Path(__file__).with_name("times").open("a") as times:
    times.write(f"{start} {time.monotonic()}\\n")
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "stand_in.py"
    path.write_text(STAND_IN)
    return path


def test_every_topic_is_held_against_its_targets() -> None:
    assert sorted(TOPICS) == sorted(ALL_TOPICS)


def test_a_topic_is_printed_whole(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(["one", "two", "three"], 2, script) == {}
    printed = capsys.readouterr().out
    for topic in ("one", "two", "three"):
        lines = "".join(f"{topic} line {number}\n" for number in range(3))
        assert f"== evidence {topic}\n{lines}== evidence {topic} took " in printed


@pytest.mark.parametrize("at_once", [1, 2])
def test_no_more_topics_run_at_once_than_asked(script: Path, at_once: int) -> None:
    check([f"topic{number}" for number in range(5)], at_once, script)
    spans = [line.split() for line in script.with_name("times").read_text().splitlines()]
    edges = sorted(
        (float(at), change) for span in spans for at, change in zip(span, (1, -1), strict=True)
    )
    under_way = [sum(change for _, change in edges[: end + 1]) for end in range(len(edges))]
    assert len(spans) == 5
    assert 1 <= max(under_way) <= at_once


def test_a_failure_says_what_was_missed(script: Path) -> None:
    assert check(["one", "misses", "breaks", "two"], 2, script) == {
        "misses": ["bytes that differ: 3 of 9", "the page has no line: speed"],
        "breaks": ["ended with status 1: RuntimeError: no such chip"],
    }


def test_a_missing_line_and_a_failing_one_are_told(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("| speed | 3 | 2 | yes |\n| size | 3 | 4 | **NO** |\n")
    figures = [Figure(what, "3", "2", True) for what in ("speed", "weight")]
    assert unpublished(page, figures) == [
        "the page has no line: weight",
        "the page holds a figure that misses: | size | 3 | 4 | **NO** |",
    ]


def test_nothing_is_left_of_a_run_that_is_ended(script: Path) -> None:
    code = "import sys, pathlib; from scripts import check_evidence as c; "
    code += f"c.EVIDENCE = pathlib.Path({str(script)!r}); sys.exit(c.main(['hangs', 'hangs']))"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    pids = script.with_name("pids")
    while not (pids.exists() and pids.read_text()):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM
    assert _gone(int(pids.read_text()))


def _gone(pid: int) -> bool:
    """Return whether a process ends soon; what waits to be collected has ended."""
    for _ in range(500):
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
    return False
