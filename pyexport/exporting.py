"""What `pyexport.export` does: tells the arguments of a model file from those of a live model."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from pyexport.errors import CalibrationError, UsageError
from pyexport.frontends import load_model
from pyexport.frontends.live import metadata_keys, read_live
from pyexport.ir import Model
from pyexport.pipeline import Export, ExportOptions, export_model


def export(model: Any, positional: tuple[Any, ...], options: dict[str, Any]) -> Export:
    """Write the three files of a model file, of a read Model, or of a live module or estimator."""
    live = not isinstance(model, Model | str | Path)
    names = ("example", "output", "name") if live else ("output", "name")
    if len(positional) > len(names) or ("example" in options and not live):
        raise UsageError("export takes an example for a live module only, then output and name")
    for key, value in zip(names, positional, strict=False):
        if key in options:
            raise UsageError(f"export got {key} twice")
        options[key] = value
    example, output = options.pop("example", None), options.pop("output", None)
    name = options.pop("name", None)
    if name is None:
        name = Path(model).stem if isinstance(model, str | Path) else "model"
    stated = {key: options.pop(key) for key in metadata_keys() if live and key in options}
    _refuse_unknown(options, live)
    chosen = ExportOptions(name, **options)  # checked before a long load
    if live:
        what, model = type(model).__name__, read_live(model, example, stated)
        known = model.metadata.input_range is not None or model.metadata.calibration is not None
        if chosen.scheme == "int8" and not known:
            raise CalibrationError(
                f"{what}: nothing tells the input's range; pass input_range=(low, high), or "
                "calibration=rows of typical inputs"
            )
    result = export_model(model if isinstance(model, Model) else load_model(model), chosen)
    result.write(Path(output or "."))
    return result


def _refuse_unknown(options: dict[str, Any], live: bool) -> None:
    """Raise UsageError for a keyword argument that export does not take."""
    known = dict.fromkeys(field.name for field in fields(ExportOptions) if field.name != "name")
    known |= dict.fromkeys(metadata_keys() if live else ())
    for key in options:
        if key not in known:
            raise UsageError(f"export takes no argument {key}; use {', '.join(known)}")
