"""Fuzzing: every reader of foreign bytes, a million inputs each."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

from scripts.evidence_topics.figures import Context, Figure, Task, markdown_table
from scripts.fuzz_readers import READERS as ALL_READERS
from scripts.fuzz_readers import RUNS

READERS = tuple(name for name in ALL_READERS if name != "onnx")  # a part of the operators' topic

SHORT_RUNS = 3_000
MAX_LEAK_KIB = 64 << 10
# What a run depends on: the readers and the fuzzer, not the rest of the package.
SOURCES = (
    "pyexport/artifact.py", "pyexport/frontends", "pyexport/graph_check.py",
    "pyexport/graph_document.py", "pyexport/scratch/checkpoint.py",
    "pyexport/scratch/checkpoint_reader.py", "pyexport/tensorfile.py", "pyexport/untrusted.py",
    "pyexport/verify/subject.py", "scripts/fuzz_readers.py", "scripts/fuzzing",
    "scripts/hostile_files", "scripts/make_hostile_files.py",
)  # fmt: skip


def tasks(readers: tuple[str, ...] = READERS) -> tuple[Task, ...]:
    """Return a task a reader, so that an interrupted run goes on with the next one."""
    runs = [Task(f"fuzz {name}", partial(_fuzz, reader=name), SOURCES) for name in readers]
    return (*runs, Task("fuzzing", partial(_summary, readers=readers), SOURCES))


def _fuzz(context: Context, reader: str) -> tuple[Figure, ...]:
    """Run one reader; its facts are kept for the summary, which makes the figure."""
    count = SHORT_RUNS if context.short else RUNS
    command = [sys.executable, "scripts/fuzz_readers.py", reader, "--runs", str(count)]
    done = subprocess.run(command, cwd=context.root, capture_output=True, text=True)
    facts = json.loads(done.stdout) if done.returncode == 0 else {"failed": done.stderr[-2000:]}
    _path(context, reader).write_text(json.dumps(facts), encoding="utf-8")
    return ()


def _summary(context: Context, readers: tuple[str, ...]) -> tuple[Figure, ...]:
    count = SHORT_RUNS if context.short else RUNS
    rows, failed = [], []
    for reader in readers:
        facts = json.loads(_path(context, reader).read_text(encoding="utf-8"))
        if "failed" in facts:
            failed.append(f"{reader}: {facts['failed']}")
            continue
        wrong = facts["runs"] < count or facts["leaked_kib"] > MAX_LEAK_KIB
        failed += [f"{reader}: {facts}"] if wrong else []
        rows.append(
            (
                reader,
                f"{facts['runs']:,}",
                f"{facts['accepted']:,}",
                str(facts["refusals"]),
                f"{facts['largest_growth_kib'] / 1024:.1f} MiB",
                f"{facts['leaked_kib'] / 1024:.1f} MiB",
                f"{facts['runs'] / facts['cpu_seconds']:,.0f}",
            )
        )
    header = ("reader", "runs", "accepted", "places that refused", "largest growth of a run",
              "growth after the first tenth", "runs a second")  # fmt: skip
    for problem in failed:
        context.say(problem)
    return (
        Figure(
            "fuzzed readers: crashes, hangs (10 s), growth over 64 MiB, leaks",
            f"0 in {RUNS:,} runs each",
            f"{len(failed)} of {len(readers)} readers failed, {count:,} runs each",
            not failed,
            (
                *markdown_table(header, rows),
                "",
                "atheris (libFuzzer for Python) with mutators that change members of a valid zip, "
                "values of a valid JSON text, and opcodes of a valid pickle. Wrong is every "
                "exception but a refusal in one printable line, and every event of Python's audit "
                "log that runs or imports something. `python scripts/fuzz_readers.py READER`",
            ),
        ),
    )


def _path(context: Context, reader: str) -> Path:
    part = "short" if context.short else "full"
    return context.folder / f"fuzz-{reader}-{part}.json"
