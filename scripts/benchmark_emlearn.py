"""Writes a network as emlearn converts it, where that package is installed: a peer in floats."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from pyexport.ir import Linear
from scripts.benchmark_models import Network

_GLUE = """#include <math.h>
#include <stdint.h>
#define tanhf(v) (v) /* of activations that these networks do not have: no library is linked */
#define expf(v) (v)
#define logf(v) (v)
{text}
/* bytes to floats before, the class as the only byte that is not 0 behind */
static inline void {name}_predict(const uint8_t *in, int8_t *out)
{{
    float values[{inputs}];
    for (int i = 0; i < {inputs}; i++) {{
        values[i] = in[i];
    }}
    int best = eml_net_predict(&peer, values, {inputs});
    for (int o = 0; o < {outputs}; o++) {{
        out[o] = o == best;
    }}
}}
"""


def write_emlearn(network: Network, folder: Path) -> str | None:
    """Write NAME.h and what it includes; returns emlearn's version, None where it has no part.

    It converts multilayer perceptrons only. Raises ImportError where it is not installed.
    """
    layers = [node.op for node in network.model.graph.nodes]
    linear = [op for op in layers if isinstance(op, Linear)]
    if len(linear) != len(layers):
        return None
    emlearn: Any = importlib.import_module("emlearn")
    path = folder.resolve() / "converted.h"
    with contextlib.chdir(folder):  # it compiles something of its own in tmp/
        emlearn.convert(_classifier(linear), dtype="float").save(file=str(path), name="peer")
    headers = Path(str(emlearn.__file__)).parent
    for header in headers.glob("eml_*.h"):
        text = header.read_text(encoding="utf-8")
        (folder / header.name).write_text(_beside(text), encoding="utf-8")
    sizes = {"inputs": linear[0].weight.shape[1], "outputs": len(linear[-1].bias)}
    text = _beside(path.read_text(encoding="utf-8"))
    (folder / f"{network.name}.h").write_text(_GLUE.format(text=text, name=network.name, **sizes))
    return str(getattr(emlearn, "__version__", "")).strip()


def _beside(text: str) -> str:
    """Return C whose own headers are looked for beside it."""
    return re.sub(r"<(eml_\w+\.h)>", r'"\1"', text)


def _classifier(layers: list[Linear]) -> Any:
    """Return a classifier of scikit-learn with these weights."""
    from sklearn.neural_network import MLPClassifier

    classes = len(layers[-1].bias)
    hidden = tuple(len(layer.bias) for layer in layers[:-1])
    made = MLPClassifier(hidden, max_iter=1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it learns nothing: only its shape is wanted
        made.fit(np.zeros((classes, layers[0].weight.shape[1])), np.arange(classes))
    made.coefs_ = [np.asarray(layer.weight, np.float64).T for layer in layers]
    made.intercepts_ = [np.asarray(layer.bias, np.float64) for layer in layers]
    return made
