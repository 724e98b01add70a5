"""What to do about an operator that has no kernel: one short sentence an operator family."""

from __future__ import annotations

from collections.abc import Iterable

SUPPORTED = (
    "linear, relu, relu6, hardtanh, clamp, batch_norm, dropout, flatten, softmax and arithmetic "
    "with constants"
)

_RELU = "use relu, which the integers compute exactly"
_ORDER = "end the model at its logits or with softmax: their order is the same"
_DATA = "apply it to the data before the model, or fold it into the next layer's weights"
_DENSE = "only fully connected networks are supported so far"

_FAMILIES = {
    _ORDER: ("log_softmax", "_log_softmax", "argmax", "logsumexp", "special_log_softmax", "topk"),
    _RELU: (
        "gelu", "silu", "tanh", "elu", "selu", "celu", "leaky_relu", "prelu", "hardswish",
        "softplus", "mish", "hardsigmoid", "threshold", "rrelu", "softsign", "logsigmoid", "exp",
        "log_sigmoid_forward",
    ),
    f"{_RELU}; at the end of a classifier, stop at the logits: their order is the same": (
        "sigmoid",
    ),
    "only constants can be added or multiplied so far, not two computed tensors": (
        "add", "sub", "mul", "div", "rsub", "true_divide", "subtract", "multiply", "divide",
    ),
    _DATA: ("pow", "sqrt", "abs", "square", "floor_divide", "remainder"),
    _DENSE: (
        "conv1d", "conv2d", "conv3d", "convolution", "max_pool1d", "max_pool2d", "avg_pool1d",
        "avg_pool2d", "adaptive_avg_pool2d", "adaptive_avg_pool1d", "mean", "lstm", "gru",
        "rnn_tanh", "rnn_relu", "scaled_dot_product_attention", "embedding", "cat", "stack",
    ),
    "remove the layer, or use BatchNorm, which is folded into the weights": (
        "layer_norm", "native_layer_norm", "group_norm", "rms_norm", "instance_norm",
    ),
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
    """Return advice for an operator like "aten.gelu.default" among others of a graph."""
    if not _DECOMPOSED.isdisjoint(beside):
        return "the file is decomposed: save it again without run_decompositions()"
    parts = operator.split(".")
    name = parts[1].removesuffix("_") if len(parts) > 1 else operator
    return _ADVICE.get(name, f"build the model from {SUPPORTED}")
