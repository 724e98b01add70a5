"""Opens files of weights without a graph: state_dicts, checkpoints, modules, safetensors.

What they lack comes from the user: --arch, --model, or model.toml beside the file.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from pyexport.errors import FileFormatError, UsageError
from pyexport.frontends.archive import Archive
from pyexport.frontends.loading import assemble
from pyexport.frontends.pickle_reader import read_pickle
from pyexport.frontends.pickle_values import Inert
from pyexport.frontends.sidecar import Sidecar
from pyexport.frontends.sniff import SAFETENSORS, STATE_DICT
from pyexport.frontends.weights import (
    Weights,
    add_architecture,
    weights_of_checkpoint,
    weights_of_safetensors,
)
from pyexport.ir import Graph, Model
from pyexport.untrusted import MAX_RANK, printable


@dataclass(frozen=True)
class Layers:
    """What the user says about the layers of a file of weights; at most one of the two."""

    arch: str | None = None  # "64-32r-16r-10"
    code: str | None = None  # "file.py:Net": a file of the user's, which is run
    input_shape: tuple[int, ...] | None = None  # of one example, batch first; goes with `code`
    trust: bool = False  # the file itself may be run: then each may stand alone

    def __post_init__(self) -> None:
        if self.arch is not None and self.code is not None:
            raise UsageError("--arch and --model both name the layers; use one")
        if self.input_shape is not None and self.code is None and not self.trust:
            raise UsageError(
                "--input says the shape for --model, e.g. --model net.py:Net --input 1,64"
            )

    def example_shape(self, sidecar: Sidecar) -> tuple[int, ...] | None:
        """Return the shape of one example, batch first: of --input, or as model.toml states it."""
        stated = sidecar.statements.input_shape
        return self.input_shape or (None if stated is None else (1, *stated))


def load_weight_file(
    kind: str, data: bytes, path: Path, where: str, layers: Layers, sidecar: Sidecar
) -> Model:
    """Return the model of a file of one of these kinds; nothing in it is run."""
    producer = "safetensors" if kind == SAFETENSORS else "torch.save"
    warnings: tuple[str, ...] = ()
    tree = None if kind == SAFETENSORS else read_pickle(Archive(data, where))
    module = module_of(tree, where) if kind not in (STATE_DICT, SAFETENSORS) else None
    if module is not None:
        from pyexport.frontends.stock_modules import lower_module

        if layers.arch is not None or (layers.code is not None and not layers.trust):
            raise UsageError(f"{where}: holds its layers itself; leave --arch and --model out")
        graph = lower_module(module, where)
    else:
        weights = (
            weights_of_safetensors(data, where)
            if kind == SAFETENSORS
            else weights_of_checkpoint(tree, where)
        )
        graph, warnings = _with_layers(weights, layers, sidecar, path, where)
    extras = sidecar.extras(graph)
    digest = hashlib.sha256(data).hexdigest()
    return assemble(graph, extras, printable(path.name), digest, producer, warnings)


def graph_of_tree(
    tree: object, layers: Layers, sidecar: Sidecar, path: Path, where: str
) -> tuple[Graph, tuple[str, ...]]:
    """Return the graph of a state_dict, or of a checkpoint that holds one, and the warnings."""
    return _with_layers(weights_of_checkpoint(tree, where), layers, sidecar, path, where)


def parse_input_shape(text: str | None) -> tuple[int, ...] | None:
    """Return the shape that --input states, "1,64" as (1, 64)."""
    if text is None:
        return None
    parts = text.split(",")
    sizes = tuple(int(p) for p in parts if p.isascii() and p.isdigit() and len(p) < 8)
    if len(sizes) != len(parts) or 0 in sizes or not 2 <= len(sizes) <= MAX_RANK:
        raise UsageError(f"--input {printable(text, 40)} is no shape; write batch first, e.g. 1,64")
    return sizes


def _with_layers(
    weights: Weights, layers: Layers, sidecar: Sidecar, path: Path, where: str
) -> tuple[Graph, tuple[str, ...]]:
    if layers.code is not None:
        from pyexport.frontends.user_model import build_user_model

        shape = layers.example_shape(sidecar)
        if shape is None:
            raise UsageError(
                f"{where}: --model needs the shape of one example: --input, batch first, e.g. "
                f"--input 1,64, or input.shape in {printable(path.with_suffix('.toml').name)}"
            )
        return build_user_model(layers.code, shape, weights, where)
    arch = layers.arch or sidecar.arch
    if arch is None:
        raise FileFormatError(_missing_layers(weights, path, where))
    return add_architecture(weights, arch, where), ()


def _missing_layers(weights: Weights, path: Path, where: str) -> str:
    """Return what a file without layers needs, with the sizes that its tensors show."""
    shapes = [a.shape for a in weights.tensors.values() if a.ndim == 2 and 0 not in a.shape]
    chained = weights.ordered and all(after[1] == before[0] for before, after in pairwise(shapes))
    example, inputs = "64-32r-10", 64
    if shapes and chained:
        sizes = [shapes[0][1], *(shape[0] for shape in shapes)]
        inputs = sizes[0]
        example = "-".join(map(str, sizes[:1])) + "".join(f"-{n}r" for n in sizes[1:-1])
        example += f"-{sizes[-1]}"
    kind = "a torch.save file" if weights.ordered else "a safetensors file"
    toml = printable(path.with_suffix(".toml").name)
    return (
        f"{where}: this is {kind} of weights and names only (a state_dict), without the layers; "
        f"say them with --arch {example} (r: ReLU), or arch in {toml}, or --model FILE.py:CLASS "
        f"--input 1,{inputs}, which runs that file"
    )


def module_of(tree: object, where: str) -> Inert | None:
    """Return the pickled module, alone or as the only one in a checkpoint."""
    if isinstance(tree, Inert):
        return tree
    found = [v for v in tree.values() if isinstance(v, Inert)] if isinstance(tree, dict) else []
    modules = [m for m in found if m.name.startswith("torch.nn.modules.")]
    if len(modules) > 1:
        raise FileFormatError(f"{where}: holds {len(modules)} models; save one model a file")
    return modules[0] if modules else None
