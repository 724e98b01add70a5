"""The ONNX operators that are lowered, and the function of each."""

from __future__ import annotations

from pyexport.frontends.onnx import (
    activations,
    dense,
    elementwise,
    recurrent,
    reductions,
    repeats,
    resize,
    shapes,
    windows,
)
from pyexport.frontends.onnx.activations import Handler

OPERATORS: dict[str, Handler] = {
    **activations.HANDLERS,
    **reductions.HANDLERS,
    "Gemm": dense.gemm,
    "MatMul": dense.matmul,
    "BatchNormalization": dense.batch_normalization,
    "Add": elementwise.add,
    "Sub": elementwise.sub,
    "Mul": elementwise.mul,
    "Div": elementwise.div,
    "Neg": elementwise.neg,
    "Sum": elementwise.total,
    "Mean": elementwise.mean,
    "Pow": elementwise.power,
    "Max": elementwise.limit("max"),
    "Min": elementwise.limit("min"),
    "Conv": windows.conv,
    "ConvTranspose": windows.conv_transpose,
    "MaxPool": windows.max_pool,
    "AveragePool": windows.average_pool,
    "Resize": resize.resize,
    "Reshape": shapes.reshape,
    "Flatten": shapes.flatten,
    "Squeeze": shapes.squeeze,
    "Unsqueeze": shapes.unsqueeze,
    "Transpose": shapes.transpose,
    "Concat": shapes.concat,
    "Split": shapes.split,
    "Slice": shapes.take_slice,
    "Gather": shapes.gather,
    "Pad": shapes.pad,
    "Expand": repeats.expand,
    "Tile": repeats.tile,
    "DepthToSpace": repeats.depth_to_space,
    "SpaceToDepth": repeats.space_to_depth,
    "LSTM": recurrent.lstm,
    "GRU": recurrent.gru,
}

_MANY = 1_000
# How many inputs an operator has, at least and at most, in the opsets that are read; others have 1.
INPUTS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(
        ("Add", "Div", "Expand", "Gather", "MatMul", "Mul", "PRelu", "Pow", "Reshape", "Sub",
         "Tile", "Unsqueeze"),
        (2, 2),
    ),
    **dict.fromkeys(("ReduceMax", "ReduceMean", "ReduceSum", "Split", "Squeeze"), (1, 2)),
    **dict.fromkeys(("Clip", "Dropout"), (1, 3)),
    **dict.fromkeys(("Conv", "ConvTranspose", "Gemm", "LayerNormalization"), (2, 3)),
    **dict.fromkeys(("Concat", "Max", "Mean", "Min", "Sum"), (1, _MANY)),
    "BatchNormalization": (5, 5),
    "GRU": (3, 6),
    "LSTM": (3, 8),
    "Pad": (2, 4),
    "Resize": (1, 4),
    "Slice": (3, 5),
}  # fmt: skip
