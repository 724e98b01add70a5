"""What layers have to do on cores that do not multiply: counts of digits.

There a product is a call of the compiler's library, whose loop goes over the digits of one factor.
GNU's compiler hands over the input as that one, but of a convolution that takes an offset off the
input the weight. The digits of a negative one fill a word. Kernels of our own
list the digits of the inputs, mask weights with them, or go over the digits of the weights, which
no input changes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pyexport.digits import Digits, digits_of, mean_digits, most_digits
from pyexport.integer.conv import Convolution, reads_padding
from pyexport.ir import Graph, Node, Op, Tensor
from pyexport.lower.lane_work import blocks_of

Work = dict[str, float]
Params = dict[str, Any]

ANY = Digits(32, 32, 16)  # the most that a word has
ONCE_MORE = ("products of signed bytes", "products with an offset")  # other counts hold them too
DIGITS, ONES = "digits of products", "ones of products"  # one loop: they cost the same everywhere
CALLED = (
    *("linear_q15x", "linear_q15x_shifts", "linear_q15x_s4"),
    "conv2d_q15x",
)
BY_WEIGHT = "conv2d_q15x"  # hands over the weight where it takes off an offset
OF_WEIGHTS = ("linear_q15x_ct", "conv2d_q15x_ct")  # in a loop of their own
RECURRENT = ("lstm_q15", "gru_q15")


def products(kernel: str, node: Node, p: Params, work: Work, seen: tuple[Digits, Digits]) -> Work:
    """Return counts of the digits that products take, beside the other counts of a kernel.

    seen: of what the node reads, and of hidden values that a recurrent one reads again.
    """
    reads, hidden = seen
    if kernel in RECURRENT:
        of_inputs, of_state = work["products of inputs"], work["products of the state"]
        return {
            DIGITS: of_inputs * reads.length + of_state * hidden.length,
            ONES: of_inputs * reads.ones + of_state * hidden.ones,
        }
    made = _made(work)
    if kernel in CALLED:
        swapped = kernel == BY_WEIGHT and p["in_zero"]
        factor = mean_digits(_weights(node.op)) if swapped else reads
        return {DIGITS: made * factor.length, ONES: made * factor.ones}
    if kernel in OF_WEIGHTS:
        weights = mean_digits([abs(weight) for weight in _weights(node.op)])
        return {"digits of weights": made * weights.length, "ones of weights": made * weights.ones}
    return {}


def _made(work: Work) -> float:
    pairs = work.get("pairs of products", 0.0)
    return pairs * 2 + sum(
        count
        for name, count in work.items()
        if name.startswith(("products", "single products")) and name not in ONCE_MORE
    )


def _weights(op: Op) -> list[int]:
    weight = getattr(op, "weight", None)
    assert isinstance(weight, np.ndarray)
    return [int(one) for one in weight.ravel()]


def listed_digits(p: Params, density: float, reads: Digits | None) -> Work:
    """Count a linear layer that lists the signed digits of its inputs, and adds weights by them."""
    n_in, signed = p["n_in"], (reads or ANY).signed
    words = [-(-size // 2) for size in blocks_of(p)]
    return {
        **_outputs(p),
        "inputs": n_in,
        "pairs of digits seen": n_in * density * -(-p["digits"] // 2),
        "digits listed": n_in * signed,
        "lists": p["digits"],
        "blocks": len(words),
        "words of blocks": sum(words),
        "lists of blocks": p["digits"] * len(words),
        "words doubled": p["digits"] * sum(words),
        "entries": n_in * signed * len(words),
        "shifts to rows": n_in * signed * sum(digits_of(n).signed for n in words),
        "words": n_in * signed * sum(words),
        "words beyond registers": n_in * signed * sum(max(n - IN_REGISTERS, 0) for n in words),
    }


IN_REGISTERS = 4  # sums of a block that stay in registers beside addresses and an entry


def masked_digits(p: Params) -> Work:
    """Count a linear layer that masks its weights with every digit of every input."""
    words = [-(-size // 2) for size in blocks_of(p)]
    steps = p["digits"] * p["n_in"]
    return {
        **_outputs(p),
        "blocks": len(words),
        "words of blocks": sum(words),
        "digits of blocks": p["digits"] * len(words),
        "words doubled": p["digits"] * sum(words),
        "masks": steps * len(words),
        "masks of signed bytes": steps * len(words) if p["in_low"] else 0,
        "words": steps * sum(words),
        "words beyond registers": steps * sum(max(n - IN_REGISTERS, 0) for n in words),
    }


def _outputs(p: Params) -> Work:
    """Count outputs, and the shifted sums that stand for their multipliers in the code."""
    return {
        "calls": 1,
        "outputs": p["n_out"],
        "terms of multipliers": sum(digits_of(int(m)).signed for m in p["multipliers"].split()),
    }


def most_read(node: Node, graph: Graph) -> tuple[Digits, Digits]:
    """Return the most digits of what a node multiplies, and of its hidden values."""
    if not node.inputs:
        return ANY, ANY
    source = graph.tensor(node.inputs[0])
    padded = isinstance(node.op, Convolution) and reads_padding(node.op)
    zero = source.quant.zero_point if padded and source.quant is not None else 0
    return _most(source, zero), _most(graph.tensor(node.outputs[0]), 0)


def _most(tensor: Tensor, zero: int) -> Digits:
    quant = tensor.quant
    if quant is None or quant.high - quant.low > 255:
        return ANY
    return most_digits(quant.low - zero, quant.high - zero)
