"""Tells what one neuron does in one step: leak, current, reset, threshold, in hex too."""

from __future__ import annotations

import numpy as np

from pyexport.integer.membranes import leaked
from pyexport.integer.spiking import QuantizedLif
from pyexport.ir import Array, Graph, Node
from pyexport.simulator.arrays.spiking import State, step_of
from pyexport.simulator.fast import FastSimulator


def told_by_neuron(graph: Graph, node: Node, row: Array, index: int, actual: int) -> list[str]:
    """Return the lines of step index // n of neuron index % n, and what a device's membrane says.

    row (row size,) is the input of a model without states; actual: the membrane that the device
    tested.
    """
    op = node.op
    assert isinstance(op, QuantizedLif)  # the caller looked
    step, k = divmod(index, op.size)
    values, _ = FastSimulator(graph).values(row[None])
    before, after, tested, spike = _walked(op, graph, node, values[node.inputs[0]], step)
    threshold = int(op.threshold[k])
    sign = ">" if op.compare == "gt" else ">="
    u = int(before.u[0, k])
    kept = int(leaked(before.u[:, k], op.leak[k], op.shift_leak)[0])
    fired = u > threshold or (op.compare == "ge" and u == threshold)
    lines = [f"step {step}, neuron {k}: membrane {_hex(u)} before, of which the leak keeps {kept}"]
    if before.wait[0, k] > 0:
        lines[0] = (
            f"step {step}, neuron {k}: membrane {_hex(u)} waits {int(before.wait[0, k])} more"
        )
    elif fired and op.reset_delay and op.reset != "none":
        lines[0] += f"; it fired, so it is reset ({op.reset})"
    lines.append(
        f"current {int(after.current[0, k]):+d} makes {_hex(int(tested[0, k]))}; threshold "
        f"{_hex(threshold)}: {'a' if spike[0, k] else 'no'} spike ({sign})"
    )
    other = actual > threshold or (op.compare == "ge" and actual == threshold)
    lines.append(
        f"the device tests {_hex(actual)}, {actual - int(tested[0, k]):+d}: "
        f"{'a' if other else 'no'} spike"
    )
    return lines


def _walked(
    op: QuantizedLif, graph: Graph, node: Node, x: Array, last: int
) -> tuple[State, State, Array, Array]:
    """Return the neurons before and behind a step, what firing tested, and the spikes."""
    shape = graph.tensor(node.inputs[0]).shape
    rows = x.astype(np.float64).reshape(1, *shape) @ op.weight.T.astype(np.float64)
    currents = rows.astype(np.int64) * (1 << op.fraction) + op.bias
    zero = np.zeros((1, op.size), np.int64)
    state = before = State(zero, zero, zero)
    tested = spike = zero
    for step in range(last + 1):
        before = state
        state, spike, tested = step_of(
            op, state, currents if len(shape) == 1 else currents[:, step]
        )
    return before, state, tested, spike


def _hex(value: int) -> str:
    return f"{value} (0x{value & 0xFFFFFFFF:08X})"
