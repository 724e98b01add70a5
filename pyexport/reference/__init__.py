"""Float evaluation of a Graph and the gradients on its inputs, with NumPy alone.

One file a family of operators; registry.py joins their rules.
"""

from pyexport.reference.evaluation import (
    evaluate,
    forward,
    input_gradients,
    value_and_gradient,
)

__all__ = ["evaluate", "forward", "input_gradients", "value_and_gradient"]
