"""Reads model.toml beside model.pt: what the user states about a file that states nothing itself.

    arch = "64-32r-16r-10"        # of a file of weights only
    labels = ["0", "1", ...]
    calibration = "rows.npz"      # a sample file in the same folder
    evaluation = "test.npz"       # with class numbers

    [input]
    range = [0, 16]
    unit = "pixel"

Every key may be missing; an unknown one is refused by name.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from pyexport.errors import CalibrationError, FileFormatError
from pyexport.frontends.json_view import JsonView
from pyexport.frontends.metadata import Extras, check_extras, check_limits
from pyexport.frontends.samples import read_samples
from pyexport.ir import Dataset, Graph
from pyexport.untrusted import printable, read_regular

MAX_SIDECAR_BYTES = 64 << 10
_KEYS = ("arch", "calibration", "evaluation", "input", "labels")
_INPUT_KEYS = ("range", "unit")


@dataclass(frozen=True)
class Sidecar:
    """A parsed model.toml; `view` is None where there is no such file."""

    folder: Path
    view: JsonView | None

    @property
    def arch(self) -> str | None:
        """Return the stated architecture."""
        stated = self.view.get("arch") if self.view else None
        return stated.text() if stated else None

    def extras(self, graph: Graph) -> Extras:
        """Return the statements about a model, checked against it."""
        if self.view is None:
            return Extras()
        stated_input = self.view.get("input")
        limits = stated_input.get("range") if stated_input else None
        unit = stated_input.get("unit") if stated_input else None
        labels = self.view.get("labels")
        where = self.view.path
        extras = Extras(
            input_range=check_limits([v.number() for v in limits], where) if limits else None,
            input_unit=unit.text() if unit else None,
            labels=tuple(label.text() for label in labels) if labels else None,
            calibration=self._rows("calibration", graph),
            evaluation=self._rows("evaluation", graph),
        )
        check_extras(extras, graph, where)
        if extras.evaluation is not None and extras.evaluation.targets is None:
            raise CalibrationError(f"{where}: the evaluation file holds no classes; add targets")
        return extras

    def _rows(self, key: str, graph: Graph) -> Dataset | None:
        named = self.view.get(key) if self.view else None
        if named is None:
            return None
        name = named.text()
        if not name or Path(name).name != name or "\\" in name:
            raise FileFormatError(
                f"{named.path} is {printable(name)}; name a file in the same folder, without /"
            )
        return read_samples(self.folder / name, graph.input.shape, key)


def read_sidecar(model: Path) -> Sidecar:
    """Return what STEM.toml beside a model file says; raises FileFormatError."""
    path = model.with_suffix(".toml")
    if path == model or not path.exists():
        return Sidecar(model.parent, None)
    data = read_regular(path, MAX_SIDECAR_BYTES, "a text")
    return parse_sidecar(data, printable(path, 300), model.parent)


def parse_sidecar(data: bytes, where: str, folder: Path) -> Sidecar:
    """Return what a model.toml says; `folder` holds the sample files that it names."""
    try:
        document = tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # also UnicodeDecodeError
        raise FileFormatError(
            f"{where}: not valid TOML ({printable(error)}); correct it, or move it away"
        ) from None
    view = JsonView(document, where)
    _refuse_unknown(view, _KEYS)
    stated_input = view.get("input")
    if stated_input is not None:
        _refuse_unknown(stated_input, _INPUT_KEYS)
    return Sidecar(folder, view)


def _refuse_unknown(view: JsonView, known: tuple[str, ...]) -> None:
    for key in view.mapping():
        if key not in known:
            raise FileFormatError(
                f"{view.path}: the key {printable(key)} is unknown; use {', '.join(known)}"
            )
