"""From the bytes of a model file to ir.Model: recognize, read, lower, attach what the file says."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pyexport.errors import FileFormatError, UnsupportedModelError, UsageError
from pyexport.frontends.aten import lower
from pyexport.frontends.metadata import Extras, parse_extras
from pyexport.frontends.normalization import normalize_input
from pyexport.frontends.pt2 import read_pt2
from pyexport.frontends.sidecar import Sidecar, read_sidecar, unread
from pyexport.frontends.sniff import (
    NIR,
    ONNX,
    PT2,
    SAFETENSORS,
    SCRATCH,
    SKLEARN,
    STOCK_MODULE,
    TRUSTED,
    WEIGHT_FILES,
    identify,
)
from pyexport.frontends.snn_options import SnnOptions
from pyexport.frontends.states import bind_states, stated_states
from pyexport.ir import Graph, Metadata, Model
from pyexport.untrusted import MAX_MODEL_BYTES, printable, read_regular

if TYPE_CHECKING:
    from pyexport.frontends.weight_files import Layers


def load_model(
    path: str | Path,
    *,
    trust: bool = False,
    arch: str | None = None,
    code: str | None = None,
    input_shape: tuple[int, ...] | None = None,
    snn: SnnOptions | None = None,
) -> Model:
    """Return the model in a file; raises PyexportError in one line that says the way out.

    The kind is decided by content. Nothing in the file is run or imported, unless `trust` is set
    and the file is one that can only be run (TorchScript, pickled classes, scikit-learn). A file of
    weights only needs `arch` ("64-32r-10"), or `code` ("file.py:Net", which is run) and
    `input_shape`, and so may a file that is run. A NIR file needs `snn` for what it cannot say.
    """
    path = Path(path)
    where = printable(path, 300)
    data = read_regular(path, MAX_MODEL_BYTES, "a model file")
    finding = identify(data, where)
    readable = finding.kind == SAFETENSORS or data[:2] == b"PK"
    if finding.kind in WEIGHT_FILES and (readable or trust):
        from pyexport.frontends.weight_files import Layers, load_weight_file  # they need assemble()

        layers, sidecar = Layers(arch, code, input_shape, trust), read_sidecar(path)
        try:
            if readable:
                return load_weight_file(finding.kind, data, path, where, layers, sidecar)
        except UnsupportedModelError:
            if not trust or finding.kind != STOCK_MODULE or input_shape is None:
                raise
        return _run(finding.kind, data, path, where, layers, sidecar)
    holds_layers = finding.kind in (SCRATCH, PT2, ONNX, NIR)
    if holds_layers and (arch, code, input_shape) != (None, None, None):
        raise UsageError(f"{where}: holds its layers itself; leave --arch, --model and --input out")
    if snn is not None and snn.given and finding.kind != NIR:
        raise UsageError(f"{where}: is no NIR file; leave the options --snn-... out")
    if finding.kind == NIR:
        from pyexport.frontends.nir_lowering import parse_nir  # it needs assemble() of this module

        options = SnnOptions() if snn is None else snn
        return parse_nir(data, where, printable(path.name), options, read_sidecar(path))
    if finding.kind == SCRATCH:
        from pyexport.frontends.scratch import load_scratch  # it needs assemble() of this module

        model = load_scratch(data, where, printable(path.name))
        warnings = (*model.metadata.warnings, *unread(read_sidecar(path)))
        return replace(model, metadata=replace(model.metadata, warnings=warnings))
    if finding.kind == ONNX:
        from pyexport.frontends.onnx.loading import parse_onnx  # likewise

        return parse_onnx(data, where, printable(path.name), path.parent, read_sidecar(path))
    if trust and finding.kind in SKLEARN and not data.startswith(b"PK"):
        from pyexport.frontends.sklearn_file import load_trusted  # likewise

        return load_trusted(data, where, printable(path.name))
    if trust and finding.kind in TRUSTED:
        from pyexport.frontends.weight_files import Layers  # likewise

        layers = Layers(arch, code, input_shape, trust)
        return _run(finding.kind, data, path, where, layers, read_sidecar(path))
    if finding.kind != PT2:
        remedy = finding.remedy.replace("FILE", printable(path.name))
        remedy = remedy.replace("STEM", printable(path.stem))
        untouched = "; nothing of it was run" if finding.kind in TRUSTED else ""
        raise FileFormatError(f"{where}: this is {finding.what}{untouched}; {remedy}")
    return parse_pt2(data, where, printable(path.name), read_sidecar(path))


def _run(kind: str, data: bytes, path: Path, where: str, layers: Layers, sidecar: Sidecar) -> Model:
    """Open a file by running it."""
    from pyexport.frontends.trusted_file import load_trusted_file  # it needs assemble()

    return load_trusted_file(kind, data, path, where, layers, sidecar)


def parse_pt2(data: bytes, where: str, source_name: str, sidecar: Sidecar | None = None) -> Model:
    """Return the model of a torch.export archive in memory; its own statements come first."""
    program = read_pt2(data, where)
    graph, warnings = lower(program, where)
    states = stated_states(program.extra, where)
    if program.extra is None and sidecar is not None:
        states = sidecar.statements.states or ()
    graph = bind_states(graph, states, program.inputs, where)
    if len(graph.inputs) > 1 or len(graph.outputs) > 1:
        beside = sidecar is not None and sidecar.view is not None
        extras = no_extras(program.extra is not None or beside, where)
    elif program.extra is not None:
        extras = parse_extras(program.extra, graph, where)
        warnings += unread(sidecar)
    else:
        extras = sidecar.extras(graph) if sidecar is not None else Extras()
    digest = hashlib.sha256(data).hexdigest()
    model = assemble(graph, extras, source_name, digest, program.producer, warnings)
    inputs = tuple(name for name in program.inputs if name not in states)
    return replace(model, inputs=inputs, outputs=program.output_names[: len(graph.outputs)])


def no_extras(found: bool, where: str) -> Extras:
    """Return the statements of a network of several inputs or outputs: none, or it is refused."""
    if found:
        raise UnsupportedModelError(
            f"{where}: something is stated about a network of several inputs or outputs, which can "
            "have no statements yet; save the bare network with torch.export.save"
        )
    return Extras()


def assemble(
    graph: Graph,
    extras: Extras,
    source_name: str,
    source_sha256: str,
    producer: str,
    warnings: tuple[str, ...] = (),
) -> Model:
    """Return the model with its metadata; it takes raw values, and its input has their range.

    What the network was trained on becomes an affine map of the raw input, in front of the graph.
    """
    if len(graph.inputs) == 1:  # of several, nothing can be stated yet
        graph = normalize_input(graph, extras.statements, source_name)
    tensors = tuple(
        replace(t, declared_range=extras.statements.input_range) if t.name in graph.inputs else t
        for t in graph.tensors
    )
    metadata = Metadata(
        source_name=source_name,
        source_sha256=source_sha256,
        producer=producer,
        statements=extras.statements,
        calibration=extras.calibration,
        evaluation=extras.evaluation,
        warnings=warnings,
    )
    return Model(replace(graph, tensors=tensors), metadata)
