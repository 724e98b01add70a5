"""LayerNorm: a normalization to 16 bits, and an affine map of each column behind it."""

import math
from dataclasses import replace

from pyexport.errors import QuantizationError, UnsupportedOperatorError
from pyexport.fixedpoint import INT32_MAX, round_shift_right
from pyexport.integer.normalize import (
    MAX_ROW,
    QuantizedNormalize,
    largest_sum,
    normalized_params,
)
from pyexport.integer.shape import QuantizedGather
from pyexport.ir import Affine, LayerNorm, Tensor
from pyexport.quantize.affine import quantize_affine
from pyexport.quantize.rules.base import Outcome, Request


def layer_norm(request: Request) -> Outcome:
    """Return the two integer nodes of a LayerNorm, over several axes between two reshapes."""
    op, node, (source,) = request.node.op, request.node, request.sources
    assert isinstance(op, LayerNorm)  # the registry asks for no other
    n = op.weight.size
    if n > MAX_ROW:
        raise UnsupportedOperatorError(
            f"{request.title}: layer_norm over {n} values; the int8 kernel takes at most "
            f"{MAX_ROW}; normalize fewer axes"
        )
    shape = request.shape()
    rows = shape if op.weight.ndim == 1 else (math.prod(shape) // n, n)
    flat, between, result = (
        Tensor(f"{node.name}_{part}", rows) for part in ("flat", "normal", "result")
    )
    integer = _normalize(request, n, op.eps / source.scale**2)
    params = normalized_params(integer, n)
    output = request.output_params(signed=True)
    weights = Affine(op.weight.reshape(n), op.bias.reshape(n))
    affine = quantize_affine(request.title, weights, params, output)
    normal = replace(node, name=between.name, op=integer, outputs=(between.name,))
    weighted = replace(node, op=affine, inputs=(between.name,))
    known = {between.name: params, node.outputs[0]: output}
    if rows == shape:
        return Outcome((normal, weighted), known, (between,))
    reshape = QuantizedGather((math.prod(shape),), (1,), 0, "reshape")
    nodes = (
        replace(node, name=flat.name, op=reshape, outputs=(flat.name,)),
        replace(normal, inputs=(flat.name,)),
        replace(weighted, outputs=(result.name,)),
        replace(node, name=result.name, op=reshape, inputs=(result.name,)),
    )
    known |= {flat.name: source, result.name: output}
    return Outcome(nodes, known, (flat, between, result))


def _normalize(request: Request, n: int, eps: float) -> QuantizedNormalize:
    """Return the normalization; eps is in squared input steps."""
    down = 0
    while round_shift_right(255 * n, down) >= 1 << 13:
        down += 1
    for square in range(16):
        epsilon = max(1.0, eps * n * (n / 2.0**down) ** 2 / 2.0**square)
        if epsilon < INT32_MAX and largest_sum(n, down, square, round(epsilon)) <= INT32_MAX:
            return QuantizedNormalize(down, square, round(epsilon))
    raise QuantizationError(
        f"{request.title}: eps is far above what its inputs vary; lower it, or scale them up"
    )
