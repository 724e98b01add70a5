"""Reads model.toml beside model.pt: what the user states about a file that states nothing itself.

    arch = "64-32r-16r-10"        # of a file of weights only
    labels = ["0", "1", ...]
    calibration = "rows.npz"      # a sample file in the same folder
    evaluation = "test.npz"       # with targets

    [input]
    range = [0, 16]
    unit = "pixel"

The keys are those of pyexport/statements.py, and arch. Each may be missing; an unknown one is
refused by name.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from pyexport.errors import CalibrationError, FileFormatError
from pyexport.frontends.json_view import JsonView
from pyexport.frontends.metadata import Extras, check_extras, target_values
from pyexport.frontends.samples import read_samples
from pyexport.ir import Dataset, Graph
from pyexport.statements import NOTHING, SAMPLES, Statements, parse_statements
from pyexport.untrusted import MAX_JSON_DEPTH, MAX_SIDECAR_BYTES, printable, read_regular

_TEXTS = re.compile(  # comments and strings, in which a dot divides nothing
    r'''#[^\n]*|"""(?:\\.|[^\\])*?"""|"(?:\\.|[^"\\\n])*"|'''
    r"""'''.*?'''|'[^'\n]*'""",
    re.S,
)
_BESIDE = ("arch", *SAMPLES)


@dataclass(frozen=True)
class Sidecar:
    """A parsed model.toml; `view` is None where there is no such file."""

    folder: Path
    view: JsonView | None
    statements: Statements = NOTHING

    @property
    def arch(self) -> str | None:
        """Return the stated architecture."""
        stated = self.view.get("arch") if self.view else None
        return stated.text() if stated else None

    def extras(self, graph: Graph) -> Extras:
        """Return the statements about a model, checked against it."""
        if self.view is None:
            return Extras()
        where = self.view.path
        values = target_values(self.statements, graph)
        extras = Extras(
            self.statements,
            calibration=self._rows("calibration", graph, values),
            evaluation=self._rows("evaluation", graph, values),
        )
        check_extras(extras, graph, where)
        if extras.evaluation is not None and extras.evaluation.targets is None:
            named = printable(self.view["evaluation"].text())
            raise CalibrationError(
                f"{where}: the evaluation file {named} holds inputs only; add an array (in a CSV "
                "file a column) called targets"
            )
        return extras

    def _rows(self, key: str, graph: Graph, values: int | None) -> Dataset | None:
        named = self.view.get(key) if self.view else None
        if named is None:
            return None
        name = named.text()
        if not name or Path(name).name != name or "\\" in name or "\0" in name:
            raise FileFormatError(
                f"{named.path} is {printable(name)}; name a file in the same folder, without /"
            )
        return read_samples(self.folder / name, graph.input.shape, key, values)


def read_sidecar(model: Path) -> Sidecar:
    """Return what STEM.toml beside a model file says; raises FileFormatError."""
    path = model.with_suffix(".toml")
    try:
        there = path != model and path.exists()
    except OSError:  # the longer suffix makes the name too long for a file
        there = False
    if not there:
        return Sidecar(model.parent, None)
    if path.is_dir():
        raise FileFormatError(
            f"{printable(path, 300)}: a directory; move it away, or make it a file"
        )
    data = read_regular(path, MAX_SIDECAR_BYTES, "a text")
    return parse_sidecar(data, printable(path, 300), model.parent)


def unread(sidecar: Sidecar | None) -> tuple[str, ...]:
    """Return the warning about a model.toml beside a file that states everything itself."""
    if sidecar is None or sidecar.view is None:
        return ()
    name = Path(sidecar.view.path).name  # no folder: warnings stand in the manifest
    return (
        f"{name} is not used: the model file holds statements of its own; state these where it is "
        "saved",
    )


def parse_sidecar(data: bytes, where: str, folder: Path) -> Sidecar:
    """Return what a model.toml says; `folder` holds the sample files that it names."""
    try:
        text = data.decode("utf-8")
        _refuse_deep_keys(text)
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also UnicodeDecodeError
        raise FileFormatError(
            f"{where}: not valid TOML ({printable(error)}); correct it, or move it away"
        ) from None
    view = JsonView(document, where)
    return Sidecar(folder, view, parse_statements(document, where, _BESIDE))


def _refuse_deep_keys(text: str) -> None:
    """Raise ValueError for a key like a.a.a.a: tomllib takes the square of its parts in memory."""
    bare = _TEXTS.sub("", text)
    if any(part.count(".") > MAX_JSON_DEPTH for part in re.split(r"[=,\[\]{}\n]", bare)):
        raise ValueError(f"a key of more than {MAX_JSON_DEPTH} parts")
