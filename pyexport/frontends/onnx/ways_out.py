"""What to do about an ONNX operator that the IR does not have: a short sentence a family."""

from __future__ import annotations

_DATA = "apply it to the data before the model, or to the outputs in your program"
_CONSTANT = "only a constant divisor or exponent is supported; write it as a multiplication"
_FAMILIES = {
    "unroll it: export the model with fixed sizes, without loops or branches": (
        "If", "Loop", "Scan", "SequenceAt", "SequenceConstruct", "SequenceInsert", "SequenceEmpty",
        "SplitToSequence", "ConcatFromSequence", "Optional", "OptionalGetElement",
    ),
    _CONSTANT: ("Div", "Pow", "Reciprocal", "Mod"),
    "use LSTM or GRU": ("RNN",),
    "use BatchNormalization, which is folded into the weights, or LayerNormalization": (
        "InstanceNormalization", "GroupNormalization", "LRN", "RMSNormalization",
        "MeanVarianceNormalization", "LpNormalization",
    ),
    "use Resize with mode nearest and a whole factor": ("GridSample", "AffineGrid", "RoiAlign"),
    "use MaxPool or AveragePool": ("LpPool", "MaxUnpool", "MaxRoiPool"),
    "use ReduceMean, ReduceSum or ReduceMax": (
        "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp",
        "ReduceSumSquare", "CumSum", "CumProd",
    ),
    "use Relu, Clip, Sigmoid, Tanh or another activation of docs/formats.md": (
        "Erf", "Log", "Sqrt", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh",
        "Asinh", "Acosh", "Atanh", "Sign", "Round", "Floor", "Ceil", "Shrink", "ThresholdedRelu",
        "Hardmax",
    ),
    _DATA: (
        "Cast", "CastLike", "OneHot", "NonZero", "TopK", "Unique", "Where", "Greater", "Less",
        "GreaterOrEqual", "LessOrEqual", "Equal", "And", "Or", "Xor", "Not", "IsNaN", "IsInf",
        "StringNormalizer", "TfIdfVectorizer", "ImageDecoder", "STFT", "DFT", "MelWeightMatrix",
        "NonMaxSuppression", "ArgMin", "GatherElements", "GatherND", "ScatterND", "Scatter",
        "ScatterElements", "Compress", "ReverseSequence", "Bernoulli", "RandomNormal",
    ),
    "export the float model; pyexport chooses the integers itself": (
        "QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger",
        "MatMulInteger", "DynamicQuantizeLinear",
    ),
    "broadcasting needs no Expand: leave it out": ("Expand", "Tile"),
    "write it as MatMul, Mul and Softmax": ("Attention", "Einsum", "FlexAttention"),
    "use MaxPool, Clip or Relu": ("Max", "Min"),
}  # fmt: skip
_ADVICE = {name: advice for advice, names in _FAMILIES.items() for name in names}


def way_out(operator: str) -> str:
    """Return advice for an operator like "Erf"."""
    if "." in operator:  # with its domain
        return "export with standard operators only"
    return _ADVICE.get(operator, "build the model from the operators of docs/formats.md")
