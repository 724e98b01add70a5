"""What to do about an operator that cannot be read: one short sentence an operator family."""

from __future__ import annotations

from collections.abc import Iterable

SUPPORTED = (
    "linear, convolution, pooling, BatchNorm, LayerNorm, LSTM, GRU, spiking layers of "
    "pyexport.snn, activations, +, -, *, concatenation, slices and reshapes (docs/operators.md)"
)

_CURVE = "use one of relu, leaky_relu, elu, sigmoid, tanh, hardswish, silu and gelu"
_DATA = "apply it to the data before the model, or fold it into the next layer's weights"

_FAMILIES = {
    "end the model at its logits or with softmax: their order is the same": (
        "logsumexp", "topk", "sort", "special_log_softmax",
    ),
    _CURVE: (
        "hardshrink", "softshrink", "tanhshrink", "threshold", "rrelu", "softsign", "sin", "cos",
        "glu", "erf",
    ),
    "divide by a constant; two computed tensors can be added, subtracted and multiplied": (
        "div", "true_divide", "divide", "reciprocal", "rsub",
    ),
    _DATA: ("pow", "sqrt", "rsqrt", "log", "square", "floor_divide", "remainder"),
    "use one or two dimensions: nn.Conv1d, nn.Conv2d and their pooling": (
        "conv3d", "conv_transpose3d", "max_pool3d", "avg_pool3d", "adaptive_avg_pool3d",
    ),
    "use nn.LSTM or nn.GRU with batch_first=True": (
        "rnn_tanh", "rnn_relu", "rnn_tanh_cell", "rnn_relu_cell",
    ),
    "use BatchNorm, which is folded into the weights, or LayerNorm": (
        "group_norm", "native_group_norm", "rms_norm", "instance_norm", "local_response_norm",
    ),
    "use nearest upsampling by a whole factor, or a transposed convolution": (
        "upsample_bilinear2d", "upsample_linear1d", "upsample_bicubic2d", "grid_sampler",
        "pixel_shuffle",
    ),
    "look the rows up before the model, and give it the vectors": (
        "embedding", "embedding_bag", "index", "index_select", "gather",
    ),
    "pad with a constant": ("reflection_pad1d", "reflection_pad2d", "replication_pad2d"),
}  # fmt: skip
_ADVICE = {name: advice for advice, names in _FAMILIES.items() for name in names}
_DECOMPOSED = {  # operators that run_decompositions() leaves behind
    f"aten.{name}"
    for name in (
        "addmm.default", "_native_batch_norm_legit_no_training.default", "_softmax.default",
        "_log_softmax.default", "convolution.default", "native_layer_norm.default",
        "native_group_norm.default", "max_pool2d_with_indices.default",
    )
}  # fmt: skip


def way_out(operator: str, beside: Iterable[str] = ()) -> str:
    """Return advice for an operator like "aten.glu.default" among others of a graph."""
    if not _DECOMPOSED.isdisjoint(beside):
        return "the file is decomposed: save it again without run_decompositions()"
    parts = operator.split(".")
    name = parts[1].removesuffix("_") if len(parts) > 1 else operator
    return _ADVICE.get(name, f"build the model from {SUPPORTED}")
