"""The ONNX operators that are lowered, and the function of each."""

from __future__ import annotations

from pyexport.frontends.onnx import (
    activations,
    dense,
    elementwise,
    recurrent,
    reductions,
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
    "Expand": shapes.expand,
    "DepthToSpace": shapes.depth_to_space,
    "SpaceToDepth": shapes.space_to_depth,
    "LSTM": recurrent.lstm,
    "GRU": recurrent.gru,
}
