"""Prints a Program as C: decisions in Python, C in the templates."""

from pyexport.codegen.firmware import render_names
from pyexport.codegen.info import HeaderInfo, Port, StoredVectors
from pyexport.codegen.render import render_header

__all__ = ["HeaderInfo", "Port", "StoredVectors", "render_header", "render_names"]
