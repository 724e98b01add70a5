"""What `pyexport.export` does: tells the arguments of a model file from those of a live model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyexport.errors import UsageError
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
    chosen = ExportOptions(name, **options)  # checked before a long load
    if live:
        model = read_live(model, example, stated)
    result = export_model(model if isinstance(model, Model) else load_model(model), chosen)
    result.write(Path(output or "."))
    return result
