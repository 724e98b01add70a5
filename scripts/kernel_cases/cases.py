"""What exercises each kernel of the registry, by the kernel's name."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from pyexport.ir import QuantParams
from scripts.kernel_cases import elements, moves, narrow, pairs, recurrent, rows, sums, windows
from scripts.kernel_cases.bench import Bench
from scripts.kernel_cases.floats import FloatBench
from scripts.kernel_cases.spiking import SpikingBench

Branch = Callable[[Random, Bench], None]

BRANCHES: dict[str, Branch] = {
    "linear_q15x": sums.linear,
    "linear_q15x_shifts": sums.linear_shifts,
    "linear_q15x_ct": sums.any_linear,
    "linear_q15x_s4": sums.linear4,
    "linear_block32": sums.wide_linear,
    "linear_swar4": sums.narrow_linear4,
    "linear_swar16": sums.narrow_linear,
    "linear_swar8": sums.narrow_linear,
    "linear_acc16": sums.avr_linear,
    "linear_bitserial16": sums.narrow_linear,
    "linear_bitmask16": sums.narrow_linear,
    "linear_ldi16": sums.small_avr_linear,
    "linear_list16": sums.narrow_linear,
    "linear_smlad24": pairs.linear24,
    "linear_smlad32": pairs.linear32,
    "affine_q15x": sums.affine,
    "affine_q15x_shifts": sums.affine_shifts,
    "conv2d_q15x": sums.conv,
    "conv2d_q15x_ct": sums.conv,
    "conv2d_swar16": narrow.conv,
    "conv2d_pool_swar16": narrow.pooled_conv,
    "conv2d_tile_swar16": narrow.pooled_conv,
    "depthwise_swar16": narrow.depthwise_conv,
    "conv_transpose2d_q15x": sums.conv_transpose,
    "average_pool2d_q15x": windows.average_pool,
    "max_pool2d": windows.max_pool,
    "max_pool2d_ct": windows.max_pool,
    "reduce_q15x": windows.reduce,
    "reduce_max": windows.reduce_max,
    "add_q15": elements.add,
    "mul_q15x": elements.mul,
    "matmul_q15x": elements.matmul,
    "constant": elements.constant,
    "table_u8": elements.table,
    "prelu_q15": elements.prelu,
    "gather": moves.gather,
    "concat": moves.concat,
    "pad": moves.pad,
    "softmax_q15": rows.softmax,
    "softmax_rows_q15": rows.softmax_rows,
    "log_softmax_q15": rows.log_softmax,
    "argmax_u8": rows.argmax,
    "normalize_q14": rows.normalize,
    "lstm_q15": recurrent.lstm,
    "gru_q15": recurrent.gru,
}
# Kernels that are chosen for another goal than the usual one.
GOALS = {
    "linear_block32": ("speed", "balanced", "constant-time"),
    "linear_swar4": ("balanced", "constant-time"),
    "conv2d_swar16": ("speed", "balanced", "constant-time"),
    "conv2d_pool_swar16": ("speed", "balanced", "constant-time"),
    "conv2d_tile_swar16": ("speed",),
    "depthwise_swar16": ("speed", "balanced", "constant-time"),
    "linear_swar16": ("speed", "constant-time"),
    "linear_swar8": ("balanced",),
    "linear_ldi16": ("speed",),
    "linear_acc16": ("balanced", "constant-time"),  # on ATmega; elsewhere these take linear_swar16
    "linear_bitserial16": ("speed",),  # on rv32ec
    "linear_bitmask16": ("constant-time",),
    "linear_q15x_ct": ("constant-time",),
    "conv2d_q15x_ct": ("constant-time",),
    "max_pool2d_ct": ("constant-time",),
    "linear_list16": ("speed",),
    "linear_smlad24": ("speed", "constant-time"),
    "linear_smlad32": ("balanced", "constant-time"),
}
FLOATS = ("linear_f32", "affine_f32", "softmax_f32")  # one chain exercises all three
RAW = ("affine_q15x", "affine_q15x_shifts")  # read 16-bit inputs too
SPIKING = (  # in networks of their own, as their states and membranes are wide
    "encode_rate", "encode_latency", "encode_latency_step", "encode_delta",
    "lif_events", "lif_swar16", "lif_avr16", "lif_current", "lif_direct", "lif_direct16",
    "lif_bitserial", "lif_bitlist", "readout",
)  # fmt: skip
EXERCISED = (*BRANCHES, *FLOATS, *SPIKING)
MIXED = "all integer kernels"  # in one bench
RAW_INPUTS = (
    QuantParams("u16", 1.0, 0, 0, 65535),
    QuantParams("s16", 1.0, 0, -32768, 32767),
    QuantParams("s16", 1.0, 0, -1000, 12345),
)


def bench_of(kernel: str, random: Random, count: int) -> Bench | FloatBench | SpikingBench:
    """Return a bench with `count` cases of a kernel, of spiking layers with one or a few."""
    if kernel in SPIKING:
        return SpikingBench(random, kernel)
    if kernel == MIXED:
        return mixed_bench(random, tuple(name for name in BRANCHES if name not in GOALS), 1)
    if kernel in FLOATS:
        return FloatBench(random, count)
    raw = kernel in RAW and random.random() < 0.4
    bench = _raw_bench(random, kernel) if raw else Bench(random)
    if kernel in GOALS:
        bench.goal, bench.kernels = random.choice(GOALS[kernel]), (kernel,)
    if kernel == "argmax_u8" and random.random() < 0.25:
        rows.wide_argmax(random, bench)
        return bench
    for _ in range(count):
        BRANCHES[kernel](random, bench)
    return bench


def mixed_bench(random: Random, kernels: tuple[str, ...], count: int) -> Bench:
    """Return a bench with `count` cases of each of some integer kernels."""
    bench = Bench(random)
    for kernel in kernels:
        for _ in range(count):
            BRANCHES[kernel](random, bench)
    return bench


def _raw_bench(random: Random, kernel: str) -> Bench:
    """Return a bench that reads 16-bit numbers, as behind an analog-to-digital converter."""
    columns = random.choice([2, 3, 8] if kernel.endswith("_shifts") else [1, 2, 3, 8])
    shape = random.choice([(columns,), (3, columns)])
    return Bench(random, input_quant=random.choice(RAW_INPUTS), input_shape=shape)
