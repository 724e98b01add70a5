"""The fuzzer of the readers: its seeds are read, its mutators keep files whole, it notices bugs."""

from __future__ import annotations

import io
import json
import math
import random
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyexport.errors import FileFormatError, PyexportError
from scripts import fuzz_readers
from scripts.fuzzing import zips
from scripts.fuzzing.reader import Reader
from scripts.fuzzing.readers import READERS
from scripts.hostile_files import clean

pytest.importorskip("atheris", reason="pip install atheris, which needs Linux")

from scripts.fuzzing.harness import GROWTH_KIB, FindingError, Harness

ROOT = Path(__file__).resolve().parents[2]


def accepted(reader: Reader, data: bytes) -> bool:
    try:
        reader.read(data)
    except PyexportError:
        return False
    return True


def test_the_script_names_every_reader():
    assert tuple(READERS) == fuzz_readers.READERS
    assert len(READERS) >= 10


@pytest.mark.parametrize("name", fuzz_readers.READERS)
def test_a_reader_starts_from_files_that_it_accepts(name):
    reader = READERS[name]
    assert any(accepted(reader, seed) for seed in reader.seeds())


@pytest.mark.parametrize("name", fuzz_readers.READERS)
def test_many_mutants_of_the_seeds_are_still_read_or_refused_late(name):
    """A mutator whose results all failed at the first check would test nothing behind it."""
    reader, rng = READERS[name], random.Random(5)
    assert reader.mutate is not None
    seeds = [seed for seed in reader.seeds() if accepted(reader, seed)]
    refusals = set()
    for _ in range(600):
        try:
            reader.read(reader.mutate(rng.choice(seeds), rng))
            refusals.add("")
        except PyexportError as error:
            refusals.add(str(error))
    assert "" in refusals
    assert len(refusals) > 3 or name in {"header", "identify"}


def test_an_archive_is_put_together_as_zipfile_reads_it():
    members = list(zips.split(clean.archive()))
    with zipfile.ZipFile(io.BytesIO(zips.join(members, packed=3))) as archive:
        assert archive.testzip() is None
        assert [(n.encode(), archive.read(n)) for n in archive.namelist()] == members
    assert zips.split(zips.join(members, packed=3)) == tuple(members)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(fuzz_readers.READERS), st.integers(0, 1 << 30))
def test_a_mutator_takes_any_bytes(data, name, seed):
    mutate = READERS[name].mutate
    assert mutate is None or isinstance(mutate(data or b"x", random.Random(seed)), bytes)


def harness(read, tmp_path, runs=10) -> Harness:
    return Harness(Reader("r", "", read, list, None), runs, math.inf, tmp_path / "result")


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda data: bytes(4), ""),
        (lambda data: bytearray(2 * GROWTH_KIB << 10).count(1), "memory grew"),
        (lambda data: eval("1"), "ran something"),
        (lambda data: __import__("pyexport_no_such_module"), "ran something"),
    ],
)
def test_what_a_reader_must_not_do_is_found(read, message, tmp_path):
    watched = harness(read, tmp_path)
    watched.warm_up([])
    if not message:
        watched.one(b"")
        return
    with pytest.raises(FindingError, match=message):
        watched.one(b"")


@pytest.mark.parametrize("text", ["two\nlines", "n" * 2000, "\x1b[2J"])
def test_a_refusal_that_is_not_one_line_is_found(text, tmp_path):
    def read(data: bytes) -> None:
        raise FileFormatError(text)

    with pytest.raises(FindingError, match="not one line"):
        harness(read, tmp_path).one(b"")


def test_another_error_than_a_refusal_ends_the_run(tmp_path):
    with pytest.raises(KeyError):
        harness(lambda data: {}[data], tmp_path).one(b"")


def test_a_run_counts_what_it_did():
    command = [sys.executable, "scripts/fuzz_readers.py", "safetensors", "--runs", "1500"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["runs"] == 1500
    assert 0 < facts["accepted"] < 1500
    assert facts["refusals"] > 5
    assert facts["largest_growth_kib"] < GROWTH_KIB
