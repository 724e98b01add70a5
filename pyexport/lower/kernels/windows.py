"""What pooling kernels share: how windows lie, and the tables of divisors."""

import numpy as np

from pyexport.integer.pool import QuantizedAveragePool2d, QuantizedMaxPool2d
from pyexport.ir import Graph, Node
from pyexport.lower.kernels.sums import Params, one_shift
from pyexport.lower.packing import plain_const
from pyexport.program import Const


def window_params(
    op: QuantizedMaxPool2d | QuantizedAveragePool2d, node: Node, graph: Graph
) -> Params:
    """Return the geometry of a pooling: sizes, kernel, stride, padding, and where it matters."""
    source, target = graph.tensor(node.inputs[0]), graph.tensor(node.outputs[0])
    dilation = op.dilation if isinstance(op, QuantizedMaxPool2d) else (1, 1)
    params: Params = (("channels", source.shape[2]),)
    for axis, name in enumerate(("height", "width")):
        size, count = source.shape[axis], target.shape[axis]
        params += (
            (name, size),
            (f"out_{name}", count),
            (f"kernel_{name}", op.kernel[axis]),
            (f"stride_{name}", op.stride[axis]),
            (f"dilation_{name}", dilation[axis]),
            (f"pad_{name}", op.pad[axis]),
        )
    last = [
        (target.shape[axis] - 1) * op.stride[axis] + op.kernel[axis] * dilation[axis]
        for axis in (0, 1)
    ]
    return (*params, ("far", max(last)))


def window_reads(node: Node, graph: Graph) -> int:
    """Return the bytes that a pooling reads, what it costs."""
    op = node.op
    assert isinstance(op, QuantizedMaxPool2d | QuantizedAveragePool2d)  # its kernels ask
    return op.kernel[0] * op.kernel[1] * graph.tensor(node.outputs[0]).size


def divisor_tables(name: str, op: QuantizedAveragePool2d) -> tuple[Const, ...]:
    """Return the divisors of rows and columns, and multipliers (and shifts) by divisor - 1."""
    places = op.divisors - 1
    by_divisor = np.zeros((2, int(op.divisors.max())), dtype=np.int32)
    by_divisor[0, places], by_divisor[1] = op.multiplier, 1
    by_divisor[1, places] = op.shift
    tables = (
        plain_const(f"{name}_rows", op.rows, "u16", "a window's divisor is its row's number"),
        plain_const(f"{name}_columns", op.columns, "u16", "times its column's"),
        plain_const(f"{name}_multiplier", by_divisor[0], "u16", "q15x, by divisor - 1"),
    )
    if one_shift(op.shift):
        return tables
    return *tables, plain_const(f"{name}_shift", by_divisor[1], "u8", "1..30, by divisor - 1")
