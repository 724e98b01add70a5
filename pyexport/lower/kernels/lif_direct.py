"""Spiking neurons that read the same numbers in every step: a sum of products, once."""

from __future__ import annotations

from pyexport.lower.kernels.spiking import is_direct
from pyexport.lower.kernels.spiking_bytes import byte_kernels

KERNELS = byte_kernels("lif_direct", is_direct)
