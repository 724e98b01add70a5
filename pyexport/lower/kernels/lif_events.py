"""Spiking neurons that read spikes: a list of the inputs that fired, and only their columns."""

from __future__ import annotations

from pyexport.lower.kernels.spiking import reads_spikes
from pyexport.lower.kernels.spiking_bytes import byte_kernels

KERNELS = byte_kernels("lif_events", reads_spikes)
