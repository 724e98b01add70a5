"""Puts a float model beside its export: what generate, attack and hunt work on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyexport.artifact import read_artifact
from pyexport.errors import UsageError
from pyexport.frontends import load_model
from pyexport.ir import Model
from pyexport.passes import run_passes
from pyexport.pipeline import Export, ExportOptions, export_model, render_artifact
from pyexport.runners import Runner, open_runner
from pyexport.sniff_artifact import is_artifact
from pyexport.verify.pair import Pair
from pyexport.verify.subject import header_interface


def load_pair(
    model: str | Path | Model, artifact: str | Path | None = None, **options: object
) -> tuple[Pair, Export]:
    """Return the pair of a model file (or of what `load` returned), and its export.

    artifact: the .px of an export of that very file; without it the file is exported in memory,
    where options are those of ExportOptions. Raises UsageError for a .px as the model, which holds
    no floats, and for an artifact of another file.
    """
    if not isinstance(model, Model):
        path = Path(model)
        if is_artifact(path):
            raise UsageError(
                f"{path}: an artifact holds the integer model only; name the model file that it "
                "was exported from, and this one with --artifact"
            )
        name = path.stem if path.stem.isidentifier() and path.stem.isascii() else "model"
        model = load_model(path)
    else:
        name = Path(model.metadata.source_name).stem
        name = name if name.isidentifier() and name.isascii() else "model"
    if artifact is None:
        exported = export_model(model, ExportOptions(name, **options))  # type: ignore[arg-type]
    else:
        stored = read_artifact(Path(artifact))
        if stored.source_sha256 != model.metadata.source_sha256:
            raise UsageError(
                f"{artifact}: it was exported from {stored.source_name}, and not from this file; "
                "leave --artifact out to export the model anew"
            )
        exported = render_artifact(stored)
    return Pair(run_passes(model.graph), exported.artifact), exported


@contextmanager
def firmware(exported: Export, target: str = "host") -> Iterator[Runner]:
    """Compile an export's header for a target; its files last as long as the block."""
    name = exported.artifact.name
    with tempfile.TemporaryDirectory(prefix="pyexport-") as folder:
        header = Path(folder) / f"{name}.h"
        header.write_text(exported.header, encoding="utf-8")
        interface = header_interface(exported.artifact, exported.program)
        yield open_runner(target, header, interface, shown=f"{name}.h (in memory)")
