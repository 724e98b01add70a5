"""How each float operator becomes integers, one family a file, and the registry of the rules."""

from pyexport.ir import (
    Activation,
    Add,
    AveragePool2d,
    Clamp,
    Concat,
    Constant,
    Conv2d,
    ConvTranspose2d,
    Gru,
    Lstm,
    MaxPool2d,
    Mul,
    Op,
    Pad,
    Permute,
    PRelu,
    Reduce,
    Reshape,
    Slice,
    Sub,
    Upsample2d,
)
from pyexport.quantize.rules import conv, elementwise, pool, recurrent, shape, tables
from pyexport.quantize.rules.base import Outcome, Request, Rule

__all__ = ["RULES", "Outcome", "Request"]

RULES: dict[type[Op], Rule] = {
    Conv2d: conv.convolution,
    ConvTranspose2d: conv.convolution,
    MaxPool2d: pool.max_pool2d,
    AveragePool2d: pool.average_pool2d,
    Reduce: pool.reduction,
    Add: elementwise.add,
    Sub: elementwise.add,
    Mul: elementwise.mul,
    Constant: elementwise.constant,
    Lstm: recurrent.lstm,
    Gru: recurrent.gru,
    Permute: shape.gather,
    Slice: shape.gather,
    Upsample2d: shape.gather,
    Reshape: shape.gather,
    Concat: shape.concat,
    Pad: shape.pad,
    Clamp: tables.clamp,
    Activation: tables.activation,
    PRelu: tables.prelu,
}
