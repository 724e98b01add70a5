"""Start-up: what export.py and inspect import for files that need no framework, and how long."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scripts.evidence_topics.figures import Context, Figure, markdown_table
from scripts.fuzzing.seeds import tensor_files
from scripts.hostile_files import clean
from scripts.make_hostile_files import CORPUS, ready_corpus

FOREIGN = ("torch", "sklearn", "scipy")
LIMIT = 0.7  # seconds, the whole process: as for an export in the spine's table
_RUNS = 9

# Runs the script as `python SCRIPT ARGUMENTS` does, and tells what it imported.
_PROBE = """
import json, runpy, sys
sys.path.insert(0, "")
sys.argv = sys.argv[1:]
module = sys.argv[0] == "-m" and sys.argv.pop(0)
try:
    run = runpy.run_module if module else runpy.run_path
    run(sys.argv[0], run_name="__main__")
except SystemExit as end:
    if end.code:
        raise
print("IMPORTED", json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def startup(context: Context) -> tuple[Figure, ...]:
    """Run both commands on an archive, a safetensors file and a scratch checkpoint."""
    rows, found, slowest = [], set(), 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, (path, options) in _files(folder).items():
            output = ["--output", str(folder / "out"), "--input-range", "0:1", "--name", "net"]
            commands = {
                "export.py": ["scripts/export.py", str(path), *output, *options],
                "inspect": ["-m", "pyexport", "inspect", str(path)],
            }
            for command, arguments in commands.items():
                imported = imports(context.root, arguments)
                found |= imported & set(FOREIGN)
                seconds = _seconds(context, arguments)
                slowest = max(slowest, min(seconds))
                rows.append(
                    (f"{command}, {kind}", ", ".join(sorted(imported & set(FOREIGN))) or "none",
                     f"{min(seconds):.2f} s", f"{statistics.median(seconds):.2f} s")
                )  # fmt: skip
    return (
        Figure(
            "`export.py` and `inspect` on archives, safetensors and scratch files",
            f"no torch, scikit-learn or SciPy import; under {LIMIT} s wall",
            f"{', '.join(sorted(found)) or 'none'}; {slowest:.2f} s at most (best of "
            f"{len(seconds)} runs)",
            not found and (context.short or slowest < LIMIT),  # CI's machine may be busy
            markdown_table(("command and file", "imported", "best", "median"), rows),
        ),
    )


def imports(root: Path, arguments: list[str]) -> set[str]:
    """Return the packages that a script has imported at its end."""
    command = [sys.executable, "-c", _PROBE, *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-2000:])
    return set(json.loads(done.stdout.rpartition("IMPORTED ")[2]))


def _files(folder: Path) -> dict[str, tuple[Path, list[str]]]:
    """Return a file of each kind, and the options that its export needs."""
    ready_corpus()
    contents = {
        "torch.export archive": (clean.archive(), []),
        "safetensors": (tensor_files()[0], ["--arch", "3-4r-2"]),
        "scratch checkpoint": ((CORPUS / "twin" / "scratch-nan").read_bytes(), []),
    }
    files: dict[str, tuple[Path, list[str]]] = {}
    for number, (kind, (data, options)) in enumerate(contents.items()):
        path = folder / f"model{number}"
        path.write_bytes(data)
        files[kind] = path, options
    return files


def _seconds(context: Context, arguments: list[str]) -> list[float]:
    seconds = []
    for _ in range(2 if context.short else _RUNS):
        started = time.perf_counter()
        command = [sys.executable, *arguments]
        subprocess.run(command, cwd=context.root, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)  # fmt: skip
        seconds.append(time.perf_counter() - started)
    return seconds
