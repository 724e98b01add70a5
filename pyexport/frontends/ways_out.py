"""What to do about an operator that has no kernel: one short sentence an operator family."""

from __future__ import annotations

SUPPORTED = "linear, relu, relu6, hardtanh, clamp, batch_norm, dropout, flatten and softmax"

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
    _DATA: ("add", "sub", "mul", "div", "rsub", "true_divide", "neg", "pow", "sqrt"),
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


def way_out(operator: str) -> str:
    """Return advice for an operator like "aten.gelu.default"."""
    parts = operator.split(".")
    name = parts[1].removesuffix("_") if len(parts) > 1 else operator
    return _ADVICE.get(name, f"build the model from {SUPPORTED}")
