"""Pickles that grow while they are read: each opcode would copy or name what others made."""

from __future__ import annotations

import tracemalloc
from typing import cast

import pytest

from pyexport.errors import FileFormatError
from pyexport.frontends.archive import Archive
from pyexport.frontends.pickle_reader import read_pickle
from scripts.fuzzing.readers import PickledArchive


@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        # a name of two names of two names ...: 2**24 texts after 24 times
        (b"\x80\x04\x8c\x01aq\0" + b"h\0h\0\x93q\0" * 24 + b".", "whose name is no text"),
        (
            b"\x80\x02cbuiltins\nset\nq\0]q\1(" + b"N" * 5000 + b"e"
            + b"h\0h\1\x85R" * 5000 + b".",
            "copies over",
        ),
        (
            b"\x80\x02ccollections\nOrderedDict\nq\0]q\1(" + b"NN\x86" * 500 + b"e"
            + b"h\0h\1\x85R" * 5000 + b".",
            "copies over",
        ),
    ],
)  # fmt: skip
def test_a_pickle_that_multiplies_is_stopped(pickled: bytes, message: str) -> None:
    tracemalloc.start()
    with pytest.raises(FileFormatError, match=message):
        read_pickle(cast(Archive, PickledArchive(pickled)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20
