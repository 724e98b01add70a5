"""The operators of the IR as frozen dataclasses, float and integer, one family a file.

Images are (height, width, channels), sequences (steps, features); no shape has the batch in it.
"""

from pyexport.operators.activation import Activation, Clamp, PRelu
from pyexport.operators.base import Array, Op
from pyexport.operators.conv import Conv2d, ConvTranspose2d
from pyexport.operators.elementwise import Add, Affine, Constant, Mul, Sub
from pyexport.operators.inference import output_shapes
from pyexport.operators.linear import (
    Linear,
    MatMul,
    QuantizedAffine,
    QuantizedLinear,
    QuantizedSums,
)
from pyexport.operators.normalize import LayerNorm, LogSoftmax, QuantizedSoftmax, Softmax
from pyexport.operators.pool import AveragePool2d, MaxPool2d, Upsample2d
from pyexport.operators.recurrent import Gru, Lstm
from pyexport.operators.reduce import Argmax, Reduce
from pyexport.operators.shape import Concat, Identity, Pad, Permute, Reshape, Slice
from pyexport.operators.spiking import Encode, Lif, Readout
from pyexport.operators.windows import Windows

FLOAT_OPERATORS: tuple[type[Op], ...] = (
    Linear, MatMul, Conv2d, ConvTranspose2d, MaxPool2d, AveragePool2d, Upsample2d,
    Add, Sub, Mul, Constant, Affine, Clamp, Activation, PRelu,
    Reshape, Identity, Permute, Concat, Pad, Slice, Reduce, Argmax,
    Softmax, LogSoftmax, LayerNorm, Lstm, Gru, Encode, Lif, Readout,
)  # fmt: skip
INTEGER_OPERATORS: tuple[type[Op], ...] = (QuantizedLinear, QuantizedAffine, QuantizedSoftmax)

__all__ = [
    "FLOAT_OPERATORS", "INTEGER_OPERATORS", "Activation", "Add", "Affine", "Argmax", "Array",
    "AveragePool2d", "Clamp", "Concat", "Constant", "Conv2d", "ConvTranspose2d", "Encode", "Gru",
    "Identity", "LayerNorm", "Lif", "Linear", "LogSoftmax", "Lstm", "MatMul", "MaxPool2d", "Mul",
    "Op", "PRelu", "Pad", "Permute", "QuantizedAffine", "QuantizedLinear", "QuantizedSoftmax",
    "QuantizedSums", "Readout", "Reduce", "Reshape", "Slice", "Softmax", "Sub", "Upsample2d",
    "Windows", "output_shapes",
]  # fmt: skip
