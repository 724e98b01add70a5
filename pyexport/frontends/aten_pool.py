"""Lowers pooling, adaptive pooling and nearest upsampling from ATen."""

from __future__ import annotations

from pyexport.errors import UnsupportedModelError, UnsupportedOperatorError
from pyexport.frontends.aten_table import Handler, Table, table
from pyexport.frontends.channels import on_image
from pyexport.frontends.graph_builder import Value
from pyexport.frontends.lowering import Lowering
from pyexport.frontends.pt2 import Call
from pyexport.ir import AveragePool2d, MaxPool2d, Reduce, Upsample2d
from pyexport.untrusted import printable

Pair = tuple[int, int]


def _max_pool(low: Lowering, call: Call) -> Value:
    x, dims = _image(low, call)
    kernel, stride, pad = _window(low, call, dims)
    dilation = _pair(low, call, "dilation", dims, 1)
    op = MaxPool2d(kernel, stride, pad, dilation, low.flag(call, "ceil_mode"))
    return on_image(low.builder, op, x, printable(call.module))


def _average_pool(low: Lowering, call: Call) -> Value:
    x, dims = _image(low, call)
    if call.arguments.get("divisor_override") is not None:
        raise UnsupportedOperatorError(
            f"{low.at(call)} has a divisor_override; leave it out and multiply by a constant"
        )
    kernel, stride, pad = _window(low, call, dims)
    counted = low.flag(call, "count_include_pad", True)
    op = AveragePool2d(kernel, stride, pad, low.flag(call, "ceil_mode"), counted)
    return on_image(low.builder, op, x, printable(call.module))


def _adaptive(function: str) -> Handler:
    """Return a handler of adaptive "mean" or "max" pooling."""

    def handler(low: Lowering, call: Call) -> Value:
        x, dims = _image(low, call)
        wanted = low.integers(call, "output_size", dims, None)
        sizes = x.shape[1:]
        if all(n == 1 for n in wanted):
            return low.one(call, Reduce(function, tuple(range(1, dims + 1)), keep=True), x)
        if any(n < 1 or size % n for size, n in zip(sizes, wanted, strict=True)):
            raise UnsupportedOperatorError(
                f"{low.at(call)} makes {wanted} of {sizes}, windows of different sizes; take "
                "output sizes that divide these, or nn.AvgPool"
            )
        lengths = [size // n for size, n in zip(sizes, wanted, strict=True)]
        kernel = (lengths[0], lengths[1]) if dims == 2 else (1, lengths[0])
        op = AveragePool2d(kernel, kernel) if function == "mean" else MaxPool2d(kernel, kernel)
        return on_image(low.builder, op, x, printable(call.module))

    return handler


def _upsample(low: Lowering, call: Call) -> Value:
    x, dims = _image(low, call)
    stated = low.program.values.get(call.outputs[0]) if call.outputs else None
    wanted = stated.sizes[-dims:] if stated is not None else ()
    factors = []
    for size, n in zip(x.shape[1:], wanted, strict=False):
        if not isinstance(n, int) or n < size or n % size:
            raise UnsupportedOperatorError(
                f"{low.at(call)} enlarges {x.shape[1:]} to {wanted}; use a whole scale_factor"
            )
        factors.append(n // size)
    if len(factors) != dims:
        raise UnsupportedModelError(f"{low.at(call)} has no stated size; the file is damaged")
    op = Upsample2d((factors[0], factors[1]) if dims == 2 else (1, factors[0]))
    return on_image(low.builder, op, x, printable(call.module))


def _image(low: Lowering, call: Call) -> tuple[Value, int]:
    """Return the operand and its number of spatial dimensions, from the operator's name."""
    x = low.operand(call, "self" if "self" in call.arguments else "input")
    dims = 2 if "2d" in call.target else 1
    if len(x.shape) != dims + 1:
        raise UnsupportedModelError(
            f"{low.at(call)} is applied to {len(x.shape)} dimensions beside the batch, not "
            f"{dims + 1}; give it (batch, channels, {'height, ' if dims == 2 else ''}width)"
        )
    return x, dims


def _window(low: Lowering, call: Call, dims: int) -> tuple[Pair, Pair, tuple[int, int, int, int]]:
    """Return kernel, stride (by default the kernel) and padding."""
    kernel = _pair(low, call, "kernel_size", dims, 1)
    stated = call.arguments.get("stride")
    stride = kernel if stated is None or stated == [] else _pair(low, call, "stride", dims, 1)
    height, width = _pair(low, call, "padding", dims, 0)
    return kernel, stride, (height, width, height, width)


def _pair(low: Lowering, call: Call, key: str, dims: int, default: int) -> Pair:
    numbers = low.integers(call, key, dims, default)
    return (numbers[0], numbers[1]) if dims == 2 else (default, numbers[0])


POOL: Table = {
    **table(
        _max_pool, "max_pool1d.default", "max_pool2d.default", "max_pool2d_with_indices.default",
    ),
    **table(_average_pool, "avg_pool1d.default", "avg_pool2d.default"),
    **table(
        _adaptive("mean"), "adaptive_avg_pool1d.default", "adaptive_avg_pool2d.default",
        "_adaptive_avg_pool2d.default",
    ),
    **table(_adaptive("max"), "adaptive_max_pool1d.default", "adaptive_max_pool2d.default"),
    **table(
        _upsample, "upsample_nearest1d.vec", "upsample_nearest1d.default",
        "upsample_nearest2d.vec", "upsample_nearest2d.default", "_upsample_nearest_exact1d.vec",
        "_upsample_nearest_exact1d.default", "_upsample_nearest_exact2d.vec",
        "_upsample_nearest_exact2d.default",
    ),
}  # fmt: skip
