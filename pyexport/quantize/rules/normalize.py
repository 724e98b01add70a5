"""LayerNorm: a normalization to 16 bits, and an affine map of each column behind it."""

from dataclasses import replace

from pyexport.errors import QuantizationError, UnsupportedOperatorError
from pyexport.fixedpoint import INT32_MAX, round_shift_right
from pyexport.integer.normalize import (
    MAX_ROW,
    QuantizedNormalize,
    largest_sum,
    normalized_params,
)
from pyexport.ir import Affine, LayerNorm, Tensor
from pyexport.quantize.affine import quantize_affine
from pyexport.quantize.rules.base import Outcome, Request


def layer_norm(request: Request) -> Outcome:
    """Return the two integer nodes of a LayerNorm over the last axis."""
    op, node, (source,) = request.node.op, request.node, request.sources
    assert isinstance(op, LayerNorm)  # the registry asks for no other
    n = op.weight.size
    if op.weight.ndim != 1 or n > MAX_ROW:
        raise UnsupportedOperatorError(
            f"{request.title}: layer_norm over {op.weight.shape}; the int8 kernel takes the last "
            f"axis alone, of at most {MAX_ROW}; normalize that"
        )
    integer = _normalize(request, n, op.eps / source.scale**2)
    between = Tensor(f"{node.name}_normal", request.shape())
    params = normalized_params(integer, n)
    output = request.output_params(signed=True)
    affine = quantize_affine(request.title, Affine(op.weight, op.bias), params, output)
    nodes = (
        replace(node, name=between.name, op=integer, outputs=(between.name,)),
        replace(node, op=affine, inputs=(between.name,)),
    )
    return Outcome(nodes, {between.name: params, node.outputs[0]: output}, (between,))


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
