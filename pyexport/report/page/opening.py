"""Opens what a report is about: a header, an artifact or a model file, and its float model."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyexport.artifact import read_artifact, write_artifact
from pyexport.errors import PyexportError, UsageError
from pyexport.frontends import load_model
from pyexport.ir import Model
from pyexport.pipeline import Export, ExportOptions, export_model, render_artifact
from pyexport.sniff_artifact import is_artifact
from pyexport.untrusted import printable
from pyexport.verify.subject import Subject, subject_from_header


@dataclass(frozen=True, eq=False)
class Opened:
    """An export, the header that is compiled, and the float model where it is known."""

    path: Path  # what was given
    export: Export
    subject: Subject  # its header is the one on disk, or a copy in a folder that will be gone
    model: Model | None
    model_name: str
    model_reason: str
    hashes: Mapping[str, str]

    @property
    def verified(self) -> Path | Export:
        """What a verification takes: the very header on disk, or the export."""
        return self.path if self.path.suffix == ".h" else self.export


@contextmanager
def opened(path: Path, model: Path | None) -> Iterator[Opened]:
    """Open a .h with its .px beside it, a .px, or a model file; model: the float model's file.

    Without one the file that the export names is taken, if it lies beside and its hash is the one
    recorded. Raises UsageError for a model that it was not exported from.
    """
    with tempfile.TemporaryDirectory(prefix="pyexport-") as folder:
        if path.suffix == ".h":
            subject = subject_from_header(path)
            export = render_artifact(subject.artifact)
            text = path.read_text(encoding="utf-8")
        else:
            own = None if is_artifact(path) else load_model(path)
            if own is not None and model is not None:
                raise UsageError(f"{path} and --model {model}: a model file is its own float model")
            export = render_artifact(read_artifact(path)) if own is None else _exported(own, path)
            text = export.header
            header = Path(folder) / f"{export.artifact.name}.h"
            header.write_text(text, encoding="utf-8")
            subject = Subject(export.artifact, export.program, header, str(path))
            if own is not None:
                found, reason = own, "it is what the report is about"
                yield Opened(path, export, subject, found, path.name, reason, _hashes(export, text))
                return
        source, reason = _model(export, path, model)
        name = "" if source is None else printable(source.metadata.source_name)
        yield Opened(path, export, subject, source, name, reason, _hashes(export, text))


def _exported(model: Model, path: Path) -> Export:
    name = path.stem if path.stem.isidentifier() and path.stem.isascii() else "model"
    return export_model(model, ExportOptions(name))


def _model(export: Export, path: Path, stated: Path | None) -> tuple[Model | None, str]:
    artifact = export.artifact
    recorded = printable(artifact.source_name)
    if stated is not None:
        if is_artifact(stated):
            raise UsageError(f"--model {stated}: that is an export; name the model file")
        model = load_model(stated)
        if model.metadata.source_sha256 != artifact.source_sha256:
            raise UsageError(
                f"--model {stated}: {path.name} was exported from another file, {recorded} "
                f"(SHA-256 {artifact.source_sha256[:16]}...)"
            )
        return model, "it was named, and its hash is the recorded one"
    beside = path.parent / Path(artifact.source_name).name
    way_out = f"name {recorded} with --model"
    try:
        if not beside.is_file():
            return None, f"no float model is known: {way_out}"
        model = load_model(beside)
    except (PyexportError, OSError, ValueError):
        return None, f"{recorded} beside the export cannot be read as a model: {way_out}"
    if model.metadata.source_sha256 != artifact.source_sha256:
        return None, f"{recorded} beside the export is another file by its hash: {way_out}"
    return model, "it lies beside the export, and its hash is the recorded one"


def _hashes(export: Export, header: str) -> dict[str, str]:
    artifact = export.artifact
    return {
        f"{artifact.name}.h": hashlib.sha256(header.encode()).hexdigest(),
        f"{artifact.name}.px": hashlib.sha256(write_artifact(artifact)).hexdigest(),
        printable(artifact.source_name): artifact.source_sha256,
    }
