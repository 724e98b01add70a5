"""Counts other implementations of the networks, by the emulators and on the inputs that count ours.

Plain int8 C is always there; emlearn where its package is installed. Another library is given by a
folder: for each network NAME.h, which has NAME_predict(const uint8_t *in, int8_t *out) and may
include what lies beside it. The class of an input is that of the greatest output. Nothing of other
libraries is kept here.
"""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyexport.artifact import quantize_inputs
from pyexport.ir import Array
from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.runners.compilers import find_compiler
from pyexport.simulator.fast import FastSimulator
from pyexport.targets import get_target
from pyexport.verify.subject import header_interface
from scripts.benchmark_emlearn import write_emlearn
from scripts.benchmark_models import Network
from scripts.benchmark_peers import PeerCount
from scripts.benchmark_plain import plain_c
from scripts.benchmark_search import without_zeros
from scripts.cost_cases.batch import Case, count_cases

PLAIN, EMLEARN = "plain int8 C", "emlearn"
LEVELS = ("-Os", "-O3")  # of GNU's compiler; the better one counts
FEW = 4  # samples without any 0
_MAIN = """#include <stdio.h>
#include "{name}.h"
int main(void)
{{
    uint8_t in[{inputs}];
    {ctype} out[{outputs}];
    while (fread(in, 1, sizeof in, stdin) == sizeof in) {{
        {name}_predict(in, out);
        fwrite(out, 1, sizeof out, stdout);
    }}
    return 0;
}}
"""


@dataclass(frozen=True, eq=False)
class Peer:
    """Another implementation of one network, as a folder with NAME.h."""

    name: str
    folder: Path
    exact: bool = False  # it must give the bytes of the simulator
    tables: int = 0  # bytes beside the code, where they are known


def count_peer(network: Network, target: str, peer: Peer) -> PeerCount:
    """Return what a peer needs; raises ValueError if it computes something else than it should."""
    export = export_model(network.model, ExportOptions(network.name, weights=network.weights))
    share = right(network, export, peer)
    dense = without_zeros(network.samples)[:FEW]
    rows = np.concatenate([network.samples, dense])
    interface = header_interface(export.artifact, export.program)
    header = (peer.folder / f"{network.name}.h").read_text(encoding="utf-8")
    found = []
    for level in LEVELS:
        case = Case(header, interface, rows)
        (one,) = count_cases(target, [case], (level, "-w"), peer.folder)
        found.append((float(np.mean(one.counts[: len(network.samples)])), level, one))
    mean, level, one = min(found, key=lambda item: item[0])
    built = find_compiler(get_target(target).gcc).version
    return PeerCount(
        network.name, target, peer.name, f"{built} {level}", round(mean, 1), max(one.counts),
        round(mean / network.macs, 3), one.image, one.ram, one.stack, share,
    )  # fmt: skip


def plain_peer(network: Network, folder: Path) -> Peer:
    """Write the integer network of the goal size as plain C."""
    export = export_model(network.model, ExportOptions(network.name, weights=network.weights))
    folder.mkdir(parents=True, exist_ok=True)
    text = plain_c(export.artifact.graph, network.name)
    (folder / f"{network.name}.h").write_text(text, encoding="utf-8")
    return Peer(PLAIN, folder, exact=True)


def emlearn_peer(network: Network, folder: Path) -> Peer | None:
    """Write what emlearn makes of a network of linear layers; None for any other network."""
    folder.mkdir(parents=True, exist_ok=True)
    version = write_emlearn(network, folder)
    return None if version is None else Peer(f"{EMLEARN} {version}, float", folder)


def right(network: Network, export: Export, peer: Peer) -> str:
    """Return how many evaluation rows a peer classifies rightly, run on this computer."""
    data = network.model.metadata.evaluation
    assert data is not None and data.targets is not None  # networks are stored with them
    rows = np.asarray(quantize_inputs(export.artifact, data), np.uint8)
    outputs = _run(network, export, peer.folder, rows)
    wanted = FastSimulator(export.artifact.graph).run(rows) if peer.exact else outputs
    if not np.array_equal(outputs, wanted):
        raise ValueError(f"{peer.name}, network {network.name}: bytes differ")
    share = float(np.mean(outputs.argmax(axis=1) == np.asarray(data.targets).ravel()))
    return f"{100 * share:.2f} %"


def _run(network: Network, export: Export, folder: Path, rows: Array) -> Array:
    target = export.artifact.graph.output
    assert target.quant is not None  # an integer graph
    ctype = {"u8": "uint8_t", "s8": "int8_t"}[target.quant.dtype]
    with tempfile.TemporaryDirectory(prefix="pyexport-") as name:
        main = Path(name) / "main.c"
        text = _MAIN.format(
            name=network.name, inputs=rows.shape[1], outputs=target.size, ctype=ctype
        )
        main.write_text(text, encoding="utf-8")
        binary = Path(name) / "peer"
        command = ["gcc", "-O2", "-w", "-std=c99", f"-I{folder}", str(main), "-o", str(binary)]
        subprocess.run([*command, "-lm"], check=True, timeout=300)
        ran = subprocess.run([binary], input=rows.tobytes(), capture_output=True, check=True)
    dtype = np.uint8 if ctype == "uint8_t" else np.int8
    return np.frombuffer(ran.stdout, dtype).reshape(len(rows), -1)
