"""Reads trained models from files and live objects into the IR, without running what they hold."""

from pyexport.frontends.loading import load_model
from pyexport.frontends.samples import read_samples

__all__ = ["load_model", "read_samples"]
