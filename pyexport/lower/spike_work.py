"""What kernels of spiking layers have to do: their counts, by which neurons fire in which step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyexport.integer.spiking import SPIKES, QuantizedEncode, QuantizedLif
from pyexport.ir import Array, Graph
from pyexport.lower.spikes import WORD_BITS

Work = dict[str, float]
Params = dict[str, Any]
Firing = Mapping[str, Array]  # tensor of spikes -> share of rows, (steps, n), in which it has one


@dataclass(frozen=True, eq=False)
class Spikes:
    """Which spikes a kernel reads and makes: shares of rows, (steps, n); None: every one."""

    read: Array | None = None
    made: Array | None = None


EVERY_SPIKE = Spikes()


def most_firing(graph: Graph) -> Firing:
    """Return what fires at most, where that is less than everything in every step."""
    found = {}
    for node in graph.nodes:
        op, shape = node.op, graph.tensor(node.outputs[0]).shape if node.outputs else ()
        if isinstance(op, QuantizedEncode) and op.encoding == "latency":
            found[node.outputs[0]] = np.full(shape, 1.0 / (1 if op.stateful else op.steps))
        elif isinstance(op, QuantizedEncode) and op.encoding == "delta":
            found[node.outputs[0]] = np.full(shape, 0.5)  # a value rises or falls, not both
        elif isinstance(op, QuantizedLif) and op.refractory:
            spikes = -(-op.steps // (op.refractory + 1))
            found[node.outputs[0]] = np.full(shape, spikes / op.steps)
    return found


def spikes_of(inputs: tuple[str, ...], outputs: tuple[str, ...], firing: Firing) -> Spikes:
    """Return the spikes of a node that reads and makes these tensors."""
    return Spikes(*(firing.get(names[0]) if names else None for names in (inputs, outputs)))


def are_spikes(graph: Graph, tensor: str) -> bool:
    """Return whether a tensor holds spikes, (steps, n)."""
    found = graph.tensor(tensor)
    return found.quant == SPIKES and len(found.shape) == 2


def events(p: Params, spikes: Spikes) -> Work:
    """Count neurons that list the inputs that fired, a block of sums at a time."""
    steps, blocks = p["steps"], -(-p["n"] // p["size"])
    return {
        **_listed(p, spikes, blocks, p["size"]),
        **_neurons(p, spikes),
        "steps": steps,
        "blocks": steps * blocks,
        "sums of blocks": steps * blocks * p["size"],
    }


def pairs(p: Params, spikes: Spikes) -> Work:
    """Count neurons of which two share a word."""
    n, steps, size = p["n"], p["steps"], p["size"]
    couples, blocks = n // 2, -(-n // (2 * size))
    made = _made(p, spikes)
    either = float((1.0 - (1.0 - made[:, 0::2]) * (1.0 - made[:, 1::2])).sum())
    looks_back, _, mode = _reset(p)
    return {
        **_listed(p, spikes, blocks, size),
        "calls": 1,
        "steps": steps,
        "pairs started": couples,
        "blocks": steps * blocks,
        "sums of blocks": steps * blocks * size,
        f"pairs, {mode}": steps * couples,
        "pairs with own thresholds": steps * couples * (p["threshold"] == ""),
        f"pairs that fire, {mode}": either,
        "spikes looked back at": either if looks_back else 0,
        "spikes": float(made.sum()) if p["packed_out"] else 0,
        "pairs of membranes stored": steps * couples * bool(p["membranes_dtype"]),
        "pairs of spikes stored": 0 if p["packed_out"] else steps * couples,
    }


def currents(p: Params, density: float, spikes: Spikes) -> Work:
    """Count neurons that add up products of numbers in every step."""
    blocks = -(-p["n"] // p["size"])
    steps = 1 if p["direct"] else p["steps"]
    inputs = steps * blocks * p["n_in"]
    signed = p["in_dtype"] == "s8" and not p["direct"]  # no drawn network shows a difference once
    return {
        **_neurons(p, spikes),
        "steps": p["steps"],
        "blocks": steps * blocks,
        "sums of blocks": steps * blocks * p["size"],
        "inputs": inputs,
        "signed inputs": inputs if signed else 0,
        "inputs other than 0": inputs * density,
        "products": inputs * density * p["size"],
    }


def direct_pairs(p: Params, density: float, spikes: Spikes) -> Work:
    """Count neurons whose current is added up once, two sums in a word."""
    return currents({**p, "n": -(-p["n"] // 2)}, density, Spikes()) | _neurons(p, spikes)


def _listed(p: Params, spikes: Spikes, blocks: int, sums: int) -> Work:
    """Count the list of inputs that fired, and the columns that it names."""
    steps, n_in = p["steps"], p["n_in"]
    read = np.ones((steps, n_in)) if spikes.read is None else spikes.read
    found = float(read.sum())
    work: Work = {
        "events": found,
        "columns": found * blocks,
        "weights": found * blocks * sums,
    }
    if not p["packed_in"]:
        return work | {"inputs": steps * n_in}
    bits = WORD_BITS[p["mask_dtype"]]
    work["words of inputs"] = steps * -(-n_in // bits)
    if bits == WORD_BITS["u32"]:
        places = np.array([(i % bits).bit_count() for i in range(n_in)])
        work["halves left out"] = float((read @ places).sum())  # of a search for the lowest bit
    else:
        work["bits up to the last spike"] = _tested(read, bits)
    return work


def _tested(read: Array, bits: int) -> float:
    """Return how many bits a loop tests that ends behind a word's last one."""
    found = 0.0
    for start in range(0, read.shape[1], bits):
        none_behind = np.ones(len(read))
        for i in reversed(range(start, min(start + bits, read.shape[1]))):
            none_behind = none_behind * (1.0 - read[:, i])
            found += float((1.0 - none_behind).sum())
    return found


def _reset(p: Params) -> tuple[bool, bool, str]:
    """Return whether a reset looks at the step before, whether it acts now, and its name."""
    reset, delayed = p["reset"], bool(p["reset_delay"])
    looks_back = reset != "none" and (delayed or reset == "carry")
    acts = reset != "none" and not delayed
    return looks_back, acts, f"{reset}, delayed" if looks_back and delayed else reset


def _made(p: Params, spikes: Spikes) -> Array:
    return np.ones((p["steps"], p["n"])) if spikes.made is None else spikes.made


def _neurons(p: Params, spikes: Spikes) -> Work:
    """Count what neurons do once their inputs are added up."""
    n, steps = p["n"], p["steps"]
    all_steps, fired = steps * n, float(_made(p, spikes).sum())
    looks_back, acts, mode = _reset(p)
    by_factor = not p["shift_leak"] and p["leak"] not in ("0", str(1 << 15))
    own = p["leak"] == "" or (p["synaptic"] == "")
    once = n if p["direct"] else all_steps
    flags: dict[str, Any] = {
        "neurons whose leak is a factor": by_factor,
        "neurons with own leaks": own,
        "neurons with own thresholds": p["threshold"] == "",
        "neurons with synaptic currents": p["synaptic"] != "none",
        "neurons that wait": p["refractory"],
        "neurons that saturate": p["saturating"],
        "neurons of 32 bits": p["workspace_dtype"] == "s32" and not p["direct"],
        "spikes stored in bytes": not p["packed_out"],
    }
    work: Work = {name: all_steps if flag else 0 for name, flag in flags.items()}
    return work | {
        "calls": 1,
        "neurons started": n,
        f"neurons, {mode}": all_steps,
        "bits of leaks": 0 if by_factor else all_steps * p.get("leak_bits", 0.0),
        "biases": once if p["bias_dtype"] else 0,
        "bits of scaled sums": once * p["fraction"],
        f"spikes, {mode}": fired if looks_back or acts else 0,
        "spikes stored in words": fired if p["packed_out"] else 0,
    }


def rate(p: Params, spikes: Spikes) -> Work:
    """Count an encoder with an accumulator an input."""
    kind = ", in words" if p["packed_out"] else ""
    row = -(-p["n"] // WORD_BITS[p["mask_dtype"]]) if p["packed_out"] else p["n"]
    return {
        "calls": 1,
        f"inputs{kind}": p["n"],
        f"steps of inputs{kind}": p["n"] * p["steps"],
        f"spikes{kind}": float(_made(p, spikes).sum()),
        "words of spikes": p["steps"] * row if p["packed_out"] else 0,
    }


def latency(p: Params, spikes: Spikes) -> Work:
    """Count an encoder with one spike an input."""
    kind = ", in words" if p["packed_out"] else ""
    row = -(-p["n"] // WORD_BITS[p["mask_dtype"]]) if p["packed_out"] else p["n"]
    made = 1.0 * p["n"] if spikes.made is None else float(spikes.made.sum())
    return {
        "calls": 1,
        f"inputs{kind}": p["n"],
        f"spikes{kind}": made,
        f"elements{kind}": p["steps"] * row,
    }


def delta(p: Params, spikes: Spikes) -> Work:
    """Count an encoder that compares with the last event: rises first, then falls."""
    kind = ", in words" if p["packed_out"] else ""
    tested = 2 * p["steps"] * p["n"]
    made = tested / 2 if spikes.made is None else float(spikes.made.sum())
    return {
        "calls": 1,
        "steps": p["steps"],
        "references": p["n"],
        f"comparisons{kind}": tested,
        f"spikes{kind}": made,
    }


def readout(p: Params, spikes: Spikes) -> Work:
    """Count the scores of classes."""
    n, method = p["n"], p["method"]
    steps = 1 if method == "membrane_last" else p["steps"]
    counts = bool(p["counts"])
    read = n * p["steps"] if spikes.read is None else float(spikes.read.sum())
    kind = f"{method}, in words" if p["packed_in"] else method
    return {
        "calls": 1,
        f"classes, {kind}": n,
        f"steps of classes, {kind}": n * steps,
        "membranes of 32 bits": n * steps if p["in_dtype"] == "s32" else 0,
        f"spikes, {kind}": read if counts else 0,
    }
