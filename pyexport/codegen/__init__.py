"""Prints a Program as C: decisions in Python, C in the templates."""

from pyexport.codegen.firmware import render_names
from pyexport.codegen.info import Column, Decision, HeaderInfo, Port, StoredVectors
from pyexport.codegen.package import PACKAGES, default_folder, package_kind, render_package
from pyexport.codegen.render import render_header

__all__ = [
    "PACKAGES",
    "Column",
    "Decision",
    "HeaderInfo",
    "Port",
    "StoredVectors",
    "default_folder",
    "package_kind",
    "render_header",
    "render_names",
    "render_package",
]
