"""Products of two tensors' matrices: no operand is stored, so both keep their zero points."""

from dataclasses import replace

import numpy as np

from pyexport.errors import QuantizationError
from pyexport.integer.matmul import QuantizedMatMul, matmul_bounds
from pyexport.ir import MatMul
from pyexport.quantize.rules.base import Outcome, Request, one, product_ratio, scaling


def matmul(request: Request) -> Outcome:
    """Return the integer matrix product."""
    assert isinstance(request.node.op, MatMul)  # the registry asks for no other
    output = request.output_params(signed=request.any_negative)
    inputs = [
        replace(request.graph.tensor(name), dtype=source.dtype, quant=source)
        for name, source in zip(request.node.inputs, request.sources, strict=True)
    ]
    largest = max(map(abs, matmul_bounds(inputs)))
    if largest > 2**31 - 1:
        raise QuantizationError(
            f"{request.title}: a sum of {inputs[0].shape[-1]} products can leave 32 bits; "
            "multiply narrower matrices and add the results"
        )
    ratio = product_ratio(request, output)
    made = QuantizedMatMul(*scaling(ratio, np.array([max(largest, 1)], dtype=np.int64)))
    return one(request, made, output)
