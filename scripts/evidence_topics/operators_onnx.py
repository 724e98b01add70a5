"""The example models by another door: PyTorch's own ONNX exports of them, read by our reader."""

from __future__ import annotations

import logging
import warnings
import zipfile
from pathlib import Path

import numpy as np

import pyexport
from pyexport.ir import FloatArray, Model
from pyexport.layout import inputs_to_device
from pyexport.reference import forward
from scripts.evidence_topics.example_files import trained_examples
from scripts.evidence_topics.figures import Context, Figure, markdown_table

ROWS = 300  # of each test set
RELATIVE = 1e-5  # of the largest output
STATEMENTS = "extra/pyexport.json"  # of an archive; an ONNX file has them in its metadata


def onnx_exports(context: Context) -> tuple[Figure, ...]:
    """Export every example by torch.onnx, and compare its predictions with the archive's."""
    if context.short:  # tests/frontends/test_onnx_torch.py compares networks of these shapes
        return ()
    lines, differing, worst = [], 0, 0.0
    for trained in trained_examples(context):
        name = trained.example.name
        context.say(f"exporting {name} as ONNX")
        path = context.folder / f"{name}.onnx"
        _to_onnx(trained.path, path)
        rows = trained.test.inputs[:ROWS].astype(np.float64)
        known = _outputs(pyexport.load(trained.path), rows)
        found = _outputs(pyexport.load(path), rows)
        others = int(np.count_nonzero(known.argmax(axis=1) != found.argmax(axis=1)))
        off = float(abs(known - found).max() / abs(known).max())
        differing, worst = differing + others, max(worst, off)
        lines.append((name, str(len(rows)), str(others), f"{off:.1e}"))
    header = ("model", "rows", "other predictions", "largest difference")
    return (
        Figure(
            "PyTorch's ONNX export of every example against its torch.export file",
            f"the same predictions; outputs within {RELATIVE} of the largest",
            f"{differing} of {len(lines) * ROWS:,} rows differ; {worst:.1e} at most",
            not differing and worst <= RELATIVE,
            markdown_table(header, lines),
        ),
    )


def _to_onnx(archive: Path, path: Path) -> None:
    """Write what torch.onnx makes of an archive, with what is stated in it about the input."""
    import onnx
    import torch

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = torch.onnx.export(torch.export.load(archive), dynamo=True, verbose=False)
    assert made is not None  # without a path it is returned
    made.save(path)
    with zipfile.ZipFile(archive) as members:
        (member,) = [name for name in members.namelist() if name.endswith(STATEMENTS)]
        stated = members.read(member).decode()
    model = onnx.load(path)
    model.metadata_props.add(key="pyexport", value=stated)
    onnx.save(model, path)


def _outputs(model: Model, rows: FloatArray) -> FloatArray:
    return forward(model.graph, inputs_to_device(rows, model.graph)).reshape(len(rows), -1)
