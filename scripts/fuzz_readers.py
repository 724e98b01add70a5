"""Fuzzes one reader of foreign files: python scripts/fuzz_readers.py READER [--runs N] [--seed N].

Prints what it did as JSON. An input that goes wrong lies in build/fuzz/READER/found, and the exit
status is not 0; `--input FILE` runs one again. Needs atheris (Linux).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

ROOT = Path(__file__).resolve().parent.parent
READERS = (
    "zip", "pickle", "pt2", "onnx", "state_dict", "safetensors", "scratch", "metadata",
    "sidecar", "samples", "artifact", "identify", "header",
)  # fmt: skip
RUNS = 1_000_000
_CHILD = "--in-this-process"
# What is instrumented: the readers. The rest costs speed and says nothing about them.
_INSTRUMENTED = [
    "pyexport.artifact", "pyexport.frontends", "pyexport.graph_check", "pyexport.graph_document",
    "pyexport.scratch.checkpoint", "pyexport.scratch.checkpoint_reader", "pyexport.tensorfile",
    "pyexport.untrusted", "pyexport.verify.subject",
]  # fmt: skip


def main() -> int:
    """Run the fuzzer in a process of its own, which ends without cleaning up."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reader", choices=READERS)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--seconds", type=float, default=86_400, help="stop earlier after these")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--input", type=Path, help="run this one input and nothing else")
    parser.add_argument(_CHILD, action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    folder = ROOT / "build" / "fuzz" / arguments.reader
    if arguments.input is not None:
        from scripts.fuzzing.readers import READERS as KNOWN

        print(KNOWN[arguments.reader].read(arguments.input.read_bytes()))
        return 0
    if arguments.in_this_process:
        import atheris

        with atheris.instrument_imports(include=_INSTRUMENTED):
            from scripts.fuzzing.harness import fuzz
            from scripts.fuzzing.readers import READERS as KNOWN
        reader = KNOWN[arguments.reader]
        fuzz(reader, arguments.runs, arguments.seconds, arguments.seed, folder)
    folder.mkdir(parents=True, exist_ok=True)
    result, log = folder / "result.json", folder / "log.txt"
    result.unlink(missing_ok=True)
    with log.open("wb") as file:
        command = [sys.executable, __file__, *sys.argv[1:], _CHILD]
        done = subprocess.run(command, stdout=file, stderr=file, cwd=ROOT)
    if done.returncode == 0 and result.exists():
        print(result.read_text(encoding="utf-8"))
        return 0
    print(log.read_text(encoding="utf-8", errors="replace")[-3000:], file=sys.stderr)
    print(f"{arguments.reader}: failed, see {log}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
