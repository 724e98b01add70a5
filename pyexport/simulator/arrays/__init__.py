"""The NumPy twins of the definition, one family of operators a file."""

from pyexport.integer.conv import QuantizedConv2d, QuantizedConvTranspose2d
from pyexport.integer.elementwise import QuantizedAdd, QuantizedConstant, QuantizedMul
from pyexport.integer.matmul import QuantizedMatMul
from pyexport.integer.normalize import QuantizedNormalize
from pyexport.integer.pool import (
    QuantizedAveragePool2d,
    QuantizedMaxPool2d,
    QuantizedReduce,
    QuantizedReduceMax,
)
from pyexport.integer.recurrent import QuantizedGru, QuantizedLstm
from pyexport.integer.shape import QuantizedConcat, QuantizedGather, QuantizedPad
from pyexport.integer.softmax import QuantizedArgmax, QuantizedLogSoftmax
from pyexport.integer.spiking import QuantizedEncode, QuantizedLif, QuantizedReadout
from pyexport.integer.table import QuantizedPRelu, QuantizedTable
from pyexport.ir import (
    Affine,
    Linear,
    Op,
    QuantizedAffine,
    QuantizedLinear,
    QuantizedSoftmax,
    Softmax,
)
from pyexport.simulator.arrays import (
    conv,
    elementwise,
    linear,
    matmul,
    normalize,
    pool,
    recurrent,
    shape,
    single,
    softmax,
    spiking,
    table,
)
from pyexport.simulator.arrays.base import Evaluate, Make

__all__ = ["EVALUATORS", "Evaluate", "Make"]

EVALUATORS: dict[type[Op], Make] = {
    QuantizedLinear: linear.linear,
    QuantizedAffine: linear.affine,
    QuantizedConv2d: conv.convolution,
    QuantizedConvTranspose2d: conv.convolution,
    QuantizedMaxPool2d: pool.max_pool2d,
    QuantizedAveragePool2d: pool.average_pool2d,
    QuantizedReduce: pool.reduce_sum,
    QuantizedReduceMax: pool.reduce_max,
    QuantizedLstm: recurrent.recurrent,
    QuantizedGru: recurrent.recurrent,
    QuantizedLif: spiking.lif,
    QuantizedEncode: spiking.encode,
    QuantizedReadout: spiking.readout,
    QuantizedNormalize: normalize.normalize,
    QuantizedMatMul: matmul.matmul,
    QuantizedAdd: elementwise.add,
    QuantizedMul: elementwise.mul,
    QuantizedConstant: elementwise.constant,
    QuantizedSoftmax: softmax.softmax,
    QuantizedLogSoftmax: softmax.log_softmax,
    QuantizedArgmax: softmax.argmax,
    QuantizedGather: shape.gather,
    QuantizedConcat: shape.concat,
    QuantizedPad: shape.pad,
    QuantizedTable: table.table,
    QuantizedPRelu: table.prelu,
    Linear: single.linear,
    Affine: single.affine,
    Softmax: single.softmax,
}
