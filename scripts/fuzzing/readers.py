"""Every reader of foreign bytes, as one call in memory: what scripts/fuzz_readers.py runs."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import cast

from pyexport.artifact import parse_claimed
from pyexport.frontends.archive import Archive
from pyexport.frontends.loading import parse_pt2
from pyexport.frontends.metadata import parse_extras
from pyexport.frontends.onnx.loading import parse_onnx
from pyexport.frontends.onnx.survey import survey_onnx
from pyexport.frontends.pickle_reader import read_pickle
from pyexport.frontends.pickle_scan import scan_pickle
from pyexport.frontends.pickle_values import Inert
from pyexport.frontends.samples import parse_samples
from pyexport.frontends.scratch import load_scratch
from pyexport.frontends.sidecar import parse_sidecar
from pyexport.frontends.sniff import (
    ONNX,
    PT2,
    SAFETENSORS,
    SCRATCH,
    STATE_DICT,
    STOCK_MODULE,
    identify,
)
from pyexport.frontends.stock_modules import lower_module
from pyexport.frontends.weights import (
    add_architecture,
    weights_of_checkpoint,
    weights_of_safetensors,
)
from pyexport.ir import Graph
from pyexport.lower import lower
from pyexport.simulator.fast import FastSimulator
from pyexport.verify.subject import header_identity
from scripts.fuzzing import seeds
from scripts.fuzzing.json_text import mutate_json
from scripts.fuzzing.pickles import mutate_pickle
from scripts.fuzzing.plain import mutate_bytes, mutate_toml
from scripts.fuzzing.protobufs import mutate_protobuf
from scripts.fuzzing.reader import Reader
from scripts.fuzzing.tensorfiles import mutate_floats, mutate_tensorfile
from scripts.fuzzing.zips import mutate_zip
from scripts.hostile_files import clean

WHERE = "f"  # what errors call the input
ARCH = "3-4r-2"
_STORAGES = {f"a/data/{key}": bytes(48) for key in "0123"}
_NOWHERE = Path("/nonexistent")


class PickledArchive:
    """An archive around one pickle, without the zip."""

    where = WHERE
    names = ("a/data.pkl", *_STORAGES)
    total_bytes = 4096

    def __init__(self, pickled: bytes) -> None:
        self._members = {"a/data.pkl": pickled} | _STORAGES

    def read(self, name: str) -> bytes:
        """Return the content of a member; the first buffer stands for missing ones."""
        return self._members.get(name, _STORAGES["a/data/0"])


def read_archive(data: bytes) -> None:
    """Read all members of a zip archive."""
    archive = Archive(data, WHERE)
    for name in archive.names:
        archive.read(name)


def read_a_pickle(data: bytes) -> None:
    """Scan a pickle, and read it as that of a torch.save file."""
    scan_pickle(data)
    _use_tree(read_pickle(cast(Archive, PickledArchive(data))))


def _use_tree(tree: object) -> None:
    if isinstance(tree, Inert):
        lower_module(tree, WHERE)
    else:
        add_architecture(weights_of_checkpoint(tree, WHERE), ARCH, WHERE)


def read_torch_export(data: bytes) -> None:
    """Recognize a torch.export archive and read it."""
    if identify(data, WHERE).kind == PT2:
        parse_pt2(data, WHERE, WHERE)


def read_onnx(data: bytes) -> None:
    """Recognize an ONNX model and read it; there is no folder for external data."""
    if identify(data, WHERE).kind == ONNX:
        survey_onnx(data, WHERE, None)
        parse_onnx(data, WHERE, WHERE)


def read_torch_save(data: bytes) -> None:
    """Recognize a torch.save file and read it."""
    if identify(data, WHERE).kind in (STATE_DICT, STOCK_MODULE):
        _use_tree(read_pickle(Archive(data, WHERE)))


def read_safetensors(data: bytes) -> None:
    """Recognize a safetensors file of weights and place them."""
    if identify(data, WHERE).kind == SAFETENSORS:
        add_architecture(weights_of_safetensors(data, WHERE), ARCH, WHERE)


def read_scratch(data: bytes) -> None:
    """Recognize a checkpoint of the scratch engine and read it."""
    if identify(data, WHERE).kind == SCRATCH:
        load_scratch(data, WHERE, WHERE)


def read_metadata(data: bytes) -> None:
    """Read extra/pyexport.json for a model of 3 inputs and 2 outputs."""
    parse_extras(data, _graph(), WHERE)


def read_a_sidecar(data: bytes) -> None:
    """Read model.toml for such a model; the sample files that it names do not exist."""
    sidecar = parse_sidecar(data, WHERE, _NOWHERE)
    if sidecar.arch is not None:
        add_architecture(weights_of_safetensors(_weights(), WHERE), sidecar.arch, WHERE)
    sidecar.extras(_graph())


def read_sample_rows(data: bytes) -> None:
    """Read a sample file of rows of 3."""
    parse_samples(data, (3,), WHERE)


def read_px(data: bytes) -> None:
    """Read an artifact, its identity left out, lower it and simulate its own vectors."""
    artifact, _ = parse_claimed(data, WHERE)
    lower(artifact.graph, None)
    FastSimulator(artifact.graph).run(artifact.vectors.inputs)


def recognize(data: bytes) -> None:
    """Say what a file is."""
    identify(data, WHERE)


def read_header(data: bytes) -> None:
    """Recognize a generated header and find its identity."""
    identify(data, WHERE)
    header_identity(data, WHERE)


@cache
def _graph() -> Graph:
    return parse_pt2(clean.archive(), WHERE, WHERE).graph


@cache
def _weights() -> bytes:
    return seeds.tensor_files()[0]


def _in_archive(name: bytes, content: bytes, rng: random.Random) -> bytes:
    """Change a member of an archive as its kind allows."""
    if name.endswith(b".json"):
        return mutate_json(content, rng)
    if name.endswith(b".pkl"):
        return mutate_pickle(content, rng)
    if name.endswith(b".npy"):
        return mutate_bytes(content, rng)
    return mutate_floats(content, rng) if len(content) > 8 else mutate_bytes(content, rng)


def _zip(data: bytes, rng: random.Random) -> bytes:
    return mutate_zip(data, rng, _in_archive)


def _samples(data: bytes, rng: random.Random) -> bytes:
    return _zip(data, rng) if data.startswith(b"PK") else mutate_bytes(data, rng)


def _anything(data: bytes, rng: random.Random) -> bytes:
    if data.startswith(b"PK"):
        return _zip(data, rng)
    if data[8:9] == b"{":
        return mutate_tensorfile(data, rng)
    return mutate_pickle(data, rng) if data[:1] == b"\x80" else mutate_bytes(data, rng)


READERS = {
    reader.name: reader
    for reader in (
        Reader("zip", "zip archive", read_archive, seeds.archives, _zip),
        Reader("pickle", "pickle, scanned and read", read_a_pickle, seeds.pickled, mutate_pickle),
        Reader("pt2", "torch.export archive", read_torch_export, seeds.archives, _zip),
        Reader("onnx", "ONNX model", read_onnx, seeds.onnx_models, mutate_protobuf),
        Reader("state_dict", "torch.save file", read_torch_save, seeds.state_dicts, _zip),
        Reader("safetensors", "safetensors of weights", read_safetensors, seeds.tensor_files,
               mutate_tensorfile),
        Reader("scratch", "scratch checkpoint", read_scratch, seeds.scratch_files,
               mutate_tensorfile),
        Reader("metadata", "extra/pyexport.json", read_metadata, seeds.metadata_texts, mutate_json),
        Reader("sidecar", "model.toml", read_a_sidecar, seeds.sidecars, mutate_toml),
        Reader("samples", "npz, npy, csv, IDX", read_sample_rows, seeds.sample_files, _samples),
        Reader("artifact", ".px", read_px, seeds.artifacts, mutate_tensorfile),
        Reader("identify", "recognizing any file", recognize, seeds.anything, _anything),
        Reader("header", "generated header", read_header, seeds.headers, mutate_bytes),
    )
}  # fmt: skip
