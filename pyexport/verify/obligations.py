"""Accumulators that a verification owes to every channel: where rounding, limits or widths turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyexport.integer.conv import QuantizedConv2d
from pyexport.ir import Array, Graph, Node, QuantizedAffine, QuantizedLinear, QuantParams
from pyexport.simulator.fast import trace_sizes

OBLIGED = (QuantizedLinear, QuantizedAffine, QuantizedConv2d)
WIDTHS = (32767, 32768, -32768, -32769)


@dataclass(frozen=True)
class Obligation:
    """One accumulator of one channel that some compared row should have."""

    node: str
    channel: int
    output: int  # flat index in the node's output: for a convolution in the middle of the image
    column: int  # of the trace of the whole graph
    acc: int
    kind: str  # why


@dataclass(frozen=True, eq=False)
class Window:
    """The inputs of one accumulator: acc = weight . x[places] + offset."""

    places: Array  # (n,), flat indices in the node's input
    weight: Array  # (n,), int64
    offset: int

    def span(self, low: Array, high: Array) -> tuple[int, int]:
        """Return the least and the greatest sum for inputs (whole tensor) between the limits."""
        down, up = low[self.places], high[self.places]
        ends = self.weight * down, self.weight * up
        return (
            int(np.minimum(*ends).sum()) + self.offset,
            int(np.maximum(*ends).sum()) + self.offset,
        )


def windows_of(node: Node, graph: Graph) -> list[tuple[int, Window]]:
    """Return the output index and the window of each channel of a layer that adds products up."""
    op, source = node.op, graph.tensor(node.inputs[0])
    if isinstance(op, QuantizedLinear):
        places = np.arange(source.size)
        rows = op.weight.astype(np.int64)
        return [(o, Window(places, rows[o], int(op.bias[o]))) for o in range(len(rows))]
    if isinstance(op, QuantizedAffine):
        return [
            (c, Window(np.array([c]), op.weight[c : c + 1].astype(np.int64), int(op.bias[c])))
            for c in range(len(op.weight))
        ]
    assert isinstance(op, QuantizedConv2d)  # callers ask for OBLIGED
    return _windows_of_conv(op, source.shape, graph.tensor(node.outputs[0]).shape, _quant(source))


def _windows_of_conv(
    op: QuantizedConv2d, source: Sequence[int], target: Sequence[int], quant: QuantParams
) -> list[tuple[int, Window]]:
    """Return each channel's window at the output in the middle; taps outside add the zero point."""
    height, width, channels = source
    out_height, out_width, n_out = target
    y, x = out_height // 2, out_width // 2
    _, kernel_height, kernel_width, per_group = op.weight.shape
    rows = y * op.stride[0] + np.arange(kernel_height) * op.dilation[0] - op.pad[0]
    columns = x * op.stride[1] + np.arange(kernel_width) * op.dilation[1] - op.pad[1]
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    found = []
    for o in range(n_out):
        first = o // (n_out // op.groups) * per_group
        at = (rows[:, None] * width + columns) * channels + first
        places = (at[:, :, None] + np.arange(per_group))[inside]
        weight = op.weight[o].astype(np.int64)
        offset = int(op.bias[o]) + quant.zero_point * int(weight[~inside].sum())
        window = Window(places.reshape(-1), weight[inside].reshape(-1), offset)
        found.append(((y * out_width + x) * n_out + o, window))
    return found


def obligations_of(graph: Graph) -> tuple[Obligation, ...]:
    """Return the obligations of all linear, affine and convolution layers, each sum once.

    Only sums that legal inputs of the layer itself could have are owed: its proved interval.
    """
    owed: list[Obligation] = []
    start = 0
    for node, size in zip(graph.nodes, trace_sizes(graph), strict=True):
        if isinstance(node.op, OBLIGED):
            owed += _of_node(node, graph, start)
        start += size
    return tuple(owed)


def _of_node(node: Node, graph: Graph, start: int) -> list[Obligation]:
    op, quant = node.op, _quant(graph.tensor(node.outputs[0]))
    assert isinstance(op, OBLIGED)  # callers filter
    low, high = limits_of(graph, node.inputs[0])
    owed = []
    for channel, (output, window) in enumerate(windows_of(node, graph)):
        least, most = window.span(low, high)
        scaling = int(op.multiplier[channel]), int(op.shift[channel]), op.pre_shift
        known: set[int] = set()
        for kind, acc in _wanted(scaling, quant, least, most):
            if least <= acc <= most and acc not in known:
                known.add(acc)
                owed.append(Obligation(node.name, channel, output, start + output, acc, kind))
    return owed


def by_places(
    owed: Sequence[Obligation], windows: dict[int, Window]
) -> list[tuple[Array, list[int]]]:
    """Return the numbers of obligations whose windows are the same inputs, together."""
    groups: dict[bytes, tuple[Array, list[int]]] = {}
    for number, obligation in enumerate(owed):
        places = windows[obligation.output].places
        groups.setdefault(places.tobytes(), (places, []))[1].append(number)
    return list(groups.values())


def limits_of(graph: Graph, name: str) -> tuple[Array, Array]:
    """Return the least and the greatest integer of each element of a tensor, (size,)."""
    tensor = graph.tensor(name)
    quant = _quant(tensor)
    return np.full(tensor.size, quant.low), np.full(tensor.size, quant.high)


def _wanted(
    scaling: tuple[int, int, int], quant: QuantParams, least: int, most: int
) -> list[tuple[str, int]]:
    """Return kinds and accumulators: some lie outside of least..most.

    out = floor((acc * numerator + half) / 2 / half): a tie is where the division is exact.
    """
    multiplier, shift, pre_shift = scaling
    numerator, half = multiplier << pre_shift, 1 << (15 + shift)
    wanted = [("zero", 0), ("one below zero", -1), ("one above zero", 1)]
    wanted += [(f"edge of 16 bits at {edge}", edge) for edge in WIDTHS]
    if not numerator:
        return wanted
    first, last = quant.low - quant.zero_point, quant.high - quant.zero_point
    # unclamped result at least r: acc * numerator >= (2 r - 1) * half
    edges = {
        r: -(-((2 * r - 1) * half) // numerator) for r in range(first, last + 2)
    }  # the least acc that rounds to r or more
    wanted += [
        ("last saturating below", edges[first] - 1),
        ("first value above the lower limit", edges[first]),
        ("last value below the upper limit", edges[last + 1] - 1),
        ("first saturating above", edges[last + 1]),
    ]
    ties = [(r, edges[r]) for r in range(first + 1, last + 1)]  # those that a limit does not hide
    for sign, name in ((-1, "negative"), (1, "positive")):
        inside = [(r, e) for r, e in ties if least < e <= most and e * sign > 0]
        if not inside:
            continue
        above = {e * numerator - (2 * r - 1) * half: e for r, e in inside}
        below = {(2 * r - 1) * half - (e - 1) * numerator: e - 1 for r, e in inside}
        if min(above) == 0:
            wanted.append((f"a tie, {name}", above.pop(0)))
        if above:
            wanted.append((f"nearest above a tie, {name}", above[min(above)]))
        wanted.append((f"nearest below a tie, {name}", below[min(below)]))
    return wanted


def _quant(tensor: object) -> QuantParams:
    quant = getattr(tensor, "quant", None)
    assert isinstance(quant, QuantParams)  # integer layers read and write integers
    return quant
