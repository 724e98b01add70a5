"""Every kind of file that is not a torch.export archive is named, with the way out; none runs."""

import io
import json
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pyexport.errors import FileFormatError
from pyexport.frontends import load_model
from pyexport.frontends.pickle_scan import scan_pickle
from pyexport.frontends.sniff import identify
from pyexport.tensorfile import RawTensor, write_tensorfile
from tests.frontends.models import Wrapped, export_bytes, rezip, tiny


class Canary:
    """Pickles as a call that leaves a file behind if anybody runs it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


class FakeEstimator:
    """Pickles under the name of a scikit-learn class."""


def torch_file(value: object, **options) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def zipped(*names: str, content: bytes = b"x") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), content)  # of no date: the same bytes
    return buffer.getvalue()


def torchscript() -> bytes:
    return zipped("m/data.pkl", "m/constants.pkl", "m/code/__torch__.py", "m/version")


def onnx() -> bytes:
    # ir_version 10, producer "pytorch", graph of 4 bytes
    return b"\x08\x0a\x12\x07pytorch\x3a\x04\x0a\x02ab"


def sklearn_pickle() -> bytes:
    return b"\x80\x04\x8c\x19sklearn.neural_network._m\x94\x8c\x0dMLPClassifier\x94\x93\x94)\x81."


KINDS = {
    "empty": (lambda: b"", "this is an empty file", "pyexport.save"),
    "truncated": (lambda: export_bytes(tiny(), torch.zeros(1, 3))[:-99], "truncated", "again"),
    "random": (lambda: b"\x01\x02\x03\x04nonsense", "01 02 03 04", "torch.export.save"),
    "text": (lambda: b"import torch\nmodel = 1\n", "not a model file", "pyexport.save"),
    "json": (lambda: json.dumps({"layers": [1]}).encode(), "a JSON text", "pyexport.save"),
    "state_dict": (lambda: torch_file(tiny().state_dict()), "state_dict", "--arch 3-4r-2"),
    "checkpoint": (
        lambda: torch_file({"model": tiny().state_dict(), "epoch": 3}), "state_dict", "m.pt",
    ),
    "legacy": (
        lambda: torch_file(tiny().state_dict(), _use_new_zipfile_serialization=False),
        "before PyTorch 1.6", "pyexport.save",
    ),
    "own class": (
        lambda: torch_file(Wrapped({"f": nn.Linear(2, 2)}, print)),
        "tests.frontends.models.Wrapped", "where these classes are defined",
    ),
    "foreign zip": (lambda: torch_file({"a": Canary(Path("x"))}), "pathlib", "nothing of it"),
    "torchscript": (torchscript, "TorchScript", "torch.export.save"),
    "aotinductor": (
        lambda: zipped("m/archive_format", "m/data/aotinductor/model/model.so"),
        "AOTInductor", "torch.export.save",
    ),
    "old export": (
        lambda: zipped("serialized_exported_program.json", "version"), "2.8 or older", "2.9",
    ),
    "npz": (lambda: zipped("inputs.npy"), ".npz", "--calibration"),
    "npy": (lambda: b"\x93NUMPY\x01\x00", ".npy", "--calibration"),
    "keras": (lambda: zipped("config.json", "model.weights.h5"), "Keras", "pyexport.save"),
    "hdf5": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(20), "HDF5", "pyexport.save"),
    "tflite": (lambda: b"\x1c\0\0\0TFL3" + bytes(20), "TensorFlow Lite", "pyexport.save"),
    "safetensors": (
        lambda: write_tensorfile({}, {"w": RawTensor("U8", (2,), b"ab")}),
        "safetensors", "--arch 64-32r-10",
    ),
    "artifact": (
        lambda: write_tensorfile({"pyexport": "{}"}, {"w": RawTensor("U8", (2,), b"ab")}),
        "already exported", "simulate",
    ),
    "other zip": (lambda: zipped("a.txt"), "zip archive without a model", "pyexport.save"),
    "empty zip": (zipped, "zip archive without a model", "pyexport.save"),
    "gzip": (lambda: b"\x1f\x8b\x08" + bytes(20), "gzip", "--trust"),
    "elf": (lambda: b"\x7fELF" + bytes(20), "ELF", "pyexport.save"),
    "sklearn": (sklearn_pickle, "scikit-learn", "from_sklearn"),
    "protocol 0": (lambda: pickle.dumps(OrderedDict(a=Path), 0), "a pickle", "nothing of it"),
    "broken pickle": (lambda: b"\x80\x04\x95\xff\xff", "a pickle", "nothing of it"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_named_with_the_way_out(tmp_path, kind):
    build, what, remedy = KINDS[kind]
    path = tmp_path / "m.pt"
    path.write_bytes(build())
    with pytest.raises(FileFormatError) as caught:
        load_model(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert what in message
    assert remedy in message
    assert "\n" not in message


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_hostile_pickle_is_named_and_not_run(tmp_path, protocol):
    canary = tmp_path / "ran"
    path = tmp_path / "model.pt"
    path.write_bytes(pickle.dumps([Canary(canary)], protocol))
    with pytest.raises(FileFormatError, match=r"pathlib\.Path"):
        load_model(path)
    assert not canary.exists()


def test_a_hostile_pickle_inside_a_torch_file_is_not_run(tmp_path):
    canary = tmp_path / "ran"
    path = tmp_path / "model.pt"
    path.write_bytes(torch_file({"weights": torch.zeros(3), "x": Canary(canary)}))
    with pytest.raises(FileFormatError, match="pathlib"):
        load_model(path)
    assert not canary.exists()


def test_a_hostile_sample_input_in_an_archive_is_never_opened(tmp_path):
    canary = tmp_path / "ran"
    evil = torch_file(Canary(canary))
    path = tmp_path / "model.pt"
    path.write_bytes(
        rezip(
            export_bytes(tiny(), torch.zeros(1, 3)),
            lambda name, content: evil if name.startswith("data/sample_inputs") else content,
        )
    )
    assert load_model(path).graph.output.shape == (2,)
    assert not canary.exists()


def test_names_from_a_pickle_cannot_forge_lines(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(b"\x80\x04\x8c\x05a\nb\x1b[\x8c\x03c\rd\x93.")
    with pytest.raises(FileFormatError) as caught:
        load_model(path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_scan_finds_memoized_names(protocol):
    data = pickle.dumps([OrderedDict, Path, Path, np.float32, OrderedDict], protocol)
    scan = scan_pickle(data)
    assert scan.complete
    assert set(scan.globals) == {"collections.OrderedDict", "pathlib.Path", "numpy.float32"}


def test_a_long_safetensors_header_is_not_parsed_to_name_the_file():
    data = struct.pack("<Q", 90_000_000) + b"{" + bytes(100)
    assert identify(data, "f").kind == "safetensors"
