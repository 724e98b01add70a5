"""A small clean archive, ways to damage it, and what reading the result must end in."""

import io
import json
import zipfile
from collections.abc import Callable

import pytest
import torch

from pyexport.errors import FileFormatError, PyexportError
from pyexport.frontends.contents import contents_of
from pyexport.frontends.loading import parse_pt2
from pyexport.frontends.sniff import PT2, identify
from tests.frontends.models import export_bytes, rezip, tiny

CLEAN = export_bytes(tiny(), torch.zeros(1, 3))
WEIGHTS = "data/weights/model_weights_config.json"
MODEL = "models/model.json"


def read(data: bytes) -> object:
    """Do what load_model does with the content of a file."""
    if identify(data, "m.pt").kind != PT2:
        raise FileFormatError("m.pt: refused by its kind")
    return parse_pt2(data, "m.pt", "m.pt")


def refusal(data: bytes) -> str:
    """Return the one line that reading ends in."""
    with pytest.raises(PyexportError) as caught:
        read(data)
    message = str(caught.value)
    assert message.startswith("m.pt: ")
    assert message.isprintable()
    assert len(message) < 600
    return message


def edited(member: str, edit: Callable[[dict], object]) -> bytes:
    """Return the clean archive with one JSON member changed in place by `edit`."""
    names = {name.partition("/")[2] for name in zipfile.ZipFile(io.BytesIO(CLEAN)).namelist()}
    assert member in names

    def change(name: str, content: bytes) -> bytes:
        if name != member:
            return content
        document = json.loads(content)
        edit(document)
        return json.dumps(document).encode()

    return rezip(CLEAN, change)


def replaced(member: str, content: bytes) -> bytes:
    return rezip(CLEAN, lambda name, old: content if name == member else old)


def accept_or_refuse(data: bytes) -> None:
    """Read the bytes, and describe them as `inspect` does: what is read has no refusal in it."""
    read_whole = True
    try:
        read(data)
    except PyexportError as error:
        assert str(error).isprintable()
        read_whole = False
    try:
        contents = contents_of(data, "m.pt")
    except PyexportError as error:
        assert str(error).isprintable()
        assert not read_whole
        return
    assert all(text.isprintable() for text in (*contents.refusals, *contents.imports))
    assert not (read_whole and contents.refusals)
