"""Tells what a convolution's wrong sums have in common: a product, an input, a weight or a bias.

Products are those of the kernels: of inputs less their zero point where padding is read, else of
inputs as they are, as the bias holds the zero point.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pyexport.integer.conv import QuantizedConv2d
from pyexport.ir import Array, Graph, Node
from pyexport.simulator.fast import FastSimulator
from pyexport.simulator.reads import taken_off

MOST_SUMS = 512  # wrong ones that are looked at
MOST_NAMED = 3  # taps that explain them equally well
PARTS: tuple[tuple[str, tuple[int, ...]], ...] = (  # of a window, and the axes summed up for them
    ("", ()),
    ("kernel row", (2, 3)),
    ("kernel column", (1, 3)),
    ("input channel", (1, 2)),
    ("the whole window", (1, 2, 3)),
)
NEXT = [(r, c, 0) for r in (-1, 0, 1) for c in (-1, 0, 1) if r or c] + [(0, 0, -1), (0, 0, 1)]


@dataclass(frozen=True, eq=False)
class Windows:
    """A convolution on some rows, and by how much each of its sums is off."""

    op: QuantizedConv2d
    values: Array  # (n, height, width, channels): what it multiplies, padded with 0
    off: Array  # (n, windows down, windows across, n_out)

    @staticmethod
    def of(graph: Graph, node: Node, rows: Array, off: Array) -> Windows:
        """Return the windows of a node on rows of inputs; off: (n, sums of the node)."""
        assert isinstance(node.op, QuantizedConv2d)  # the caller looked
        source, target = graph.tensor(node.inputs[0]), graph.tensor(node.outputs[0])
        values, _ = FastSimulator(graph).values(rows)
        image = values[source.name].astype(np.int64).reshape(len(rows), *source.shape)
        top, left, bottom, right = node.op.pad
        # one more on every side: a tap that reads beside its place may read there
        around = ((0, 0), (top + 1, bottom + 1), (left + 1, right + 1), (0, 0))
        padded = np.pad(image - taken_off(node, graph), around)
        return Windows(node.op, padded, off.reshape(len(rows), *target.shape))

    @property
    def wrong(self) -> Array:
        """Row, window and channel of sums that are off, (n, 4)."""
        return np.asarray(np.argwhere(self.off)[:MOST_SUMS])

    def read(self, move: tuple[int, int, int] = (0, 0, 0)) -> Array:
        """Return what each tap of the wrong sums reads, (n, rows, columns, channels of a group).

        move: from the right place to the one that is read, in rows, columns and channels.
        """
        n, y, x, o = self.wrong.T
        op, (_, height, width, channels) = self.op, self.values.shape
        _, rows, columns, group = op.weight.shape
        first = o // (len(op.weight) // op.groups) * group
        down = y[:, None] * op.stride[0] + np.arange(rows) * op.dilation[0] + 1 + move[0]
        across = x[:, None] * op.stride[1] + np.arange(columns) * op.dilation[1] + 1 + move[1]
        deep = (first[:, None] + np.arange(group) + move[2]) % channels
        read: Array = self.values[
            n[:, None, None, None],
            np.minimum(down, height - 1)[:, :, None, None],
            np.minimum(across, width - 1)[:, None, :, None],
            deep[:, None, None, :],
        ]
        return read

    def read_by(self, tap: Array, channel: int) -> Array:
        """Return what a tap of a channel reads in every window, (n, windows down, across)."""
        row, column, deep = (int(i) for i in tap)
        op, (_, down, across, n_out) = self.op, self.off.shape
        first = channel // (n_out // op.groups) * op.weight.shape[3]
        lines = np.arange(down) * op.stride[0] + row * op.dilation[0] + 1
        columns = np.arange(across) * op.stride[1] + column * op.dilation[1] + 1
        read: Array = self.values[:, lines[:, None], columns, first + deep]
        return read


def place_of(index: int, shape: tuple[int, ...]) -> str:
    """Return where a value of an image lies: "channel 3 at row 2, column 5"."""
    row, column, channel = (int(i) for i in np.unravel_index(index, shape))
    return f"channel {channel} at row {row}, column {column}"


def told_by_windows(graph: Graph, node: Node, rows: Array, off: Array) -> str:
    """Return what explains all sums of a convolution that are off; "" if no single thing does.

    rows are inputs of the model; off (n, sums of the node) says by how much each sum is off.
    """
    windows = Windows.of(graph, node, rows, off)
    wrong = windows.wrong
    if not len(wrong):
        return ""
    text = _bias(windows) or _input(windows, graph, node)
    if text:
        return text
    amount = windows.off[tuple(wrong.T)]
    weight = windows.op.weight.astype(np.int64)[wrong[:, 3]]
    value = windows.read()
    for change, text in _changes(windows, weight, value):
        for name, axes in PARTS:
            parts = change.sum(axis=axes, keepdims=True)
            places = np.argwhere((parts == amount[:, None, None, None]).all(axis=0))
            if not len(places):
                continue
            if name:
                which = "" if len(axes) == 3 else f" {int(places[0].max())}"
                return text.format(f"{name}{which}")
            taps = [_tap(windows, tap, weight, value) for tap in places[:MOST_NAMED]]
            more = f" (or {len(places) - MOST_NAMED} others)" if len(places) > MOST_NAMED else ""
            return text.format(" or ".join(taps) + more)
    return _weight(windows, weight, value, amount)


def _changes(windows: Windows, weight: Array, value: Array) -> Iterator[tuple[Array, str]]:
    """Return by how much each mistake of a tap changes its sum, (n, rows, columns, channels)."""
    yield -weight * value, "as if without {}"
    yield weight * value, "as if {} were added twice"
    for move in NEXT:
        yield weight * (windows.read(move) - value), f"as if {{}} read {_moved(move)}"


def _weight(windows: Windows, weight: Array, value: Array, amount: Array) -> str:
    """Return the one weight whose change explains all, which are of one channel then.

    It explains the right sums too: where they lie, what it is multiplied by is 0.
    """
    channels = set(windows.wrong[:, 3].tolist())
    if len(channels) > 1:
        return ""
    channel = channels.pop()
    each = amount[:, None, None, None] // np.where(value == 0, 1, value)
    holds = (value * each == amount[:, None, None, None]) & (each == each[:1])
    taps = np.argwhere(holds.all(axis=0))
    if not len(taps):
        return ""
    taps = taps[np.argsort([abs(int(each[0][tuple(tap)])) for tap in taps], kind="stable")]
    for tap in taps:
        change = int(each[0][tuple(tap)])
        if np.array_equal(windows.read_by(tap, channel) * change, windows.off[..., channel]):
            place = _tap(windows, tap, weight, value)
            return f"as if {change:+d} were added to the weight of {place}"
    return ""


def _bias(windows: Windows) -> str:
    """Return the channel whose sums are all off by the same, in all windows of all rows."""
    channels = np.flatnonzero(windows.off.any(axis=(0, 1, 2)))
    amounts = windows.off[..., channels[0]]
    if len(channels) > 1 or amounts.size < 2 or not (amounts == amounts.flat[0]).all():
        return ""
    return f"as if the bias of channel {channels[0]} were {int(amounts.flat[0]):+d} off"


def _input(windows: Windows, graph: Graph, node: Node) -> str:
    """Return the one value whose change explains every sum, in each row with wrong ones."""
    rows_off = windows.off[windows.off.any(axis=(1, 2, 3))]
    off, op = rows_off[0], windows.op
    y, x, o = np.argwhere(off)[0]
    _, rows, columns, group = op.weight.shape
    each = len(op.weight) // op.groups
    source = graph.tensor(node.inputs[0])
    for r, c, k in np.ndindex(rows, columns, group):
        weight = int(op.weight[o, r, c, k])
        at = (
            int(y * op.stride[0] + r * op.dilation[0] - op.pad[0]),
            int(x * op.stride[1] + c * op.dilation[1] - op.pad[1]),
            int(o // each * group + k),
        )
        inside = all(0 <= i < size for i, size in zip(at, source.shape, strict=True))
        if not weight or int(off[y, x, o]) % weight or not inside:
            continue
        change = int(off[y, x, o]) // weight
        spread = _spread(op, off.shape, at)
        if all(np.array_equal(row[y, x, o] // weight * spread, row) for row in rows_off):
            before = next((n.name for n in graph.nodes if source.name in n.outputs), "the input")
            place = f"channel {at[2]} at row {at[0]}, column {at[1]}"
            return f"as if what it reads of {before}, {place}, were {change:+d} off"
    return ""


def _spread(op: QuantizedConv2d, shape: tuple[int, ...], at: tuple[int, int, int]) -> Array:
    """Return by how much each sum grows with one value of the input, (down, across, n_out)."""
    spread = np.zeros(shape, np.int64)
    _, rows, columns, group = op.weight.shape
    each = len(op.weight) // op.groups
    outputs = np.arange(at[2] // group * each, (at[2] // group + 1) * each)
    for r, c in np.ndindex(rows, columns):
        down = at[0] + op.pad[0] - r * op.dilation[0]
        across = at[1] + op.pad[1] - c * op.dilation[1]
        y, x = down // op.stride[0], across // op.stride[1]
        if down % op.stride[0] or across % op.stride[1]:
            continue
        if 0 <= y < shape[0] and 0 <= x < shape[1]:
            spread[y, x, outputs] += op.weight[outputs, r, c, at[2] % group]
    return spread


def _moved(move: tuple[int, int, int]) -> str:
    """Return in words where a tap reads."""
    names = (("row above", "row below"), ("column before", "column after"))
    told = [names[i][step > 0] for i, step in enumerate(move[:2]) if step]
    told += ["channel after" if move[2] > 0 else "channel before"] if move[2] else []
    return "the value of the " + " and the ".join(told)


def _tap(windows: Windows, tap: Array, weight: Array, value: Array) -> str:
    """Return where a tap is, and its product in the first wrong sum."""
    row, column, channel = (int(i) for i in tap)
    deep = f", channel {channel}" if windows.op.weight.shape[3] > 1 else ""
    w, v = int(weight[0, row, column, channel]), int(value[0, row, column, channel])
    return f"the tap of row {row}, column {column}{deep} ({w} * {v} = {w * v})"
