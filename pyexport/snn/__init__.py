"""Spiking layers for PyTorch: trained with a surrogate gradient, exported as one node a layer.

Needs PyTorch, which `import pyexport` never loads. docs/spiking.md says what the layers compute.
"""

from pyexport.snn.modules import LIF, Encode, Readout
from pyexport.snn.nir_files import save_nir
from pyexport.snn.snntorch_nets import from_snntorch

__all__ = ["LIF", "Encode", "Readout", "from_snntorch", "save_nir"]
