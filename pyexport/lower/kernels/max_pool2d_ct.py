"""The largest byte of each window, without a branch that an input decides."""

from dataclasses import replace

from pyexport.lower.kernels import max_pool2d

KERNEL = replace(
    max_pool2d.KERNEL,
    name="max_pool2d_ct",
    template="ops/max_pool2d_ct.h.j2",
    goals=("constant-time",),
    constant_time=True,
)
