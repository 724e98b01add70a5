"""Runs `pyexport inspect` and `export` on each hostile file and twin, each in a process of its own.

python -m tests.frontends.hostile_worker FOLDER, where scripts/make_hostile_files.py has written.
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
import time
from pathlib import Path

from pyexport.cli import main

SECONDS = 20  # of one run; each takes less than one on an idle machine
ADDRESS_SPACE = 2 << 30
RUNNING = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "subprocess.", "pickle.",
           "socket.", "ctypes.", "code.__new__")  # fmt: skip


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
        "events": events,
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


def run(folder: Path) -> None:
    """Run both commands on all files of the folder."""
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))["cases"]
    clean = str(folder / "twin" / "weight-huge")
    output = folder / "output"
    options = ["--output", str(output), "--name", "net", "--input-range", "0:1"]
    for path in (clean, str(folder / "twin" / "onnx-huge")):
        call(["inspect", path])
        call(["export", path, *options])
    seen: set[bytes] = set()
    for side in ("hostile", "twin"):
        for name in index:
            path = str(folder / side / name)
            digest = hashlib.sha256(Path(path).read_bytes()).digest()
            if digest in seen:  # most twins are the same clean file
                continue
            seen.add(digest)
            for command, more in (("inspect", []), ("export", options + index[name]["options"])):
                for old in output.iterdir():
                    old.unlink()
                done = forked([command, path, *more])
                header = output / "net.h"
                facts = {
                    "side": side,
                    "name": name,
                    "command": command,
                    "written": sorted(p.name for p in output.iterdir()),
                    "header": header.read_text(encoding="utf-8") if header.exists() else "",
                }
                print(json.dumps(facts | done), flush=True)


if __name__ == "__main__":
    run(Path(sys.argv[1]))
