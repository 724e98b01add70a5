"""The kernel registry. The first kernel of the list that matches a node computes it."""

from pyexport.lower.kernel import Kernel
from pyexport.lower.kernels import (
    add_q15,
    affine_f32,
    affine_q15x,
    affine_q15x_shifts,
    average_pool2d_q15x,
    concat,
    constant,
    conv2d_q15x,
    conv_transpose2d_q15x,
    gather,
    linear_f32,
    linear_q15x,
    linear_q15x_shifts,
    max_pool2d,
    mul_q15x,
    pad,
    prelu_q15,
    reduce_max,
    reduce_q15x,
    softmax_f32,
    softmax_q15,
    table_u8,
)

KERNELS: tuple[Kernel, ...] = (
    linear_q15x.KERNEL,
    linear_q15x_shifts.KERNEL,  # after linear_q15x: it takes any integer linear layer
    affine_q15x.KERNEL,
    affine_q15x_shifts.KERNEL,  # likewise
    softmax_q15.KERNEL,
    add_q15.KERNEL,
    average_pool2d_q15x.KERNEL,
    concat.KERNEL,
    constant.KERNEL,
    conv2d_q15x.KERNEL,
    conv_transpose2d_q15x.KERNEL,
    gather.KERNEL,
    max_pool2d.KERNEL,
    mul_q15x.KERNEL,
    pad.KERNEL,
    prelu_q15.KERNEL,
    reduce_max.KERNEL,
    reduce_q15x.KERNEL,
    table_u8.KERNEL,
    linear_f32.KERNEL,
    affine_f32.KERNEL,
    softmax_f32.KERNEL,
)
