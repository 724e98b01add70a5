"""Imports inside pyexport/ go one way: the table of layers, and a checker that is tested itself."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "pyexport"


@dataclass(frozen=True)
class Layer:
    """What one layer may import; every layer may import errors and the version."""

    own: tuple[str, ...]  # other layers, named below pyexport; a folder includes what is in it
    anywhere: tuple[str, ...] = ()  # third-party packages, at module level too
    inside: tuple[str, ...] = ()  # third-party packages, only inside a function


FILES = (
    "sniff_artifact",
    "tensorfile",
    "untrusted",
    "statements",
    "statement_values",
    "statement_check",
)
MODEL = (
    *(
        "choices",
        "ir",
        "rows",
        "integer",
        "layout",
        "streams",
        "sensor",
        "decision",
        "artifact",
        "digits",
        "fixedpoint",
        "program",
    ),
    *FILES,
    *("reference", "simulator"),
)
STAGES = (*MODEL, "resources", "scratch", "frontends", "passes", "quantize", "targets", "lower")
BELOW_PIPELINE = (*STAGES, "codegen")
MEASURES = ("scores", "scoring", "measuring", "vectors")
AROUND_PIPELINE = (
    *MEASURES,
    "port_names",
    "input_ranges",
    "real_inputs",
    "writing",
    "memory_picture",
    "fitting",
    "advice",
    "kernel_choice",
    "describe_ports",
    "export_options",
    "layer_choices",
    "describe",
    "manifest",
)
BELOW_SEARCH = (*BELOW_PIPELINE, *AROUND_PIPELINE, "pipeline", "runners", "gradients", "verify")
AFTER_PIPELINE = (
    "pairing",
    "verifying",
    "differing",
    "footprint",
    "board_fits",
    "costing",
    "project",
    "feasibility",
    "exporting",
    "layer_rows",
)
PUBLIC = (
    *("api", "load", "export", "simulate", "stream", "check", "save", "from_torch"),
    "from_sklearn",
)
EVERYTHING = (*BELOW_SEARCH, *AFTER_PIPELINE, *PUBLIC, "search", "campaign", "report", "cli")
EMULATORS = ("unicorn", "capstone", "wasmtime", "elftools", "ziglang", "serial", "cobs")
FRAMEWORKS = ("torch", "sklearn", "onnx", "h5py")

# The longest name that fits a module decides. A folder may import itself.
LAYERS = {
    "": Layer(EVERYTHING),  # pyexport/__init__.py: the public names, fetched on first use
    "__main__": Layer(("cli",)),
    "errors": Layer(()),
    "choices": Layer(("program",)),
    "resources": Layer(()),
    "digits": Layer(()),
    "fixedpoint": Layer(()),
    "program": Layer(()),
    "untrusted": Layer(()),
    "tensorfile": Layer(("untrusted",)),
    "statement_values": Layer(("untrusted",)),
    "statements": Layer(("untrusted", "statement_values")),
    "statement_check": Layer(("statements", "statement_values")),
    "scratch": Layer(FILES),
    "operators": Layer((), ("numpy",)),
    "ir": Layer(("fixedpoint", "operators", "statements"), ("numpy",)),
    "rows": Layer(("ir",), ("numpy",)),
    "layout": Layer(("ir", "rows"), ("numpy",)),
    "decision": Layer(("ir",), ("numpy",)),
    "streams": Layer(("ir", "statements"), ("numpy",)),
    "sniff_artifact": Layer(()),
    "scores": Layer(()),
    "scoring": Layer(("ir", "scores", "decision", "statements"), ("numpy",)),
    "sensor": Layer(("ir", "rows"), ("numpy",)),
    "integer": Layer(("ir", "fixedpoint", "operators"), ("numpy",)),
    "graph_document": Layer(("ir", "integer"), ("numpy",)),
    "graph_check": Layer(("ir", "integer", "program")),
    "artifact": Layer(
        (
            *("choices", "ir", "rows", "layout", "decision", "scores", "fixedpoint"),
            "graph_document",
            *("graph_check", "streams", *FILES),
        ),
        ("numpy",),
    ),
    # The definition and its reader of .px share nothing with what they check, not even NumPy.
    "simulator.__init__": Layer(()),
    "simulator.float32": Layer(()),
    "simulator.exact": Layer(("fixedpoint", "simulator.float32")),
    "simulator.definition": Layer(("fixedpoint", "simulator.exact")),
    "simulator.plain": Layer(("fixedpoint", *FILES, "simulator.definition", "simulator.exact")),
    "simulator": Layer(("ir", "rows", "integer", "digits", "fixedpoint", *FILES), ("numpy",)),
    "reference": Layer(("ir", "rows", "fixedpoint"), ("numpy",)),
    "gradients": Layer(("ir", "reference", "scratch"), ("numpy",), ("torch",)),
    "frontends": Layer(("ir", "layout", "scratch", *FILES), ("numpy",), (*FRAMEWORKS, "joblib")),
    "passes": Layer(("ir", "fixedpoint", "reference", "simulator"), ("numpy",)),
    "quantize": Layer(
        ("choices", "ir", "rows", "integer", "sensor", "fixedpoint", "reference", "simulator"),
        ("numpy",),
    ),
    "quantize.qat": Layer(
        ("ir", "fixedpoint", "reference", "simulator", "quantize"), ("numpy", "torch")
    ),
    # Spiking layers for PyTorch: `import pyexport` loads none of it, and nothing imports it.
    "snn": Layer(("operators",), ("torch", "numpy"), ("nir",)),
    "targets": Layer(()),
    "lower": Layer(
        (
            *("choices", "ir", "integer", "program", "digits", "fixedpoint"),
            *("quantize.bounds", "targets"),
        ),
        ("numpy",),
    ),
    "codegen": Layer(("program", "targets", "resources"), ("jinja2",)),
    "runners": Layer(("targets", "resources", "untrusted"), ("numpy", *EMULATORS)),
    "verify": Layer(
        (
            *("ir", "rows", "integer", "sensor", "artifact", "decision", "reference", "simulator"),
            *("gradients", "quantize.bounds"),
            *("lower", "codegen", "runners", "targets", "fixedpoint", "program", "untrusted"),
        ),
        ("numpy", "scipy"),
    ),
    "writing": Layer(()),
    "measuring": Layer(
        (
            *("ir", "rows", "artifact", "layout", "reference", "scores", "scoring", "simulator"),
            "streams",
        )
    ),
    "vectors": Layer(("ir", "rows", "integer", "sensor", "artifact", "simulator"), ("numpy",)),
    "port_names": Layer(("ir", "rows", "codegen")),
    "real_inputs": Layer(("ir", "artifact", "layout", "frontends", "input_ranges"), ("numpy",)),
    "input_ranges": Layer(
        (
            *("ir", "rows", "artifact", "layout", "port_names", "frontends", "quantize"),
            *("statement_values", "untrusted"),
        )
    ),
    "memory_picture": Layer(("program",)),
    "export_options": Layer(
        ("choices", "ir", "input_ranges", "codegen", "lower", "targets", "untrusted")
    ),
    "layer_choices": Layer(("ir", "untrusted")),
    "fitting": Layer(("memory_picture", "program", "targets", "codegen")),
    "advice": Layer((*BELOW_PIPELINE, *MEASURES)),
    "kernel_choice": Layer(BELOW_PIPELINE),
    "describe_ports": Layer(BELOW_PIPELINE),
    "describe": Layer((*BELOW_PIPELINE, *MEASURES, "advice", "describe_ports"), ("numpy",)),
    "manifest": Layer(("artifact", "ir", "integer", "program", "statements", "quantize.bounds")),
    "pipeline": Layer((*BELOW_PIPELINE, *AROUND_PIPELINE), ("numpy",)),
    "pairing": Layer(BELOW_SEARCH),
    "verifying": Layer(BELOW_SEARCH),
    "differing": Layer((*BELOW_SEARCH, "verifying")),
    "footprint": Layer(BELOW_SEARCH),
    "costing": Layer(BELOW_SEARCH),
    "layer_rows": Layer(BELOW_PIPELINE + AROUND_PIPELINE),
    "board_fits": Layer(("fitting", "program", "targets", "codegen")),
    "project": Layer((*BELOW_PIPELINE, *AROUND_PIPELINE, "pipeline")),
    "feasibility": Layer((*BELOW_PIPELINE, *AROUND_PIPELINE, "pipeline")),
    "exporting": Layer((*BELOW_PIPELINE, *AROUND_PIPELINE, "pipeline")),
    "api": Layer(
        (*BELOW_SEARCH, "verifying", "feasibility", "exporting"), ("numpy",), ("torch", "sklearn")
    ),
    "search": Layer(BELOW_SEARCH, ("joblib", "numpy")),
    "campaign": Layer((*BELOW_SEARCH, "search"), ("joblib", "numpy")),
    "report": Layer(
        (*BELOW_SEARCH, *AFTER_PIPELINE, "search", "campaign"),
        ("matplotlib", "jinja2", "numpy"),
        ("PIL",),
    ),
    "cli": Layer(EVERYTHING, ("typer", "rich", "numpy"), ("click", "torch")),
}


@dataclass(frozen=True)
class Import:
    """One imported name, where it stands and whether it runs only when a function is called."""

    name: str  # "numpy", "pyexport.ir.Graph"; starts with "." if relative
    line: int
    inside: bool


def find_imports(tree: ast.AST, inside: bool = False) -> Iterator[Import]:
    """Return every import of a module, and what stands for one:

    importlib.import_module("..."), and an attribute of the package (pyexport.ir).
    """
    for node in ast.iter_child_nodes(tree):
        deferred = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            deferred = True
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, inside)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for alias in node.names:
                yield Import(f"{base}.{alias.name}", node.lineno, inside)
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pyexport":
            yield Import(f"pyexport.{node.attr}", node.lineno, inside)
        elif isinstance(node, ast.Call) and node.args:
            called = ast.unparse(node.func)
            name = node.args[0]
            if called in ("importlib.import_module", "import_module", "__import__") and (
                isinstance(name, ast.Constant) and isinstance(name.value, str)
            ):
                yield Import(name.value, node.lineno, inside)
        yield from find_imports(node, deferred)


def fits(name: str, prefixes: tuple[str, ...]) -> bool:
    """Return whether a dotted name is one of the prefixes or lies below one."""
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def layer_of(module: str) -> str | None:
    """Return the key of LAYERS that holds for a module ("simulator.fast" -> "simulator")."""
    parts = module.split(".")
    keys = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((key for key in keys if key in LAYERS), None)


def violations(module: str, source: str) -> list[str]:
    """Return what a module (named below pyexport, "" for its __init__) imports against LAYERS."""
    key = layer_of(module)
    if key is None:
        return [f"pyexport.{module} is in no layer; add a row to LAYERS"]
    layer = LAYERS[key]
    folder = () if key.startswith("simulator.") else (key.split(".")[0],)
    own = ("errors", "__version__", key, *folder, *layer.own)
    found = []
    for item in find_imports(ast.parse(source)):
        top, _, rest = item.name.partition(".")
        if item.name.startswith("."):
            problem = "is relative; write it out from pyexport"
        elif top == "pyexport":
            allowed = not rest or fits(rest, own)
            problem = "" if allowed else f"is not below {key or 'pyexport'}"
        elif top in sys.stdlib_module_names or top in layer.anywhere:
            problem = ""
        elif top in layer.inside:
            problem = "" if item.inside else "belongs inside the function that needs it"
        else:
            problem = f"is foreign to {key or 'pyexport'}"
        if problem:
            found.append(f"pyexport.{module}:{item.line}: import of {item.name} {problem}")
    return found


def modules() -> list[tuple[str, Path]]:
    """Return every module of the package with its file, named below pyexport."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts)
        if name != "simulator.__init__":
            name = name.removesuffix("__init__").removesuffix(".")
        found.append((name, path))
    return found


@pytest.mark.parametrize(
    ("module", "path"), modules(), ids=[f"pyexport.{name}" for name, _ in modules()]
)
def test_imports_follow_the_layers(module: str, path: Path) -> None:
    assert violations(module, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("ir", "from .errors import UsageError"),
        ("passes.layout", "from . import fold_batchnorm"),
        ("scratch.engine", "import numpy"),
        ("scratch.engine", "def f():\n    import numpy as np"),
        ("codegen.render", "from pyexport.verify import suites"),
        ("codegen.render", "from pyexport import verify"),
        ("codegen.render", "import pyexport\npyexport.verify.run()"),
        ("frontends.torch_save", "import torch"),
        ("frontends.torch_save", "class A:\n    import torch.nn as nn"),
        ("simulator.definition", "import numpy as np"),
        ("simulator.definition", "from pyexport.simulator.fast import run"),
        ("simulator.plain", "from pyexport.artifact import read"),
        ("simulator.__init__", "from pyexport.simulator.fast import run"),
        ("lower.pack", "from pyexport.quantize.ptq import quantize"),
        ("targets.table", "import numpy"),
        ("runners.host", "from pyexport.simulator import definition"),
        ("runners.host", "def f():\n    return importlib.import_module('pyexport.verify')"),
        ("pipeline", "from pyexport import runners"),
        ("program", "if TYPE_CHECKING:\n    from pyexport.ir import Graph"),
        ("brand_new", "import os"),
        ("", "import numpy"),
    ],
)
def test_a_planted_violation_is_found(module: str, source: str) -> None:
    assert violations(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("frontends.torch_save", "def f():\n    import torch"),
        ("frontends.torch_save", "if TYPE_CHECKING:\n    import torch"),
        ("frontends.pt2", "from pyexport.frontends.archive import read\nimport numpy as np"),
        ("lower.pack", "from pyexport.quantize.bounds import Interval"),
        ("simulator.fast", "from pyexport import __version__\nfrom pyexport.ir import Graph"),
        ("simulator.plain", "from pyexport.simulator.definition import run"),
        ("describe", "import pyexport\nprint(pyexport.__version__)"),
        ("cli.export", "from pyexport import pipeline\nimport typer"),
        ("", "def __getattr__(name):\n    return importlib.import_module('pyexport.pipeline')"),
    ],
)
def test_a_rightful_import_is_let_through(module: str, source: str) -> None:
    assert violations(module, source) == []


def test_no_file_outgrows_its_idea() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for _, path in modules()
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 320
    }
    assert long == {}, "a file of more than about 300 lines holds two ideas"
