"""LSTM and GRU one step at a time: 1,000 steps of random input, on simulators, host and chips."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pyexport.ir import Array
from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.runners import open_runner
from pyexport.simulator import definition
from pyexport.simulator.fast import FastSimulator
from pyexport.simulator.plain import read_plain
from pyexport.verify.subject import header_interface
from scripts.evidence_topics.figures import Context, Figure, markdown_table
from scripts.recurrent_nets import N_IN, sequence_model

STEPS, HIDDEN = 1_000, 6
SHORT_TARGETS = ("host", "cortex-m0", "atmega328p")
TARGETS = (
    *("host", "host-sanitized", "cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33"),
    *("rv32imc", "wasm32", "atmega328p"),
)
# layers, and how much larger than usual their weights are: 8 drives every gate to its ends
NETS = (("gru", 1.0), ("lstm", 1.0), ("gru", 8.0), ("lstm", 8.0), ("lstm-gru", 2.0))
SHORT_NETS = (("gru", 8.0), ("lstm", 8.0))


@dataclass(frozen=True)
class Compared:
    """What the steps of one network gave."""

    net: str
    steps: int
    output_bytes: int  # compared on all targets, and in the definition
    sums: int
    differing: int  # bytes and sums that differ from the fast simulator
    whole: int  # bytes that differ from the export of whole sequences
    reached: tuple[tuple[str, int, int, int], ...]  # state, least, greatest, limit of its range
    inside: bool


def recurrent(context: Context) -> tuple[Figure, ...]:
    """Run sequences of 1,000 steps on every implementation, and watch the states."""
    results = []
    for kind, gain in SHORT_NETS if context.short else NETS:
        results.append(_compare(context, kind, gain))
        context.say(f"{results[-1].net}: {results[-1].steps} steps")
    targets = SHORT_TARGETS if context.short else TARGETS
    wrong = sum(r.differing for r in results)
    whole = sum(r.whole for r in results)
    compared = sum(r.output_bytes for r in results)
    sums = sum(r.sums for r in results)
    lines = [
        (r.net, name, f"{low:,}", f"{high:,}", f"-{limit:,}..{limit:,}")
        for r in results
        for name, low, high, limit in r.reached
    ]
    return (
        Figure(
            f"LSTM and GRU, {STEPS:,} steps of random input from a reset",
            "0 bytes and sums differ: definition, fast simulator, C",
            f"{wrong} of {compared:,} bytes and {sums:,} sums, on {', '.join(targets)}",
            wrong == 0,
        ),
        Figure(
            f"{STEPS:,} steps against one call with the whole sequence",
            "0 bytes differ",
            f"{whole} bytes differ",
            whole == 0,
        ),
        Figure(
            "states of LSTM and GRU",
            "never outside the proved range",
            "inside in every step" if all(r.inside for r in results) else "OUTSIDE",
            all(r.inside for r in results),
            markdown_table(("network", "state", "least", "greatest", "proved range"), lines),
        ),
    )


def _compare(context: Context, kind: str, gain: float) -> Compared:
    model = sequence_model(kind, steps=STEPS, gain=gain, n=HIDDEN, rows=2)
    export = export_model(model, ExportOptions("net", stream=True))
    folder = context.folder / f"recurrent-{kind}-{gain:g}"
    header, px, _ = export.write(folder)
    rows = _rows(1 if context.short else 3)
    fast = FastSimulator(export.artifact.graph, STEPS).trace(rows)
    assert fast.accumulators is not None  # trace() always returns them
    wrong, low, high, inside = _by_definition(px, rows, fast.outputs, fast.accumulators, export)
    interface = replace(header_interface(export.artifact, export.program), steps=STEPS)
    targets = SHORT_TARGETS if context.short else TARGETS
    for target in targets:
        traced = open_runner(target, header, interface).trace(rows)
        assert traced.accumulators is not None  # a trace run has them
        wrong += int((traced.outputs != fast.outputs).sum())
        wrong += int((traced.accumulators != fast.accumulators).sum())
    whole = export_model(model, ExportOptions("net")).artifact.graph
    ends = FastSimulator(whole).run(rows.reshape(-1, STEPS * N_IN))
    places = len(targets) + 1
    return Compared(
        net=f"{kind}, weights times {gain:g}",
        steps=len(rows),
        output_bytes=places * fast.outputs.size,
        sums=places * fast.accumulators.size,
        differing=wrong,
        whole=int((ends != fast.outputs[STEPS - 1 :: STEPS]).sum()),
        reached=tuple((name, low[name], high[name], limit) for name, limit in _limits(export)),
        inside=inside,
    )


def _by_definition(
    px: Path, rows: Array, outputs: Array, sums: Array, export: Export
) -> tuple[int, dict[str, int], dict[str, int], bool]:
    """Return what differs from the fast simulator, states included, and where the states went."""
    plain, memory = read_plain(px), None
    simulator = FastSimulator(export.artifact.graph)
    twin = simulator.reset()
    limits = dict(_limits(export))
    names = {state.read: state.name for state in export.artifact.graph.states}
    low, high = dict.fromkeys(limits, 0), dict.fromkeys(limits, 0)
    wrong, inside = 0, True
    for number, row in enumerate(rows):
        if number % STEPS == 0:
            memory, twin = None, simulator.reset()
        result = definition.run(plain, row.tolist(), memory)
        _, twin = simulator.step(row, twin)
        memory = result.memory
        wrong += int((np.array(result.outputs) != outputs[number]).sum())
        wrong += int((np.array(list(result.accumulators.values())) != sums[number]).sum())
        for read, values in memory.items():
            kept, name = np.array(values), names[read]
            wrong += int((kept != twin[read][0]).sum())
            low[name] = min(low[name], int(kept.min()))
            high[name] = max(high[name], int(kept.max()))
            inside &= bool(np.abs(kept).max() <= limits[name])
    return wrong, low, high, inside


def _limits(export: Export) -> list[tuple[str, int]]:
    """Return the states and the greatest magnitude that is proved for each."""
    found = []
    for state in export.artifact.graph.states:
        quant = export.artifact.graph.tensor(state.read).quant
        assert quant is not None  # states are integers
        found.append((state.name, quant.high))
    return found


def _rows(sequences: int) -> npt.NDArray[np.int8]:
    """Return 1 or 3 sequences: random bytes, such held for 50 steps each, and one side only."""
    random = np.random.default_rng(11)
    each = (STEPS, N_IN)
    held = np.repeat(random.integers(-128, 128, (STEPS // 50, N_IN)), 50, axis=0)
    kinds = [random.integers(-128, 128, each), held, random.integers(100, 128, each)]
    if sequences == 1:  # some of each
        kinds = [kinds[0][:400], held[:300], kinds[2][:300]]
    return np.concatenate(kinds[:3]).astype(np.int8)
