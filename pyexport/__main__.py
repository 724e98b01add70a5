"""Runs the command line: python -m pyexport."""

from pyexport.cli import main

main()
