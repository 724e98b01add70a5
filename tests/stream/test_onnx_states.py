"""ONNX models of one step, whose states are inputs and outputs of the graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyexport
from pyexport.errors import PyexportError
from pyexport.reference import evaluate

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
from tests.frontends.onnx_files import model  # noqa: E402

N_IN, N, CLASSES = 3, 5, 4
RANDOM = np.random.default_rng(5)


def step_model(operator: str) -> Any:
    """Return x, h (and c) -> y and the new states: PyTorch's form, (1, 1, n) each."""
    gates, names = (3, ["h"]) if operator == "GRU" else (4, ["h", "c"])
    stored = {
        "w": RANDOM.normal(size=(1, gates * N, N_IN)),
        "r": RANDOM.normal(size=(1, gates * N, N)),
        "b": RANDOM.normal(size=(1, 2 * gates * N)),
        "head": RANDOM.normal(size=(N, CLASSES)),
        "flat": np.array([1, N]),
    }
    stored = {k: v.astype(np.int64 if k == "flat" else np.float32) for k, v in stored.items()}
    more = {"linear_before_reset": 1} if operator == "GRU" else {}
    new = [f"new_{name}" for name in names]
    nodes = [
        onnx.helper.make_node(
            operator, ["x", "w", "r", "b", "", *names], ["", *new], hidden_size=N, **more
        ),
        onnx.helper.make_node("Reshape", ["new_h", "flat"], ["last"]),
        onnx.helper.make_node("MatMul", ["last", "head"], ["y"]),
    ]
    inputs = {"x": (1, 1, N_IN), **dict.fromkeys(names, (1, 1, N))}
    return model(nodes, stored=stored, outputs=("y", *new), inputs=inputs)


@pytest.mark.parametrize("operator", ["GRU", "LSTM"])
def test_a_step_with_its_states_steps_like_onnx_runtime(operator: str, tmp_path: Path) -> None:
    made = step_model(operator)
    onnx.save(made, tmp_path / "m.onnx")
    names = ["h"] if operator == "GRU" else ["h", "c"]
    stated = f"states = {names}\n[input]\nrange = [-2.0, 2.0]\n".replace("'", '"')
    (tmp_path / "m.toml").write_text(stated)
    loaded = pyexport.load(tmp_path / "m.onnx")
    session = runtime.InferenceSession(made.SerializeToString())
    kept: dict[str, Any] = {name: np.zeros((1, 1, N), np.float32) for name in names}
    states = None
    for row in RANDOM.uniform(-2, 2, (6, 1, 1, N_IN)).astype(np.float32):
        y, *new = session.run(None, {"x": row, **kept})
        kept = dict(zip(names, new, strict=True))
        values = evaluate(loaded.graph, row.astype(np.float64), states=states)
        states = {s.name: values[s.write] for s in loaded.graph.states}
        assert np.allclose(values[loaded.graph.output.name], y, atol=1e-5)
    export = pyexport.export(tmp_path / "m.onnx", tmp_path, "m")
    assert len(export.program.states) == len(names)
    assert pyexport.verify(export, random_rows=100).problems == ()


def test_only_one_state_of_an_lstm_is_refused_by_name(tmp_path: Path) -> None:
    onnx.save(step_model("LSTM"), tmp_path / "m.onnx")
    (tmp_path / "m.toml").write_text('states = ["c"]\n[input]\nrange = [-2.0, 2.0]\n')
    with pytest.raises(PyexportError, match=r"m\."):
        pyexport.export(tmp_path / "m.onnx", tmp_path, "m")
