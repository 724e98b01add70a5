"""What a kernel has to do for one inference, in counts that a table of costs gives a price each.

A count is told from the numbers that a step is specialized for, and from the share of the bytes it
reads that are not zero. `pyexport/targets/costs` holds the prices of every target.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pyexport.digits import Digits
from pyexport.integer.spiking import QuantizedLif
from pyexport.ir import Graph, Node
from pyexport.lower import call_work, lane_work, spike_work, window_work
from pyexport.lower.lane_work import blocks_of, outputs_of
from pyexport.lower.spike_work import EVERY_SPIKE, Spikes

Work = dict[str, float]  # name of a count -> how often
Params = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One node and how a kernel computes it."""

    node: Node
    graph: Graph
    params: Params
    macs: int  # products of one inference, or what takes as long
    density: float = 1.0  # share of what the node reads first that is not zero, each read counted
    reads: Digits | None = None  # of what it multiplies, on a core whose products are calls
    hidden: Digits | None = None  # of what a recurrent node reads again, likewise
    spikes: Spikes = EVERY_SPIKE  # that it reads first and makes first

    @property
    def inputs(self) -> int:
        """Elements of the first input."""
        return self.graph.tensor(self.node.inputs[0]).size if self.node.inputs else 0

    @property
    def outputs(self) -> int:
        """Elements of all outputs."""
        return sum(self.graph.tensor(name).size for name in self.node.outputs)


def work_of(kernel: str, job: Job) -> Work:
    """Return the counts of a job by name; a kernel without any of its own has general ones."""
    count = COUNTS.get(kernel, _general)
    work = count(job)
    if job.reads is not None and job.hidden is not None:
        seen = job.reads, job.hidden
        work |= call_work.products(kernel, job.node, job.params, work, seen)
    return {name: float(n) for name, n in work.items() if n}


def _general(job: Job) -> Work:
    return {
        "calls": 1,
        "outputs": job.outputs,
        "products": job.macs,
        "products of inputs other than 0": job.macs * job.density,
    }


def _sums(job: Job) -> Work:
    """Count a linear layer whose products all are made, output after output."""
    p = job.params
    n_out, n_in = p["n_out"], p["n_in"]
    return {
        "calls": 1,
        **outputs_of(p),
        f"rounds of {n_in % 4} left": n_out if n_in > 4 else 0,
        f"products{_short(n_in)}": n_out * n_in,
        "products of signed bytes": n_out * n_in if p.get("in_dtype") == "s8" else 0,
    }


def _short(n: int) -> str:
    return "" if n > 16 else f" of {n}" if n <= 4 else " of few"


def _lanes(job: Job) -> Work:
    """Count a linear layer with several sums in registers, a block of outputs at a time."""
    p = job.params
    n_in = p["n_in"]
    skips = bool(p.get("skips", 1))
    left = n_in % 4 if "block" in p else 0  # behind the last round of four: never skipped
    share = (job.density * (n_in - left) + left) / n_in if skips else 1.0
    kind = "" if skips else ", never skipped"
    work: Work = {"calls": 1, **outputs_of(p, kind)}
    for size in _blocks(p):
        words = -(-size // 2) if "block" in p else size
        wide = " of wide blocks" if size > 16 else ""
        _add(work, f"blocks{kind}", 1)
        _add(work, f"words of blocks{kind}", words)
        _add(work, f"inputs{wide}{kind}", n_in)
        _add(work, f"inputs other than 0{wide}{kind}", n_in * share if skips else 0)
        _add(work, f"words{wide}{kind}", n_in * share * words)
    return work


def _blocks(p: Params) -> list[int]:
    """Return how many outputs each block has."""
    if "blocks" in p:
        return [int(n) for n in str(p["blocks"]).split()]
    return blocks_of(p)


def _pairs(job: Job) -> Work:
    """Count a linear layer that makes all products, several at once, of inputs made ready first."""
    p = job.params
    n_in, n_out = p["n_in"], p["n_out"]
    return {
        "calls": 1,
        **outputs_of(p),
        "inputs": n_in,
        "products": n_in * n_out,
    }


def _add(work: Work, name: str, n: float) -> None:
    work[name] = work.get(name, 0.0) + n


def _reduced(job: Job) -> Work:
    p = job.params
    inner = "rows" if p["inner"] == 1 else "columns"
    return {
        "calls": 1,
        f"outer, {inner}": p["outer"],
        f"outputs, {inner}": job.outputs,
        f"inputs, {inner}": job.inputs,
    }


def _each(job: Job) -> Work:
    """Count what runs once for each output, in nested loops."""
    sizes = [int(n) for n in str(job.params.get("sizes", "")).split()]
    work: Work = {"calls": 1, "outputs": job.outputs}
    if len(sizes) > 1:
        work["inner loops"] = job.outputs / sizes[-1]
        work["outputs of nested loops"] = job.outputs
    return work


def _rows(job: Job) -> Work:
    """Count what runs over rows: a softmax, a normalization."""
    rows = job.params.get("rows", 1)
    return {"calls": 1, "rows": rows, "inputs": job.inputs}


def _matmul(job: Job) -> Work:
    return {"calls": 1, "outputs": job.outputs, "products": job.macs}


def _columns(job: Job) -> Work:
    p = job.params
    repeats = ", repeated" if p.get("columns") != p.get("n") else ""
    rounded = outputs_of({**p, "n_out": job.outputs}, repeats)
    return {"calls": 1, **rounded}


def _recurrent(job: Job) -> Work:
    p = job.params
    n, n_in, steps = p["n"], p["n_in"], p["steps"]
    gates = round(job.macs / max(steps * n * (n + n_in), 1))
    rows = steps * n * gates
    return {
        "calls": 1,
        "steps": steps,
        "units": steps * n,
        "gates of inputs" + ("" if p["shift_x"] else ", own"): rows,
        "gates of the state" + ("" if p["shift_h"] else ", own"): rows,
        "products of inputs": rows * n_in,
        "products of signed bytes": rows * n_in if p["in_dtype"] == "s8" else 0,
        "products of the state": rows * n,
    }


def _slopes(job: Job) -> Work:
    p = job.params
    kind = ", 1 channel" if p["channels"] == 1 else ""
    signed = ", signed" if p["in_dtype"] == "s8" or p["in_zero"] else ""
    return {"calls": 1, f"rows{kind}": p["rows"], f"outputs{kind}{signed}": job.outputs}


def _concat(job: Job) -> Work:
    rows = job.params.get("rows", 1)
    return {
        "calls": 1,
        "rows": rows,
        "runs": rows * len(job.node.inputs),
        "outputs": job.outputs,
    }


def _pad(job: Job) -> Work:
    return {
        "calls": 1,
        "rows": job.inputs / max(job.graph.tensor(job.node.inputs[0]).shape[-1], 1),
        "inputs": job.inputs,
        "outputs": job.outputs,
    }


def _leaky(job: Job) -> Params:
    """Return the numbers of spiking neurons, and how many bits their leaks shift by, on average."""
    op = job.node.op
    bits = float(op.leak.mean()) if isinstance(op, QuantizedLif) and op.shift_leak else 0.0
    return {**job.params, "leak_bits": bits}


COUNTS: dict[str, Callable[[Job], Work]] = {
    "linear_q15x": _sums,
    "linear_q15x_shifts": _sums,
    "linear_q15x_ct": _sums,
    "linear_f32": _sums,
    "linear_swar16": _lanes,
    "linear_swar8": _lanes,
    "linear_bitserial16": lambda job: call_work.listed_digits(job.params, job.density, job.reads),
    "linear_bitmask16": lambda job: call_work.masked_digits(job.params),
    "linear_acc16": _lanes,
    "linear_list16": lambda job: lane_work.listed(job.params, job.density),
    "linear_ldi16": lambda job: lane_work.immediate(job.params, job.density),
    "linear_block32": lambda job: lane_work.singles(job.params, job.density),
    "linear_swar4": lambda job: lane_work.nibbles(job.params, job.density),
    "linear_q15x_s4": lambda job: lane_work.halves(job.params),
    "linear_smlad24": _pairs,
    "linear_smlad32": _pairs,
    "conv2d_q15x": lambda job: window_work.convolution(job.params),
    "conv2d_q15x_ct": lambda job: window_work.convolution(job.params),
    "conv2d_swar16": lambda job: window_work.lane_convolution(job.params, job.density),
    "conv2d_pool_swar16": lambda job: window_work.lane_convolution(job.params, job.density),
    "conv2d_tile_swar16": lambda job: lane_work.tiles(job.params, job.density, job.inputs),
    "depthwise_swar16": lambda job: lane_work.planes(job.params),
    "conv_transpose2d_q15x": lambda job: window_work.transposed(job.params, job.macs, job.outputs),
    "max_pool2d_ct": lambda job: window_work.pool(job.params),
    "max_pool2d": lambda job: window_work.pool(job.params),
    "average_pool2d_q15x": lambda job: window_work.pool(job.params),
    "reduce_q15x": _reduced,
    "reduce_max": _reduced,
    "argmax_u8": _reduced,
    "add_q15": _each,
    "mul_q15x": _each,
    "gather": _each,
    "table_u8": _each,
    "constant": _each,
    "prelu_q15": _slopes,
    "pad": _pad,
    "concat": _concat,
    "affine_q15x": _columns,
    "affine_q15x_shifts": _columns,
    "affine_f32": _columns,
    "softmax_q15": _rows,
    "softmax_rows_q15": _rows,
    "log_softmax_q15": _rows,
    "softmax_f32": _rows,
    "normalize_q14": _rows,
    "matmul_q15x": _matmul,
    "lstm_q15": _recurrent,
    "gru_q15": _recurrent,
    "lif_events": lambda job: spike_work.events(_leaky(job), job.spikes),
    "lif_avr16": lambda job: spike_work.events(_leaky(job), job.spikes),
    "lif_swar16": lambda job: spike_work.pairs(job.params, job.spikes),
    "lif_current": lambda job: spike_work.currents(_leaky(job), job.density, job.spikes),
    "lif_direct": lambda job: spike_work.currents(_leaky(job), job.density, job.spikes),
    "lif_direct16": lambda job: spike_work.direct_pairs(_leaky(job), job.density, job.spikes),
    "encode_rate": lambda job: spike_work.rate(job.params, job.spikes),
    "encode_latency": lambda job: spike_work.latency(job.params, job.spikes),
    "encode_delta": lambda job: spike_work.delta(job.params, job.spikes),
    "readout": lambda job: spike_work.readout(job.params, job.spikes),
}
