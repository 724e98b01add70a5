"""Names the inputs and outputs of a model of several of them: after the user's, safe in C.

They become arguments, macros and functions of the header, so they are part of such a model's graph
and of its identity. A model of one input and one output keeps `input` and `output`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from pyexport.codegen.identifiers import RESERVED
from pyexport.ir import Graph
from pyexport.rows import is_single

MAX_NAME = 40
# What the header itself calls something where these names are arguments, and lower-case macros
# that compilers and the standard library define.
_TAKEN = frozenset(
    """
    best crc i in out v q real column linux unix i386 near far arm sun errno stdin
    stdout stderr complex bool true false null
    """.split()  # noqa: SIM905
)

_MACROS = ("scratch", "state")  # NAME_SCRATCH_SIZE and its like mean something else


def name_ports(graph: Graph, inputs: Sequence[str], outputs: Sequence[str]) -> Graph:
    """Return an exported graph of several ports with these names, made C identifiers.

    Where the user's model says no name, or none with a letter, the tensors keep input0, output0,
    ... Equal names are told apart by numbers; inputs come first.
    """
    if is_single(graph):
        return graph
    ports = (*graph.inputs, *graph.outputs)
    used = {t.name for t in graph.tensors if t.name not in ports}
    used |= {node.name for node in graph.nodes} | {f"{n.name}_workspace" for n in graph.nodes}
    wanted = (*_padded(inputs, len(graph.inputs)), *_padded(outputs, len(graph.outputs)))
    renamed: dict[str, str] = {}
    for port, text in zip(ports, wanted, strict=True):
        renamed[port] = _unused(c_name(text) or port, used)
        used.add(renamed[port])
    return _renamed(graph, renamed)


def c_name(text: str) -> str:
    """Return a name in lower case that C can have for an argument, "" if no letter is in it."""
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:MAX_NAME].strip("_")
    name = name.lstrip("0123456789_")
    if name in _MACROS:
        return f"{name}_values"
    return f"{name}_" if name in RESERVED or name in _TAKEN else name


def _padded(names: Sequence[str], count: int) -> tuple[str, ...]:
    return tuple(names) if len(names) == count else ("",) * count


def _unused(name: str, used: set[str]) -> str:
    if name not in used:
        return name
    return next(n for n in (f"{name}_{i}" for i in range(2, len(used) + 3)) if n not in used)


def _renamed(graph: Graph, names: dict[str, str]) -> Graph:
    def of(group: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(names.get(name, name) for name in group)

    return replace(
        graph,
        tensors=tuple(replace(t, name=names.get(t.name, t.name)) for t in graph.tensors),
        nodes=tuple(replace(n, inputs=of(n.inputs), outputs=of(n.outputs)) for n in graph.nodes),
        inputs=of(graph.inputs),
        outputs=of(graph.outputs),
        states=tuple(
            replace(s, read=names.get(s.read, s.read), write=names.get(s.write, s.write))
            for s in graph.states
        ),
    )
