"""The device's parser under libFuzzer with the address and undefined-behavior sanitizers."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pyexport.runners.frames import encode_frame
from pyexport.runners.messages import Ask, Request
from scripts.link_simulator import LIBRARY, ROOT

RUNS = int(os.environ.get("PYEXPORT_FUZZ_RUNS", "20000"))


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("clang") is None:
        pytest.skip("clang is not installed: apt-get install clang")
    program = tmp_path_factory.mktemp("fuzzer") / "fuzz_link"
    sources = [ROOT / "tests" / "c" / "fuzz_link.c", *sorted(LIBRARY.glob("*.c"))]
    sanitizers = ["-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"]
    flags = ["-std=c99", "-g", "-O1", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
    command = ["clang", *flags, *sanitizers, f"-I{LIBRARY}", *map(str, sources), "-o", str(program)]
    subprocess.run(command, check=True)
    return program


def seeds(folder: Path) -> Path:
    """Write inputs that reach every request at once."""
    for number, ask in enumerate(Ask):
        for size in (0, 7, 12):
            request = Request(ask, number, bytes(range(size))).payload
            frame = encode_frame(request)
            (folder / f"frame-{number}-{size}").write_bytes(b"\0" + frame + frame)
            payload = bytes([len(request)]) + request
            (folder / f"payload-{number}-{size}").write_bytes(b"\1" + payload + payload)
    return folder


def test_no_input_leads_the_device_astray(fuzzer: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    command = [str(fuzzer), f"-runs={RUNS}", "-seed=1", "-max_len=2048", "-timeout=20"]
    done = subprocess.run(
        [*command, str(seeds(corpus))], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"Done {RUNS} runs" in done.stderr
