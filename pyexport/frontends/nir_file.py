"""Reads the nodes and edges of a NIR file (HDF5), with limits on everything that it states."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyexport.errors import FileFormatError, ToolMissingError
from pyexport.ir import Array
from pyexport.untrusted import (
    MAX_ELEMENTS,
    MAX_LAYERS,
    MAX_NIR_FIELDS,
    MAX_NIR_NAME,
    MAX_RANK,
    MAX_TEXT,
    printable,
)

METADATA = "metadata"
Field = Array | str


@dataclass(frozen=True, eq=False)
class NirNode:
    """One node: its type, its numbers by name, and what somebody noted beside."""

    name: str
    kind: str  # "LIF"
    fields: Mapping[str, Field]
    metadata: Mapping[str, Field]


@dataclass(frozen=True, eq=False)
class NirGraph:
    """Nodes in one chain, from the input to the output."""

    nodes: tuple[NirNode, ...]
    metadata: Mapping[str, Field]
    version: str


def read_nir(data: bytes, where: str) -> NirGraph:
    """Return the graph of a NIR file in memory; raises FileFormatError in one line."""
    try:
        import h5py
    except ImportError:
        raise ToolMissingError(
            f"{where}: a NIR file, which h5py reads; pip install 'pyexport[snn]' brings it"
        ) from None
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            return _Reader(h5py, where).graph(file)
    except FileFormatError:
        raise
    except Exception as error:  # h5py raises OSError, RuntimeError, KeyError, ValueError and others
        reason = printable(str(error).splitlines()[0] if str(error) else type(error).__name__)
        raise FileFormatError(
            f"{where}: a damaged HDF5 file ({reason}); write it again with nir.write"
        ) from None


class _Reader:
    """Reads groups and datasets, each only if it is small, in this file, and plain."""

    def __init__(self, h5py: Any, where: str) -> None:
        self.h5py, self.where = h5py, where
        self.room = MAX_ELEMENTS

    def graph(self, file: Any) -> NirGraph:
        root = self._group(file, "node", "the file")
        kind = self._text(self._dataset(root, "type", "the graph"))
        if kind != "NIRGraph":
            raise self._wrong(f"it holds a {kind}, not a graph")
        listed = self._group(root, "nodes", "the graph")
        names = list(listed)[: MAX_LAYERS + 1]
        if not names or len(names) > MAX_LAYERS:
            raise self._wrong(f"it has no node, or more than {MAX_LAYERS}")
        nodes = {name: self._node(listed, name) for name in names}
        version = self._text(self._dataset(file, "version", "the file"))
        order = self._chain(nodes, self._edges(root))
        return NirGraph(order, self._metadata(root, "the graph"), version)

    def _node(self, listed: Any, name: str) -> NirNode:
        place = f"node {printable(name, 40)}"
        group = self._group(listed, name, "the graph")
        kind = self._text(self._dataset(group, "type", place))
        if kind == "NIRGraph":
            raise self._wrong(
                f"{place} is a graph itself, as of recurrent neurons; only a chain is read"
            )
        fields = self._fields(group, place, {"type", METADATA, "input_type", "output_type"})
        return NirNode(printable(name, 40), kind, fields, self._metadata(group, place))

    def _metadata(self, group: Any, place: str) -> dict[str, Field]:
        if METADATA not in group:
            return {}
        return self._fields(self._group(group, METADATA, place), f"{place}, metadata", set())

    def _fields(self, group: Any, place: str, without: set[str]) -> dict[str, Field]:
        names = [name for name in list(group)[: MAX_NIR_FIELDS + 1] if name not in without]
        if len(names) > MAX_NIR_FIELDS:
            raise self._wrong(f"{place} has over {MAX_NIR_FIELDS} fields")
        return {printable(name, 40): self._value(group, name, place) for name in names}

    def _value(self, group: Any, name: str, place: str) -> Field:
        found = self._dataset(group, name, place)
        if self.h5py.check_string_dtype(found.dtype) is not None:
            return self._text(found)
        if found.dtype.kind not in "fiub":
            raise self._wrong(f"{place}: {printable(name, 40)} is no number and no text")
        return np.asarray(found[()])

    def _edges(self, root: Any) -> list[tuple[str, str]]:
        found = self._dataset(root, "edges", "the graph")
        texts = self.h5py.check_string_dtype(found.dtype) is not None
        if not texts or found.ndim != 2 or found.shape[1] != 2 or len(found) > 4 * MAX_LAYERS:
            raise self._wrong("its edges are no list of pairs")
        pairs = []
        for row in range(len(found)):  # one at a time: many can share one long text
            source, target = found[row]
            if max(len(source), len(target)) > MAX_NIR_NAME:
                raise self._wrong(f"a name in its edges is longer than {MAX_NIR_NAME} letters")
            pairs.append((_decoded(source), _decoded(target)))
        return pairs

    def _chain(
        self, nodes: Mapping[str, NirNode], edges: list[tuple[str, str]]
    ) -> tuple[NirNode, ...]:
        """Return the nodes from the input to the output; each has one before and one behind."""
        behind: dict[str, str] = {}
        for source, target in edges:
            if source not in nodes or target not in nodes:
                raise self._wrong(f"an edge names {printable(f'{source} -> {target}', 80)}")
            if source in behind or target in behind.values():
                raise self._wrong(
                    f"a layer joins or branches at {printable(source, 40)} -> "
                    f"{printable(target, 40)}; only a chain of layers is read"
                )
            behind[source] = target
        starts = [name for name, node in nodes.items() if node.kind == "Input"]
        if len(starts) != 1:
            raise self._wrong(f"it has {len(starts)} inputs; only networks of one are read")
        order, at = [nodes[starts[0]]], starts[0]
        while at in behind and len(order) <= len(nodes):
            at = behind[at]
            order.append(nodes[at])
        if len(order) != len(nodes) or order[-1].kind != "Output":
            raise self._wrong("its nodes are no chain from the input to the output")
        return tuple(order)

    def _group(self, parent: Any, name: str, place: str) -> Any:
        found = self._member(parent, name, place)
        if not isinstance(found, self.h5py.Group):
            raise self._wrong(f"{place}: {printable(name, 40)} is no group")
        return found

    def _dataset(self, parent: Any, name: str, place: str) -> Any:
        """Return a dataset that is small and lies in this file."""
        found = self._member(parent, name, place)
        if not isinstance(found, self.h5py.Dataset):
            raise self._wrong(f"{place}: {printable(name, 40)} is no dataset")
        if found.external or found.is_virtual or len(found.shape or ()) > MAX_RANK:
            raise self._wrong(f"{place}: {printable(name, 40)} lies elsewhere, or is too deep")
        wide = -(-found.dtype.itemsize // 8)  # a text of fixed length can claim any length
        self.room -= math.prod(found.shape or ()) * max(1, wide)
        if self.room < 0:
            raise self._wrong(f"it states more than {MAX_ELEMENTS} numbers")
        return found

    def _member(self, parent: Any, name: str, place: str) -> Any:
        """Return what a name stands for; links into other files are not followed."""
        link = parent.get(name, getlink=True)
        if link is None:
            raise self._wrong(f"{place} has no {printable(name, 40)}")
        if not isinstance(link, self.h5py.HardLink):
            raise self._wrong(f"{place}: {printable(name, 40)} is a link")
        return parent[name]

    def _text(self, found: Any) -> str:
        value = found[()] if found.shape == () else None
        if not isinstance(value, bytes) or len(value) > MAX_TEXT:
            raise self._wrong(f"a text that is none, or longer than {MAX_TEXT} letters")
        return _decoded(value)

    def _wrong(self, what: str) -> FileFormatError:
        return FileFormatError(f"{self.where}: not a NIR file that can be read: {what}")


def _decoded(value: Any) -> str:
    return bytes(value).decode("utf-8")
