"""Integer linear layers on AVR whose weights are numbers in the code, where flash has the room."""

from __future__ import annotations

import numpy as np

from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels import linear_acc16
from pyexport.lower.kernels.linear_q15x import cost, quantized_linear
from pyexport.program import Step
from pyexport.targets import Target

MOST_FLASH = 0.8  # of the chip, for the code of all such layers: the rest is for the firmware
WEIGHT_BYTES = 8  # load, multiply, add, add with carry: 2 bytes each
INPUT_BYTES = 6  # in each block: load, test, branch
SUM_BYTES = 12  # load the bias, store the sum


def code_bytes(node: Node) -> int:
    """Return the bytes that a layer takes at most; products that outputs share save some."""
    weight = quantized_linear(node).weight
    return _code_bytes(int(np.count_nonzero(weight)), weight.shape[1], len(weight))


def step_code_bytes(step: Step) -> int:
    """Return the same of a step of a program; 0 of one with another kernel."""
    if step.kernel != KERNEL.name:
        return 0
    params = dict(step.params)
    weights = bytes.fromhex(str(params["weights"]))
    return _code_bytes(len(weights) - weights.count(0), int(params["n_in"]), int(params["n_out"]))


def _code_bytes(products: int, n_in: int, n_out: int) -> int:
    blocks = len(linear_acc16.block_sizes(n_out))
    return WEIGHT_BYTES * products + INPUT_BYTES * blocks * n_in + SUM_BYTES * n_out


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    if target is None or not linear_acc16.matches(node, graph, target):
        return False
    layers = [other for other in graph.nodes if linear_acc16.matches(other, graph, target)]
    return sum(map(code_bytes, layers)) <= MOST_FLASH * target.flash_bytes


def _lower(node: Node, graph: Graph) -> Lowered:
    op = quantized_linear(node)
    plain = linear_acc16.lowered(node, graph, skips=True)
    wrapped = [int(bias) & 0xFFFF for bias in op.bias]
    weights = (  # the code is what they make of it: two layers share none
        ("weights", op.weight.astype("<i1").tobytes().hex()),
        ("biases", " ".join(map(str, wrapped))),
    )
    return Lowered(
        consts=plain.consts[1:],  # of the tables only the multipliers are left
        params=(*plain.params, *weights),
        acc_low=plain.acc_low,
        acc_high=plain.acc_high,
        trace_size=plain.trace_size,
    )


KERNEL = Kernel(
    name="linear_ldi16",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=cost,
    template="ops/linear_ldi16.h.j2",
    goals=("speed",),
)
