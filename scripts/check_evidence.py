"""Holds the short form of every topic of evidence against its targets, two topics at a time.

python scripts/check_evidence.py [TOPIC ...] [--jobs N]. What a topic prints comes whole when the
topic ends; the last lines name each topic that failed and what it missed. A topic has a process
group of its own, which is ended with this process.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

EVIDENCE = Path(__file__).resolve().with_name("evidence.py")
# The longest first, so that none of them is left for the end.
TOPICS = ("operators", "formats", "spine", "scratch", "spiking", "hunting", "firmware", "kernels")
POLL_SECONDS = 0.1
GRACE_SECONDS = 5.0  # between asking a topic to end and ending it
MARK = "MISSED: "


@dataclass
class Running:
    """A topic under way: its process, which leads a group, and the file that it prints to."""

    topic: str
    process: subprocess.Popen[bytes]
    log: IO[bytes]
    started: float


def main(words: list[str] | None = None) -> int:
    """Run the topics; returns 1 if one failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help=f"of {', '.join(TOPICS)}")
    parser.add_argument("--jobs", type=int, default=jobs(), help="topics at a time")
    arguments = parser.parse_args(words)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    failures = check(arguments.topics or list(TOPICS), max(1, arguments.jobs), EVIDENCE)
    for topic, lines in failures.items():
        for line in lines:
            print(f"FAILED: evidence {topic}: {line}", flush=True)
    return 1 if failures else 0


def jobs() -> int:
    """Return how many topics run at once: two, for some need 1 GB, but no more than cores."""
    return min(2, len(os.sched_getaffinity(0)))


def check(topics: list[str], at_once: int, script: Path) -> dict[str, list[str]]:
    """Run the script on every topic and print each log whole; returns what the failed missed."""
    waiting, running, failures = list(topics), list[Running](), dict[str, list[str]]()
    parent = os.getppid()
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                running.append(_start(waiting.pop(0), script))
            ended = [one for one in running if one.process.poll() is not None]
            running = [one for one in running if one not in ended]
            for one in ended:
                if lines := _report(one):
                    failures[one.topic] = lines
            if os.getppid() != parent:
                raise SystemExit("what started this has ended")
            if not ended:
                time.sleep(POLL_SECONDS)
    finally:
        _end(running)
    return failures


def _start(topic: str, script: Path) -> Running:
    log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with its report
    command = [sys.executable, str(script), topic, "--check", "--short"]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )
    return Running(topic, process, log, time.monotonic())


def _report(one: Running) -> list[str]:
    """Print what a topic printed; returns what it missed, or how it ended, if it failed."""
    one.log.seek(0)
    with one.log:
        text = one.log.read().decode("utf-8", errors="replace")
    seconds, status = time.monotonic() - one.started, one.process.returncode
    print(f"== evidence {one.topic}\n{text}", end="" if text.endswith("\n") else "\n")
    print(f"== evidence {one.topic} took {seconds:.0f} s, status {status}", flush=True)
    if status == 0:
        return []
    lines = text.splitlines()
    missed = [line.removeprefix(MARK) for line in lines if line.startswith(MARK)]
    return missed or [f"ended with status {status}: {lines[-1] if lines else 'no output'}"]


def _end(running: list[Running]) -> None:
    """End the groups of topics under way, and wait for them."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for one in running:
            try:
                os.killpg(one.process.pid, number)
            except ProcessLookupError:
                continue
        limit = time.monotonic() + GRACE_SECONDS
        for one in running:
            try:
                one.process.wait(max(0.0, limit - time.monotonic()))
            except subprocess.TimeoutExpired:
                continue
    for one in running:
        one.log.close()


def _stop(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
