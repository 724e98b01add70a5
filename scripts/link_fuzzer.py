"""Builds and runs the libFuzzer target of the firmware's link (tests/c/fuzz_link.c)."""

from __future__ import annotations

import subprocess
from pathlib import Path

from pyexport.runners.frames import encode_frame
from pyexport.runners.messages import Ask, Request
from scripts.link_simulator import LIBRARY, ROOT

LONGEST = 2048  # bytes of an input
STATEFUL = 0x80  # bit of an input's first byte: the model has a state


def build_fuzzer(folder: Path) -> Path:
    """Return the fuzzer as a program with the address and undefined-behavior sanitizers."""
    program = folder / "fuzz_link"
    sources = [ROOT / "tests" / "c" / "fuzz_link.c", *sorted(LIBRARY.glob("*.c"))]
    sanitizers = ["-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"]
    flags = ["-std=c99", "-g", "-O1", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
    command = ["clang", *flags, *sanitizers, f"-I{LIBRARY}", *map(str, sources), "-o", str(program)]
    subprocess.run(command, check=True)
    return program


def write_seeds(folder: Path) -> None:
    """Write inputs that reach every request at once, framed already or as payloads."""
    for number, ask in enumerate(Ask):
        for size in (0, 7, 12):
            request = Request(ask, number, bytes(range(size))).payload
            frame = encode_frame(request)
            payload = bytes([len(request)]) + request
            for model in (0, STATEFUL):
                name = f"{model}-{number}-{size}"
                (folder / f"frame-{name}").write_bytes(bytes([model]) + frame + frame)
                (folder / f"payload-{name}").write_bytes(bytes([model | 1]) + payload + payload)


def run_fuzzer(program: Path, folder: Path, runs: int) -> str:
    """Run so many inputs; return "" if all went well, else the end of what the fuzzer printed."""
    corpus = folder / "corpus"
    corpus.mkdir()
    write_seeds(corpus)
    command = [str(program), f"-runs={runs}", "-seed=1", f"-max_len={LONGEST}", "-timeout=20"]
    done = subprocess.run([*command, str(corpus)], cwd=folder, capture_output=True, text=True)
    if done.returncode == 0 and f"Done {runs} runs" in done.stderr:
        return ""
    return done.stderr[-2000:] or f"exit status {done.returncode}"
