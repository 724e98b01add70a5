#!/usr/bin/env python3
"""Writes the report of an export without installing: python scripts/report.py digits.h."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pyexport.cli import main  # the checkout must be on the path first

if __name__ == "__main__":
    sys.argv.insert(1, "report")
    main()
