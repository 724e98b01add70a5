"""Turns a float Graph into the Graph of integers (or of float32) that a device evaluates."""

from pyexport.quantize.float32 import to_float32
from pyexport.quantize.front_end import with_front_end
from pyexport.quantize.lanes import quantize_in_lanes
from pyexport.quantize.ptq import quantize_int8

__all__ = ["quantize_in_lanes", "quantize_int8", "to_float32", "with_front_end"]
