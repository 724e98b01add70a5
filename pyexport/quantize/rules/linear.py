"""Linear layers, and affine maps of each column."""

import math

from pyexport.ir import Affine, Linear
from pyexport.quantize.affine import quantize_affine
from pyexport.quantize.linear import quantize_linear
from pyexport.quantize.rules.base import Outcome, Request, one
from pyexport.quantize.schemes import clamped_params, range_params


def linear(request: Request) -> Outcome:
    """Return the integer linear layer."""
    op = request.node.op
    assert isinstance(op, Linear)  # the registry asks for no other
    output = request.output_params(op.low, op.high, signed=op.low < 0)
    layer = quantize_linear(
        request.title,
        op,
        request.sources[0],
        output,
        per_channel=request.per_channel,
        narrow=request.is_narrow,
        bits=request.plan.weights.get(request.node.name, 8),
    )
    return one(request, layer.op, output, layer.warnings)


def affine(request: Request) -> Outcome:
    """Return the integer affine map."""
    op, node = request.node.op, request.node
    assert isinstance(op, Affine)  # the registry asks for no other
    seen = request.ranges[node.outputs[0]]
    # Both limits of a front end are what it is for; the rows may reach less.
    whole = node.inputs[0] in request.graph.inputs and math.isfinite(op.high - op.low)
    wanted = range_params(*((op.low, op.high) if whole else seen), signed=op.low < 0)
    output = clamped_params(wanted, op.low, op.high)
    return one(request, quantize_affine(request.title, op, request.sources[0], output), output)
