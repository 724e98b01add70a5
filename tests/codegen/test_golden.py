"""Whole headers, as people read them; equal models give equal bytes.

After a wanted change: UPDATE_GOLDEN=1 pytest tests/codegen/test_golden.py, then read the diff.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pyexport
from tests.codegen.golden_models import SCHEMES, tiny_export

ROOT = Path(__file__).resolve().parent.parent.parent
GOLDEN = ROOT / "tests" / "golden"
_EXPORT = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
from tests.codegen.golden_models import tiny_export
for name, content in sorted(tiny_export(sys.argv[2]).files().items()):
    print(name, hashlib.sha256(content).hexdigest())
"""


@pytest.mark.parametrize("name", SCHEMES)
def test_the_header_is_the_golden_file(name: str) -> None:
    path = GOLDEN / f"{name}.h"
    version = f"pyexport {pyexport.__version__}."
    text = tiny_export(name).header.replace(version, "pyexport VERSION.")
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="ascii")
    wanted = path.read_text(encoding="ascii")
    difference = difflib.unified_diff(wanted.splitlines(), text.splitlines(), "golden", "exported")
    assert text == wanted, "\n".join(difference)


@pytest.mark.parametrize("name", SCHEMES)
def test_lines_are_ascii_short_and_without_trailing_space(name: str) -> None:
    for number, line in enumerate(tiny_export(name).header.splitlines(), 1):
        assert line.isascii(), number
        assert line == line.rstrip(), number
        assert "\t" not in line, number
        assert len(line) <= 120, number


@pytest.mark.parametrize("name", SCHEMES)
def test_two_exports_are_equal_bytes_elsewhere_too(name: str, tmp_path: Path) -> None:
    here = [
        f"{file} {hashlib.sha256(content).hexdigest()}"
        for file, content in sorted(tiny_export(name).files().items())
    ]
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", _EXPORT, str(ROOT), name],
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": "C", "TZ": "Asia/Tokyo"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.splitlines() == here
