"""The definition, one family of operators a file: plain Python numbers, standard library only."""

from collections.abc import Callable, Sequence

from pyexport.simulator.exact import (
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
from pyexport.simulator.exact.base import Evaluated, Layer, PlainTensor

__all__ = ["LAYERS", "Evaluated", "Layer", "PlainTensor", "evaluate"]

# kind of the operator -> (its layer, the function that evaluates one on flat lists)
LAYERS: dict[str, tuple[type[Layer], Callable[..., Evaluated]]] = {
    "quantized_linear": (linear.LinearLayer, linear.linear),
    "quantized_affine": (linear.AffineLayer, linear.affine),
    "quantized_conv2d": (conv.Conv2dLayer, conv.conv2d),
    "quantized_conv_transpose2d": (conv.ConvTranspose2dLayer, conv.conv2d),
    "quantized_max_pool2d": (pool.MaxPool2dLayer, pool.max_pool2d),
    "quantized_average_pool2d": (pool.AveragePool2dLayer, pool.average_pool2d),
    "quantized_reduce": (pool.ReduceLayer, pool.reduce_sum),
    "quantized_reduce_max": (pool.ReduceMaxLayer, pool.reduce_max),
    "quantized_lstm": (recurrent.LstmLayer, recurrent.lstm),
    "quantized_gru": (recurrent.GruLayer, recurrent.gru),
    "quantized_lif": (spiking.LifLayer, spiking.lif),
    "quantized_encode": (spiking.EncodeLayer, spiking.encode),
    "quantized_readout": (spiking.ReadoutLayer, spiking.readout),
    "quantized_normalize": (normalize.NormalizeLayer, normalize.normalize),
    "quantized_matmul": (matmul.MatMulLayer, matmul.matmul),
    "quantized_add": (elementwise.AddLayer, elementwise.add),
    "quantized_mul": (elementwise.MulLayer, elementwise.mul),
    "quantized_constant": (elementwise.ConstantLayer, elementwise.constant),
    "quantized_softmax": (softmax.SoftmaxLayer, softmax.softmax),
    "quantized_log_softmax": (softmax.LogSoftmaxLayer, softmax.log_softmax),
    "quantized_argmax": (softmax.ArgmaxLayer, softmax.argmax),
    "quantized_gather": (shape.GatherLayer, shape.gather),
    "quantized_concat": (shape.ConcatLayer, shape.concat),
    "quantized_pad": (shape.PadLayer, shape.pad),
    "quantized_table": (table.TableLayer, table.table),
    "quantized_prelu": (table.PReluLayer, table.prelu),
    "linear": (single.FloatLinearLayer, single.linear),
    "affine": (single.FloatAffineLayer, single.affine),
    "softmax": (single.FloatSoftmaxLayer, single.softmax),
}


_FUNCTIONS = dict(LAYERS.values())


def evaluate(layer: Layer, inputs: Sequence[Sequence[int | float]]) -> Evaluated:
    """Return outputs and final sums of a layer for flat lists of bytes, one an input."""
    return _FUNCTIONS[type(layer)](layer, *inputs)
