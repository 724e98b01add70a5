"""From the bytes of an ONNX file to ir.Model: read, lower, attach what the file says."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from pyexport.frontends.loading import assemble, no_extras
from pyexport.frontends.metadata import Extras, parse_extras
from pyexport.frontends.onnx.graph import lower
from pyexport.frontends.onnx.model import METADATA_KEY, parse_model
from pyexport.frontends.onnx.tensors import make_store
from pyexport.frontends.sidecar import Sidecar, unread
from pyexport.frontends.states import bind_states, stated_states
from pyexport.ir import Model


def parse_onnx(
    data: bytes,
    where: str,
    source_name: str,
    folder: Path | None = None,
    sidecar: Sidecar | None = None,
) -> Model:
    """Return the model of an ONNX file in memory; its own statements come first.

    `folder` is where external data may lie; without it a model that has such data is refused.
    """
    onnx = parse_model(data, where)
    store = make_store(where, folder, len(data))
    read = lower(onnx, where, store)
    graph, warnings = read.graph, read.warnings
    states = stated_states(onnx.statements, f"{where}: metadata {METADATA_KEY}")
    if onnx.statements is None and sidecar is not None:
        states = sidecar.statements.states or ()
    graph = bind_states(graph, states, tuple(onnx.inputs), where)
    if len(graph.inputs) > 1 or len(graph.outputs) > 1:
        beside = sidecar is not None and sidecar.view is not None
        extras = no_extras(onnx.statements is not None or beside, where)
    elif onnx.statements is not None:
        extras = parse_extras(onnx.statements, graph, where, f"metadata {METADATA_KEY}")
        warnings += unread(sidecar)
    else:
        extras = sidecar.extras(graph) if sidecar is not None else Extras()
    digest = hashlib.sha256(data)
    for location in sorted(store.files):
        digest.update(store.files[location])
    model = assemble(graph, extras, source_name, digest.hexdigest(), onnx.producer, warnings)
    inputs = tuple(name for name in onnx.inputs if name not in states)
    return replace(model, inputs=inputs, outputs=tuple(onnx.outputs)[: len(graph.outputs)])
