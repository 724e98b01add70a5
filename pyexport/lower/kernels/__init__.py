"""The kernel registry. The first kernel of the list that matches a node computes it."""

from pyexport.lower.kernel import Kernel
from pyexport.lower.kernels import (
    linear_f32,
    linear_q15x,
    linear_q15x_shifts,
    softmax_f32,
    softmax_q15,
)

KERNELS: tuple[Kernel, ...] = (
    linear_q15x.KERNEL,
    linear_q15x_shifts.KERNEL,  # after linear_q15x: it takes any integer linear layer
    softmax_q15.KERNEL,
    linear_f32.KERNEL,
    softmax_f32.KERNEL,
)
