"""Gives each hostile file and twin to the commands that take it, each in a process of its own.

python -m scripts.hostile_files.worker FOLDER, where scripts/make_hostile_files.py has written.
Prints one JSON line a run: how it ended, what it wrote, how far its memory grew, and every event
of Python's audit log that would mean that something was run.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path

from pyexport.cli import main
from scripts.hostile_files.case import ARTIFACT, HEADER, MODEL, SAMPLES
from scripts.hostile_files.rows import CSV

SECONDS = 30  # of one run; each takes less than one on an idle machine
ADDRESS_SPACE = 2 << 30
RUNNING = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "subprocess.", "pickle.",
           "socket.", "ctypes.", "code.__new__")  # fmt: skip
BESIDE = (".toml", ".px", ".data")  # suffixes of what may lie beside a file
CLEAN = "weight-huge"  # a case whose twin is the clean archive
_BRIEF = ["--suite", "random", "--random", "20", "--compiler", "gcc"]


class Workplace:
    """A folder with a clean export and a clean sample file, and a place for what is written."""

    def __init__(self, corpus: Path, folder: Path) -> None:
        self.model = str(corpus / "twin" / CLEAN)
        self.output = folder / "output"
        self.export = ["--output", str(self.output), "--name", "net", "--input-range", "0:1"]
        self.rows = str(folder / "rows.csv")
        Path(self.rows).write_bytes(CSV)
        call(["export", self.model, *self.export])
        self.px = str(folder / "clean.px")
        Path(self.px).write_bytes((self.output / "net.px").read_bytes())

    def commands(self, use: str, path: str, options: list[str]) -> list[list[str]]:
        """Return the command lines that take a file."""
        return {
            MODEL: [["inspect", path], ["export", path, *self.export, *options]],
            SAMPLES: [
                ["export", self.model, *self.export, "--calibration", path],
                ["simulate", self.px, path],
            ],
            ARTIFACT: [["inspect", path], ["simulate", path, self.rows], ["verify", path, *_BRIEF]],
            HEADER: [["verify", path, *_BRIEF]],
        }[use]


def memory() -> int:
    """Return the largest resident size of this process so far, in KiB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1])
    raise RuntimeError("the kernel states no VmHWM")


def call(arguments: list[str]) -> dict[str, object]:
    """Run one command in this process."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(arguments)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0
    return {"status": status, "out": out.getvalue()[:50_000], "err": err.getvalue()[:5000]}


def child(arguments: list[str]) -> dict[str, object]:
    """Run one command and return what it did."""
    events: list[str] = []

    def audit(event: str, _: tuple[object, ...]) -> None:
        if event.startswith(RUNNING):
            events.append(event)

    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    signal.alarm(SECONDS)
    before, start = memory(), time.monotonic()
    sys.addaudithook(audit)
    done = call(arguments)
    foreign = sorted({"torch", "sklearn", "scipy"} & set(sys.modules))
    return done | {
        "events": sorted(set(events)),
        "imports": foreign,
        "grown_kib": memory() - before,
        "seconds": time.monotonic() - start,
    }


def forked(arguments: list[str]) -> dict[str, object]:
    """Return what a command did in a fork of this process, which has all modules loaded."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        with os.fdopen(writer, "w") as pipe:
            json.dump(child(arguments), pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    _, ended = os.waitpid(pid, 0)
    if not text:
        raise RuntimeError(f"{arguments}: ended by {os.waitstatus_to_exitcode(ended)}")
    facts: dict[str, object] = json.loads(text)
    return facts


def run(corpus: Path, folder: Path) -> None:
    """Run all commands on all files of the corpus; most twins are the same clean file."""
    index = json.loads((corpus / "index.json").read_text(encoding="utf-8"))["cases"]
    place = Workplace(corpus, folder)
    for warm in (place.px, str(corpus / "twin" / "onnx-huge")):
        call(["inspect", warm])
    call(["simulate", place.px, place.rows])
    seen: set[bytes] = set()
    for side in ("hostile", "twin"):
        for name, case in index.items():
            path = corpus / side / name
            digest = hashlib.sha256(repr(case).encode())
            for beside in (path, *(path.with_suffix(s) for s in BESIDE)):
                digest.update(beside.read_bytes() if beside.exists() else b"")
            if side == "twin" and digest.digest() in seen:
                continue
            seen.add(digest.digest())
            for command in place.commands(case["use"], str(path), case["options"]):
                for old in place.output.iterdir():
                    old.unlink()
                done = forked(command)
                header = place.output / "net.h"
                facts = {
                    "side": side,
                    "name": name,
                    "use": case["use"],
                    "options": case["options"],
                    "ends": case[side],
                    "command": command[0],
                    "written": sorted(p.name for p in place.output.iterdir()),
                    "header": header.read_text(encoding="utf-8") if header.exists() else "",
                }
                print(json.dumps(facts | done), flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        run(Path(sys.argv[1]).resolve(), Path(scratch))
